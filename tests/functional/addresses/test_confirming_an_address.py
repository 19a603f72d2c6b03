"""Addresses: confirmed by a link that works once, changed by another, and no answer that tells who has an account."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from registry.addresses import service as addresses
from registry.addresses.models import AddressLink, Letter
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.outbox import Mail, Post
from registry.base.settings import Settings
from registry.core.errors import Conflict
from registry.parties import service as parties
from registry.parties.models import Party
from registry.work import outboxes
from tests.factories import PASSWORD, Clock
from tests.support.browsing import Browser, text_of

ADDRESS = "wanda@example.org"
NEW = {"role": "creator", "name": "Wanda", "email": ADDRESS, "password": PASSWORD}
LINK = re.compile(
    r"https://registry\.example(/(?:en|de)/(?:confirm|new-password)/([\w-]{43}))$", re.MULTILINE
)


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A registry that sends mails; here they are read in the outbox."""
    return Settings(
        tmp_path,
        database_url=str(database.engine.url),
        origin="registry.example",
        mail_host="127.0.0.1",
        mail_tls="none",
        mail_from="registry@registry.example",
    )


class Postman:
    """Takes what is due, as the worker does."""

    def __init__(self, settings: Settings, database: Database, sources: Sources) -> None:
        self._settings, self._database, self._sources = settings, database, sources

    def take(self) -> list[Post]:
        """All mails that are due now."""
        taken = []
        for outbox in outboxes(self._settings):
            with self._database.reading() as session:
                due = outbox.due(session, 0, 99)
            for key in due:
                post = outbox.compose(self._database, key, self._sources)
                with self._database.writing() as session:
                    outbox.record(session, key, Mail.NONE if post is None else Mail.SENT, self._sources.now())
                taken += [] if post is None else [post]
        return taken

    def link(self) -> str:
        """The path of the only link in the only mail that is due."""
        (post,) = self.take()
        (found,) = LINK.findall(post.text)
        return str(found[0])


@pytest.fixture
def postman(settings: Settings, database: Database, sources: Sources) -> Postman:
    """Brings the mails."""
    return Postman(settings, database, sources)


def sign_up(app: Flask, **more: str) -> tuple[Browser, Any]:
    browser = Browser(app)
    browser.open("/en/sign-up")
    return browser, browser.send("/en/sign-up", NEW | more)


def confirmed(app: Flask, postman: Postman, **more: str) -> Browser:
    browser, _ = sign_up(app, **more)
    page = postman.link()
    browser.open(page)
    assert browser.send(page).status_code == 200
    return browser


def plain(page: str) -> str:
    """A page without what is different each time."""
    return re.sub(r"[0-9a-f]{64}|party_\w{26}|session_\w{26}", "", page)


# -- confirming -----------------------------------------------------------------------------------------------
def test_an_account_works_at_once_and_is_confirmed_by_the_link(
    app: Flask, postman: Postman, database: Database
) -> None:
    browser, answer = sign_up(app)
    assert answer.headers["Location"] == "/en/works"
    assert "not confirmed yet" in browser.read("/en/works")
    page = postman.link()
    with database.reading() as session:
        kept = session.scalars(select(AddressLink)).one()
        assert kept.digest == hashlib.sha256(page.rpartition("/")[2].encode()).digest()
    assert ADDRESS in browser.read(page)
    assert "not confirmed" in browser.read("/en/account")  # to look is not to confirm

    browser.open(page)
    assert browser.send(page).status_code == 200
    assert "not confirmed" not in browser.read("/en/account")
    assert "not confirmed yet" not in browser.read("/en/works")
    assert browser.send(page).status_code == 404  # once


@pytest.mark.parametrize("days", [2, 4])
def test_a_link_expires(app: Flask, postman: Postman, clock: Clock, days: int) -> None:
    browser, _ = sign_up(app)
    page = postman.link()
    clock.advance(days=days)
    browser.open("/en/account")
    assert browser.send(page).status_code == (200 if days < 3 else 404)


