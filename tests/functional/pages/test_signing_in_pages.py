"""Sign up, sign in, sign out: what is taken, what is refused at which field, and what a forged form meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.parties import service as parties
from registry.parties.models import LoginSession, Party
from tests.factories import PASSWORD, Clock
from tests.support.browsing import Browser, signed_in, text_of

Person = Any
NEW = {"role": "creator", "name": "Wanda", "email": "wanda@example.org", "password": PASSWORD}


@pytest.fixture
def wanda(database: Database, sources: Sources) -> None:
    """An account with a password."""
    command = parties.RegisterParty(Role.CREATOR, "Wanda", NEW["email"], PASSWORD)
    with database.writing() as session:
        parties.register_party(session, command, sources)


def sign_in(browser: Browser, password: str = PASSWORD, **more: str) -> Any:
    browser.open("/en/sign-in")
    return browser.send("/en/sign-in", {"email": "Wanda@Example.org", "password": password} | more)


# -- sign up --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "home"), [("creator", "/de/works"), ("society", "/de/mandates"), ("lab", "/de/lab")]
)
def test_a_new_account_is_signed_in_at_once(browser: Browser, role: str, home: str) -> None:
    browser.open("/de/sign-up")
    answer = browser.send("/de/sign-up", NEW | {"role": role})

    assert (answer.status_code, answer.headers["Location"]) == (303, home)
    assert "Wanda" in browser.read("/de/account")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", " ", "Write your name"),
        ("email", "wanda", "Write an e-mail address"),
        ("password", "short", "Take 12 to 256 characters"),
        ("password", "wanda@example.org", "Take 12 to 256 characters"),
        ("role", "operator", "What brings you here?"),
        ("role", "king", "Choose one of these."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    browser: Browser, database: Database, field: str, value: str, sentence: str
) -> None:
    browser.open("/en/sign-up")
    answer = browser.send("/en/sign-up", NEW | {field: value})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert PASSWORD not in answer.text
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Party)) == 0


def test_an_address_has_one_account(browser: Browser, wanda: None) -> None:
    browser.open("/de/sign-up")
    answer = browser.send("/de/sign-up", NEW)

    assert answer.status_code == 422
    assert "Mit dieser Adresse gibt es schon ein Konto." in answer.text


# -- sign in --------------------------------------------------------------------------------------------------
def test_signing_in_and_out(browser: Browser, wanda: None, database: Database) -> None:
    answer = sign_in(browser)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/works")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie

    browser.open("/en/account")
    assert browser.send("/en/sign-out").headers["Location"] == "/en/"
    assert browser.open("/en/account").status_code == 303
    with database.reading() as session:
        row = session.scalars(select(LoginSession)).one()
        assert row.ended_at is not None
        assert len(row.digest) == 32


def test_over_https_the_cookie_is_secure(app: Flask, wanda: None) -> None:
    browser = Browser(app)
    browser.open("/en/sign-in", base_url="https://localhost")
    data = {"email": NEW["email"], "password": PASSWORD}
    cookie = browser.send("/en/sign-in", data, base_url="https://localhost").headers.getlist("Set-Cookie")[0]

    assert cookie.startswith("__Host-vorbehalt=")
    assert "Secure" in cookie


def test_a_wrong_password_tells_nothing(browser: Browser, wanda: None) -> None:
    wrong = sign_in(browser, "seven quiet storks")
    unknown = sign_in(browser, email="nobody@example.org")

    assert wrong.status_code == unknown.status_code == 401
    sentence = "E-mail address and password do not fit together."
    assert sentence in wrong.text
    assert sentence in unknown.text


def test_guessing_is_slowed_down_even_with_the_right_password(
    browser: Browser, wanda: None, clock: Clock
) -> None:
    for _ in range(5):
        assert sign_in(browser, "wrong").status_code == 401
    slowed = sign_in(browser)
    assert slowed.status_code == 429
    assert "Wait 1 min" in slowed.text

    clock.advance(seconds=61)
    assert sign_in(browser).status_code == 303


def test_who_is_not_signed_in_is_asked_and_comes_back(browser: Browser, wanda: None) -> None:
    asked = browser.open("/en/works?state=reserved")
    assert asked.headers["Location"] == "/en/sign-in?next=/en/works?state%3Dreserved"

    browser.open(asked.headers["Location"])
    data = {"email": NEW["email"], "password": PASSWORD, "next": "/en/works?state=reserved"}
    assert browser.send("/en/sign-in", data).headers["Location"] == "/en/works?state=reserved"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/en/\\x", "javascript:x"]
)
def test_nobody_is_sent_elsewhere(browser: Browser, wanda: None, elsewhere: str) -> None:
    assert sign_in(browser, next=elsewhere).headers["Location"] == "/en/works"


# -- sessions -------------------------------------------------------------------------------------------------
def test_a_session_ends_when_it_is_not_used(person: Callable[..., Person], clock: Clock) -> None:
    anna = person()
    for _ in range(3):
        clock.advance(days=6)
        assert anna.browser.open("/en/account").status_code == 200
    clock.advance(days=8)
    assert anna.browser.open("/en/account").status_code == 303


def test_a_session_ends_after_a_month_in_any_case(person: Callable[..., Person], clock: Clock) -> None:
    anna = person()
    answers = []
    for _ in range(5):
        clock.advance(days=6)
        answers.append(anna.browser.open("/en/account").status_code)
    assert answers == [200, 200, 200, 200, 303]


def test_one_session_ends_another(
    app: Flask, person: Callable[..., Person], database: Database, sources: Sources, clock: Clock
) -> None:
    anna = person()
    clock.advance(minutes=1)
    other = signed_in(app, database, sources, anna.actor)
    page = anna.browser.open("/en/account").text
    assert "Firefox, Linux" in page
    ends = [part.split('"')[0] for part in page.split('action="')[1:] if "/sessions/" in part.split('"')[0]]
    assert len(ends) == 2

    assert anna.browser.send(ends[0]).status_code == 303
    assert other.open("/en/account").status_code == 303
    assert anna.browser.open("/en/account").status_code == 200


def test_all_other_sessions_end_at_once_and_nobody_elses(
    app: Flask, database: Database, sources: Sources, person: Callable[..., Person]
) -> None:
    anna, lena = person(), person(name="Lena")
    others = [signed_in(app, database, sources, anna.actor) for _ in range(2)]
    assert "End all others" not in lena.browser.read("/en/account")
    assert "End all others" in anna.browser.read("/en/account")
    refused = anna.browser.client.post("/en/account/end-other-sessions")
    assert refused.status_code == 403
    assert others[0].open("/en/account").status_code == 200

    assert anna.browser.send("/en/account/end-other-sessions").status_code == 303

    assert [other.open("/en/account").status_code for other in others] == [303, 303]
    assert "End all others" not in anna.browser.read("/en/account")
    assert lena.browser.open("/en/account").status_code == 200


def test_nobody_ends_a_strangers_session(person: Callable[..., Person]) -> None:
    anna, ben = person(), person(name="Ben")
    page = anna.browser.open("/en/account").text
    address = next(p.split('"')[0] for p in page.split('action="') if "/sessions/" in p.split('"')[0])
    ben.browser.open("/en/account")

    assert ben.browser.send(address).status_code == 404
    assert anna.browser.open("/en/account").status_code == 200


def test_a_forged_cookie_is_nobody(app: Flask) -> None:
    browser = Browser(app)
    browser.client.set_cookie("vorbehalt", "x" * 43)

    assert browser.open("/en/account").status_code == 303


# -- forged forms ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_elsewhere_is_refused(person: Callable[..., Person], headers: dict[str, str]) -> None:
    anna = person(Role.LAB)
    anna.browser.open("/en/models")
    answer = anna.browser.send("/en/models", {"name": "heron", "version": "1"}, headers=headers)

    assert answer.status_code == 403
    assert "This page had become too old." in answer.text
    assert "heron" not in anna.browser.read("/en/models")


def test_a_form_without_its_token_or_with_another_browsers_is_refused(person: Callable[..., Person]) -> None:
    lab, rival = person(Role.LAB), person(Role.LAB, "Rival")
    rival.browser.open("/en/models")
    data = {"name": "heron", "version": "1"}

    assert lab.browser.send("/en/models", data).status_code == 403
    assert lab.browser.send("/en/models", data | {"csrf": rival.browser.token}).status_code == 403


def test_what_is_for_one_person_is_kept_by_no_cache(person: Callable[..., Person]) -> None:
    page = person().browser.open("/en/account")

    assert page.headers["Cache-Control"] == "no-store"
    assert "Cookie" in page.vary


def test_signed_in_pages_lead_nobody_astray(person: Callable[..., Person]) -> None:
    anna = person()
    page = anna.browser.open("/en/claims")

    assert page.status_code == 403
    assert "Your account may not do this." in text_of(page.text)
