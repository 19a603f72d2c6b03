"""The account, a lab's models, mandates: what is made, shown once, ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.errors import Conflict
from registry.parties import service as parties
from registry.parties.throttle import FREE_BY_ACCOUNT
from tests.support.browsing import Browser, signed_in

Person = Any


# -- keys -----------------------------------------------------------------------------------------------------
def test_a_key_is_shown_once_and_works_until_it_is_revoked(person: Callable[..., Person]) -> None:
    anna = person()
    anna.browser.open("/en/account")
    made = anna.browser.send("/en/account/keys", {"name": "Laptop", "scope": ["works:read", "check"]})
    key = re.search(r"vbk_[\w-]{47}", made.text)
    assert key is not None
    headers = {"Authorization": f"Bearer {key[0]}"}
    assert anna.browser.client.get("/v1/works", headers=headers).status_code == 200
    assert anna.browser.client.get("/v1/accounts/me", headers=headers).status_code == 403

    page = anna.browser.open("/en/account").text
    assert key[0] not in page
    assert "read works, check items" in page
    revoke = re.search(r'action="(/en/account/keys/key_\w+/revoke)"', page)
    assert revoke is not None
    assert anna.browser.send(revoke[1]).status_code == 303
    assert anna.browser.client.get("/v1/works", headers=headers).status_code == 401
    assert "Revoked" in anna.browser.read("/en/account")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"name": "", "scope": "check"}, "Geben Sie dem Schlüssel einen Namen."),
        ({"name": "x"}, "Wählen Sie mindestens eines"),
        ({"name": "x", "scope": "operate"}, "Wählen Sie mindestens eines"),
        ({"name": "x", "scope": "claims:write"}, "Wählen Sie mindestens eines"),
    ],
)
def test_a_key_needs_a_name_and_something_to_do(
    person: Callable[..., Person], data: dict[str, str], sentence: str
) -> None:
    anna = person()
    anna.browser.open("/de/account")
    answer = anna.browser.send("/de/account/keys", data)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Sie haben noch keine Schlüssel." in answer.text


# -- models ---------------------------------------------------------------------------------------------------
def test_models_are_named_once(person: Callable[..., Person]) -> None:
    lab = person(Role.LAB)
    assert "No model yet." in lab.browser.read("/en/models")
    lab.browser.open("/en/models")
    heron = {"name": "heron", "version": "1"}
    assert lab.browser.send("/en/models", heron).status_code == 303
    again = lab.browser.send("/en/models", heron)

    assert again.status_code == 422
    assert "You have named this version already." in again.text
    assert lab.browser.send("/en/models", {"name": "", "version": "2"}).status_code == 422
    assert "model_" in lab.browser.read("/en/models")


# -- mandates -------------------------------------------------------------------------------------------------
def test_a_mandate_is_given_seen_by_both_and_ended(person: Callable[..., Person]) -> None:
    anna, society = person(), person(Role.SOCIETY, "VG Musterkunst")
    anna.browser.open("/en/mandates")
    data = {"agent": society.id, "repertoire": "image", "may": ["grant", "collect"]}
    assert anna.browser.send("/en/mandates", data).status_code == 303
    assert "VG Musterkunst" in anna.browser.read("/en/mandates")
    assert "all pictures" in society.browser.read("/en/mandates")

    page = society.browser.open("/en/mandates").text
    end = re.search(r'action="(/en/mandates/mandate_\w+/end)"', page)
    assert end is not None
    assert society.browser.send(end[1]).status_code == 303
    assert "Ended" in anna.browser.read("/en/mandates")


def test_each_mandate_leads_to_what_it_lets_the_society_see(person: Callable[..., Person]) -> None:
    anna, society = person(), person(Role.SOCIETY, "VG Musterkunst")
    anna.browser.open("/en/mandates")
    for may in ("register", "collect"):
        data = {"agent": society.id, "repertoire": "all", "may": may}
        assert anna.browser.send("/en/mandates", data).status_code == 303
    links = re.findall(
        r'href="/en/(works\?owner|statements\?party)=', society.browser.open("/en/mandates").text
    )
    assert links == ["statements?party", "works?owner"]  # the newest first
    assert "No mandate has these words." in society.browser.read("/en/mandates?q=Nobody")
    assert "1 person, the newest mandate first." in society.browser.read(f"/en/mandates?q={anna.id}")
    table = society.browser.open("/en/mandates.csv").text.splitlines()
    assert [line.split(",")[3:5] for line in table[1:]] == [["collect", "all"], ["register", "all"]]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"agent": "VG", "may": "grant"}, "Kopieren Sie die Nummer"),
        ({"agent": "LAB", "may": "grant"}, "Unter dieser Nummer gibt es keine Gesellschaft"),
        ({"agent": "party_00000000000000000000000000", "may": "grant"}, "Unter dieser Nummer"),
        ({"agent": "SELF", "may": "grant"}, "Unter dieser Nummer"),
        ({"agent": "LAB"}, "Wählen Sie mindestens eines"),
    ],
)
def test_a_mandate_needs_somebody_and_something(
    person: Callable[..., Person], data: dict[str, str], sentence: str
) -> None:
    anna, lab = person(), person(Role.LAB)
    agent = {"LAB": lab.id, "SELF": anna.id}.get(data["agent"], data["agent"])
    anna.browser.open("/de/mandates")
    answer = anna.browser.send("/de/mandates", data | {"agent": agent})

    assert answer.status_code == 422
    assert sentence in answer.text


# -- password -------------------------------------------------------------------------------------------------
OLD, NEW = "vier blaue Reiher 7", "ein Kamm aus Horn 12"


@pytest.fixture
def wanda(app: Flask, database: Database, sources: Sources) -> Callable[[], Browser]:
    """Signs somebody with a password in, each time in another browser."""
    with database.writing() as session:
        command = parties.RegisterParty(Role.CREATOR, "Wanda", "wanda@example.org", OLD)
        actor = parties.actor_of(parties.register_party(session, command, sources))
    return lambda: signed_in(app, database, sources, actor)


def sign_in(app: Flask, password: str) -> int:
    browser = Browser(app)
    browser.open("/en/sign-in")
    return int(browser.send("/en/sign-in", {"email": "wanda@example.org", "password": password}).status_code)


def test_a_new_password_ends_other_sessions_and_the_old_one(app: Flask, wanda: Callable[[], Browser]) -> None:
    here, there = wanda(), wanda()
    here.open("/en/account")
    assert there.open("/en/account").status_code == 200
    changed = here.send("/en/account/password", {"current": OLD, "password": NEW})

    assert changed.status_code == 200
    assert "Your password is changed." in changed.text
    assert OLD not in changed.text
    assert NEW not in changed.text
    assert here.open("/en/account").status_code == 200
    assert there.open("/en/account").status_code == 303
    assert sign_in(app, OLD) == 401
    assert sign_in(app, NEW) == 303


@pytest.mark.parametrize(
    ("current", "new", "sentence"),
    [
        ("geraten geraten 1", NEW, "Das ist nicht Ihr jetziges Passwort."),
        (OLD, "kurz", "Nehmen Sie 12 bis 256 Zeichen"),
        (OLD, "wanda@example.org", "Nehmen Sie 12 bis 256 Zeichen"),
        (OLD, OLD, "Nehmen Sie 12 bis 256 Zeichen"),
    ],
)
def test_a_password_that_is_not_taken_changes_nothing(
    wanda: Callable[[], Browser], database: Database, current: str, new: str, sentence: str
) -> None:
    here, there = wanda(), wanda()
    here.open("/de/account")
    refused = here.send("/de/account/password", {"current": current, "password": new})

    assert refused.status_code == 422
    assert sentence in refused.text
    assert there.open("/de/account").status_code == 200
    with database.reading() as session:
        assert parties.log_in(session, "wanda@example.org", OLD).role is Role.CREATOR


def test_guessing_the_current_password_is_slowed_down(wanda: Callable[[], Browser]) -> None:
    """As at the door: who finds a browser open has no more attempts, and not even the right one helps then."""
    here = wanda()
    here.open("/en/account")
    for n in range(FREE_BY_ACCOUNT):
        guess = {"current": f"geraten geraten {n}", "password": NEW}
        assert here.send("/en/account/password", guess).status_code == 422
    late = here.send("/en/account/password", {"current": OLD, "password": NEW})

    assert late.status_code == 429
    assert "Too many attempts." in late.text


def test_of_two_changes_at_once_one_is_refused(
    wanda: Callable[[], Browser], database: Database, sources: Sources
) -> None:
    with database.reading() as session:
        actor = parties.log_in(session, "wanda@example.org", OLD)
        first, second = (parties.accept_password(session, actor, OLD, f"{NEW} {n}") for n in range(2))
    with database.writing() as session:
        parties.set_password(session, actor, first)
    with pytest.raises(Conflict), database.writing() as session:
        parties.set_password(session, actor, second)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_each_role_is_told_what_it_is_told_of(person: Callable[..., Person]) -> None:
    """Labs have no works; operators and auditors are told of nothing, and choose a language at most."""
    browsers = {role: person(role, role.value).browser for role in Role}
    about = {role: browser.read("/en/account") for role, browser in browsers.items()}
    linked = {role: ("to your works" in page, "of your requests" in page) for role, page in about.items()}
    pages = {role: browser.read("/en/account/notices") for role, browser in browsers.items()}
    headed = {role: ("To your works" in page, "To your requests" in page) for role, page in pages.items()}
    assert linked == headed
    assert linked == {
        Role.CREATOR: (True, False),
        Role.SOCIETY: (True, False),
        Role.LAB: (False, True),
        Role.OPERATOR: (False, False),
        Role.AUDITOR: (False, False),
    }


def test_an_account_without_a_password_is_not_offered_one(person: Callable[..., Person]) -> None:
    anna = person()
    assert "/account/password" not in anna.browser.open("/en/account").text
    assert anna.browser.send("/en/account/password", {"current": "", "password": NEW}).status_code == 422