def test_signing_up_answers_alike_whether_or_not_the_address_is_taken(
    app: Flask, postman: Postman, database: Database
) -> None:
    confirmed(app, postman)
    stranger, taken = sign_up(app)
    (to_owner,) = postman.take()
    other, free = sign_up(app, email="olga@example.org")
    (to_olga,) = postman.take()

    assert (taken.status_code, taken.headers["Location"]) == (free.status_code, free.headers["Location"])
    pages = [
        plain(b.read("/en/account")).replace(a, "")
        for b, a in ((stranger, ADDRESS), (other, "olga@example.org"))
    ]
    assert pages[0] == pages[1]
    assert "You have an account already" in to_owner.subject
    assert "/confirm/" not in to_owner.text
    assert "/confirm/" in to_olga.text
    with database.reading() as session:
        assert (
            session.scalars(select(Party.email_confirmed_at).where(Party.email == ADDRESS)).all().count(None)
            == 1
        )


def test_who_names_an_address_first_does_not_keep_its_owner_out(app: Flask, postman: Postman) -> None:
    sign_up(app, name="Mallory", password="nine loud magpies call")
    theirs = postman.link()
    wanda = confirmed(app, postman)
    assert wanda.send(theirs).status_code == 409  # even the old link gives it to nobody else

    browser = Browser(app)
    browser.open("/en/sign-in")
    assert browser.send("/en/sign-in", {"email": ADDRESS, "password": PASSWORD}).status_code == 303
    assert "Wanda" in browser.read("/en/account")


def test_five_letters_a_day_are_enough(app: Flask, postman: Postman, clock: Clock) -> None:
    browser, _ = sign_up(app)
    browser.open("/en/account")
    answers = [browser.send("/en/account/address/again").status_code for _ in range(6)]
    assert answers == [303, 303, 303, 303, 429, 429]
    assert len(postman.take()) == 5
    for name in ("Xaver", "Yara"):  # nor can others have more sent there
        sign_up(app, name=name)
    assert postman.take() == []
    clock.advance(days=1, seconds=1)
    browser.open("/en/account")
    assert browser.send("/en/account/address/again").status_code == 303
    assert len(postman.take()) == 1


def test_a_bank_account_needs_a_confirmed_address(app: Flask, postman: Postman) -> None:
    browser, _ = sign_up(app)
    bank = {"holder": "Wanda", "iban": "DE89370400440532013000", "password": PASSWORD}
    assert "confirm your e-mail address first" in browser.read("/en/payouts")
    browser.open("/en/account")
    assert browser.send("/en/payouts/bank-account", bank).status_code == 409
    client: Any = app.test_client()
    asked = {"email": ADDRESS, "password": PASSWORD, "name": "k", "scopes": ["account", "statements:read"]}
    key = client.post("/v1/keys", json=asked).json["key"]
    headers = {"Authorization": f"Bearer {key}"}
    refused = client.put("/v1/bank-account", json=bank, headers=headers)
    assert refused.status_code == 409
    assert "Confirm your e-mail address" in refused.json["detail"]

    page = postman.link()
    assert client.post("/v1/address-confirmations", json={"secret": page[-43:]}).status_code == 204
    assert client.put("/v1/bank-account", json=bank, headers=headers).status_code == 200
    assert client.get("/v1/accounts/me", headers=headers).json["email_confirmed_at"]


# -- changing -------------------------------------------------------------------------------------------------
def test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(
    app: Flask, postman: Postman
) -> None:
    browser = confirmed(app, postman)
    browser.open("/en/account/address")
    wish = {"email": "new@example.org", "password": PASSWORD}
    assert browser.send("/en/account/address", wish | {"password": "wrong password"}).status_code == 422
    assert browser.send("/en/account/address", wish | {"email": ADDRESS}).status_code == 422
    assert postman.take() == []
    assert browser.send("/en/account/address", wish).status_code == 303
    by_address = {post.recipient: post for post in postman.take()}
    assert by_address.keys() == {ADDRESS, "new@example.org"}
    assert "take this one’s place" in by_address[ADDRESS].subject
    account = browser.read("/en/account")
    assert f"Now {ADDRESS} confirmed" in account
    assert "To come new@example.org not confirmed" in account

    (page, _secret) = LINK.findall(by_address["new@example.org"].text)[0]
    assert browser.send(page).status_code == 200
    (told,) = postman.take()
    assert (told.recipient, "another address now" in told.subject) == (ADDRESS, True)
    assert "Now new@example.org confirmed" in browser.read("/en/account")


@pytest.mark.parametrize("by", ["/en/account/address/keep", "/en/account/password"])
def test_a_change_can_be_taken_back(app: Flask, postman: Postman, by: str) -> None:
    browser = confirmed(app, postman)
    browser.open("/en/account/address")
    browser.send("/en/account/address", {"email": "new@example.org", "password": PASSWORD})
    page = next(
        LINK.findall(post.text)[0][0]
        for post in postman.take()
        if "confirm" in post.text and LINK.search(post.text)
    )
    browser.open("/en/account")
    answer = browser.send(by, {"current": PASSWORD, "password": "eight calm cranes stand"})
    assert answer.status_code in {200, 303}
    assert browser.send(page).status_code == 404
    assert "new@example.org" not in browser.read("/en/account")


def test_an_address_of_somebody_else_cannot_be_taken(app: Flask, postman: Postman) -> None:
    confirmed(app, postman)
    browser = confirmed(app, postman, email="olga@example.org", name="Olga")
    browser.open("/en/account/address")
    assert browser.send("/en/account/address", {"email": ADDRESS, "password": PASSWORD}).status_code == 303
    to_wanda = next(post for post in postman.take() if post.recipient == ADDRESS)
    assert "/confirm/" not in to_wanda.text


# -- a forgotten password -------------------------------------------------------------------------------------
def ask(app: Flask, email: str) -> tuple[Browser, str]:
    browser = Browser(app)
    browser.open("/en/forgotten")
    answer = browser.send("/en/forgotten", {"email": email})
    assert answer.status_code == 200
    return browser, text_of(answer.text).replace(email, "")


def test_a_forgotten_password_is_replaced_and_everybody_signed_out(
    app: Flask, postman: Postman, database: Database
) -> None:
    wanda = confirmed(app, postman)
    browser, answer = ask(app, ADDRESS)
    _, of_nobody = ask(app, "nobody@example.org")
    assert answer == of_nobody
    page = postman.link()
    with database.reading() as session:  # what somebody typed and is nobody's is not kept
        assert "nobody@example.org" not in session.scalars(select(Letter.address)).all()

    browser.open(page)
    assert browser.send(page, {"password": "short"}).status_code == 422
    assert browser.send(page, {"password": "eight calm cranes stand"}).status_code == 200
    assert wanda.open("/en/account").status_code == 303
    (told,) = postman.take()
    assert "password" in told.subject
    assert browser.send(page, {"password": "other calm cranes stand"}).status_code == 404
    browser.open("/en/sign-in")
    wrong = browser.send("/en/sign-in", {"email": ADDRESS, "password": PASSWORD})
    right = browser.send("/en/sign-in", {"email": ADDRESS, "password": "eight calm cranes stand"})
    assert (wrong.status_code, right.status_code) == (401, 303)


def test_the_link_for_a_password_holds_for_an_hour(app: Flask, postman: Postman, clock: Clock) -> None:
    confirmed(app, postman)
    browser, _ = ask(app, ADDRESS)
    page = postman.link()
    clock.advance(hours=1)
    assert browser.open(page).status_code == 404
    assert browser.send(page, {"password": "eight calm cranes stand"}).status_code == 404


def test_who_opened_an_account_in_my_name_is_thrown_out_of_it(app: Flask, postman: Postman) -> None:
    """A stranger opened it and made a key; by a new password it becomes mine alone."""
    stranger, _ = sign_up(app)
    stranger.open("/en/account")
    stranger.send("/en/account/keys", {"name": "k", "scope": "works:read"})
    postman.take()
    browser, _ = ask(app, ADDRESS)
    page = postman.link()
    browser.open(page)
    assert browser.send(page, {"password": "eight calm cranes stand"}).status_code == 200
    assert stranger.open("/en/account").status_code == 303
    browser.open("/en/sign-in")
    browser.send("/en/sign-in", {"email": ADDRESS, "password": "eight calm cranes stand"})
    account = browser.read("/en/account")
    assert "Revoked" in account
    assert f"{ADDRESS} confirmed" in account


def test_over_the_api_too(app: Flask, postman: Postman) -> None:
    client: Any = app.test_client()
    opened = client.post("/v1/accounts", json=NEW | {"language": "de"})
    assert (opened.status_code, opened.json["email_confirmed_at"]) == (201, None)
    (post,) = postman.take()
    assert post.subject == "Bestätigen Sie Ihre E-Mail-Adresse"
    for email in (ADDRESS, "nobody@example.org"):
        asked = client.post("/v1/forgotten-passwords", json={"email": email})
        assert (asked.status_code, asked.data) == (204, b"")
    new = {"secret": postman.link()[-43:], "password": "eight calm cranes stand"}
    assert client.post("/v1/forgotten-passwords/new", json=new | {"secret": "x"}).status_code == 404
    assert client.post("/v1/forgotten-passwords/new", json=new).status_code == 204
    assert client.post("/v1/forgotten-passwords/new", json=new).status_code == 404
    wanted = {"email": ADDRESS, "password": new["password"], "name": "k", "scopes": ["account"]}
    key = {"Authorization": f"Bearer {client.post('/v1/keys', json=wanted).json['key']}"}
    change = {"email": "new@example.org", "password": "wrong password"}
    assert client.post("/v1/accounts/me/confirmation", json={}, headers=key).status_code == 422
    assert client.post("/v1/accounts/me/email", json=change, headers=key).status_code == 401
    change["password"] = new["password"]
    assert client.post("/v1/accounts/me/email", json=change, headers=key).status_code == 204
    assert client.post("/v1/accounts/me/confirmation", json={}, headers=key).status_code == 204


# -- without mails, and afterwards ----------------------------------------------------------------------------
def test_a_registry_without_mails_says_that_an_address_is_taken(database: Database, sources: Sources) -> None:
    command = parties.RegisterParty(Role.CREATOR, "Wanda", ADDRESS, PASSWORD)
    with database.writing() as session:
        party = parties.register_party(session, command, sources)
        addresses.ask_to_confirm(session, party, "en", sources)
    with pytest.raises(Conflict), database.writing() as session:
        parties.register_party(session, replace(command, name="Olga"), sources)


def test_all_are_asked_once_after_an_upgrade(
    database: Database, sources: Sources, clock: Clock, postman: Postman
) -> None:
    with database.writing() as session:
        for name in ("anna", "ben"):
            command = parties.RegisterParty(Role.CREATOR, name, f"{name}@example.org", PASSWORD, "de")
            parties.register_party(session, command, sources)
        parties.register_party(session, parties.RegisterParty(Role.LAB, "By keys only"), sources)
    for asked in (2, 0):
        with database.writing() as session:
            assert addresses.ask_everybody(session, sources) == asked
    assert {post.recipient for post in postman.take()} == {"anna@example.org", "ben@example.org"}
    clock.advance(days=31)
    with database.writing() as session:
        assert addresses.forget_letters(session, clock()) == 2
        assert session.scalars(select(AddressLink)).all() == []
