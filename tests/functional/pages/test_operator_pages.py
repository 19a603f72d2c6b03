"""The operator's pages: titles in conflict with both sides, decisions with their reason, the state of the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base import jobs
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.context import context
from registry.base.db import Database
from registry.base.settings import Settings
from registry.core.fingerprints import fingerprint_image
from registry.core.ids import format_id, parse_id
from registry.log.keys import LogKey
from registry.wiring import log_keys
from registry.works import service as works
from registry.works.models import HintReview
from tests.support.browsing import text_of
from tests.support.pictures import png
from tests.support.works import register

Person = Any


@pytest.fixture
def quarrel(
    app: Any, person: Callable[..., Person], database: Database, sources: Sources, settings: Settings
) -> dict[str, Any]:
    """Two makers with one picture, an operator, and a registry that can sign."""
    people = {"anna": person(), "ben": person(name="Ben"), "operator": person(Role.OPERATOR, "Office")}
    with database.writing() as session:
        content = fingerprint_image(png(1))
        earlier = register(session, people["anna"].actor, sources, "Clouds", content=content)
        newer = register(session, people["ben"].actor, sources, "Mine", content=content)
    key = LogKey.generate(log_keys(settings), "localhost/usage-log")
    with app.app_context():
        context().parts[LogKey] = key  # type: ignore[index]
    return people | {
        "earlier": format_id("work", earlier.public_id),
        "newer": format_id("work", newer.public_id),
        "address": f"titles/{format_id('work', newer.public_id)}/{format_id('work', earlier.public_id)}",
    }


def test_a_person_looks_at_both_sides_and_decides(quarrel: dict[str, Any]) -> None:
    office = quarrel["operator"].browser
    assert "Mine The same file." in office.read("/en/titles")
    both = office.read(f"/en/{quarrel['address']}")
    assert "Clouds" in both
    assert "Whoever registers the very same file later has a contested title." in both
    done = office.send(
        f"/en/{quarrel['address']}", {"outcome": "reverse", "reason": "The negative is with Ben."}
    )
    assert done.status_code == 303

    assert "Nothing waits." in office.read("/en/titles")
    assert "The negative is with Ben." in office.read(f"/en/{quarrel['address']}")
    for owner, work, state in (("anna", "earlier", "Contested"), ("ben", "newer", "Reserved")):
        page = quarrel[owner].browser.read(f"/en/works/{quarrel[work]}")
        assert "The negative is with Ben." in page
        assert "A person has decided about the title" in page
        assert state in page.split("Picture, on record since")[0]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"outcome": "uphold", "reason": "  "}, "Say why: both owners read it."),
        ({"outcome": "perhaps", "reason": "x"}, "Choose one of these."),
        ({"outcome": "uphold", "reason": "x" * 2_001}, "Up to 2,000 characters"),
        ({"outcome": "uphold", "reason": "x\x00"}, "Up to 2,000 characters"),
    ],
)
def test_a_decision_has_an_outcome_and_a_reason(
    quarrel: dict[str, Any], said: dict[str, str], sentence: str
) -> None:
    office = quarrel["operator"].browser
    office.open(f"/en/{quarrel['address']}")
    answer = office.send(f"/en/{quarrel['address']}", said)

    assert answer.status_code == 422
    assert sentence in text_of(answer.text)
    assert "Mine" in office.read("/en/titles")


def test_nobody_else_decides_and_nothing_else_is_decided(
    quarrel: dict[str, Any], person: Callable[..., Person]
) -> None:
    said = {"outcome": "reverse", "reason": "It is mine."}
    for somebody in (quarrel["ben"], person(Role.LAB, "Lab"), person(Role.SOCIETY, "VG")):
        for page in ("titles", quarrel["address"], "operator"):
            assert somebody.browser.open(f"/en/{page}").status_code == 403, page
        somebody.browser.open("/en/account")
        assert somebody.browser.send(f"/en/{quarrel['address']}", said).status_code == 403
    office = quarrel["operator"].browser
    wrong_way = f"titles/{quarrel['earlier']}/{quarrel['newer']}"
    assert office.open(f"/en/{wrong_way}").status_code == 404
    office.open(f"/en/{quarrel['address']}")
    assert office.send(f"/en/{wrong_way}", said).status_code == 404
    assert office.send(f"/en/{quarrel['address']}", said | {"csrf": "0" * 64}).status_code == 403
    assert "Nothing waits." not in office.read("/en/titles")


def test_hints_are_shown_with_both_works(
    quarrel: dict[str, Any], database: Database, sources: Sources
) -> None:
    with database.writing() as session:
        other = register(session, quarrel["anna"].actor, sources, "Dunes", content=fingerprint_image(png(2)))
        names = [other.public_id, parse_id("work", quarrel["newer"])]
        rows = works.works_by_public_id(session, names)
        hint = works.NewHint(
            rows[names[0]].row, rows[names[1]].row, "image.anchors256.v1", "full/part", "review", 12
        )
        works.record_hints(session, [hint], 9, sources.now())
    text = quarrel["operator"].browser.read("/de/titles")

    assert "Schwächere Ähnlichkeiten. Aus ihnen folgt nichts." in text
    assert "Abstand 12" in text


def test_the_state_of_the_registry_names_what_is_wrong(
    quarrel: dict[str, Any], database: Database, sources: Sources
) -> None:
    """Fresh and without trust: said as it is, never as in order; a failed job stands first with its reason."""
    with database.writing() as session:
        for number in range(2):
            jobs.enqueue(session, "tidy", {}, sources, unique_key=str(number))
        failed = jobs.enqueue(session, "publish", {}, sources)
        failed.state, failed.error = jobs.State.FAILED.value, "Traceback\nNotReady: no keys"
    text = quarrel["operator"].browser.read("/en/operator")

    assert "Everything is in order." not in text
    assert "Keys not in order" in text
    assert "The root of trust cannot be used." in text
    assert "Publish an edition" in text
    assert "NotReady: no keys" in text
    assert "jobs that failed 1" in text


# -- hints ------------------------------------------------------------------------------------------------------
@pytest.fixture
def hint(quarrel: dict[str, Any], database: Database, sources: Sources) -> dict[str, Any]:
    """A hint that Anna's second picture resembles Ben's."""
    with database.writing() as session:
        other = register(session, quarrel["anna"].actor, sources, "Dunes", content=fingerprint_image(png(2)))
        names = [other.public_id, parse_id("work", quarrel["newer"])]
        rows = works.works_by_public_id(session, names)
        found = works.NewHint(
            rows[names[0]].row, rows[names[1]].row, "image.anchors256.v1", "full/part", "review", 12
        )
        works.record_hints(session, [found], 9, sources.now())
    number = format_id("work", other.public_id)
    return quarrel | {"number": number, "page": f"/en/titles/hints/{number}/{quarrel['newer']}"}


def test_a_hint_is_put_aside_with_a_reason_and_taken_back(hint: dict[str, Any], database: Database) -> None:
    office = hint["operator"].browser
    assert "Hints" in office.read("/en/titles")
    both = office.read(hint["page"])
    assert "Dunes" in both
    assert "Mine" in both
    assert "Looked at by a person" not in hint["anna"].browser.read(f"/en/works/{hint['number']}")

    office.open(hint["page"])
    done = office.send(hint["page"], {"act": "dismiss", "reason": "Two other clouds."})
    assert done.status_code == 303
    listed = office.read("/en/titles")
    assert "Put aside" in listed
    assert "Weaker likenesses" not in listed
    for owner, work in (("anna", "number"), ("ben", "newer")):
        page = hint[owner].browser.read(f"/en/works/{hint[work]}")
        assert "A person has looked at it and put it aside." in page
        assert "Two other clouds." in page
    assert "put it aside" in office.read("/en/log")

    office.open(hint["page"])
    assert office.send(hint["page"], {"act": "dismiss", "reason": "Again."}).status_code == 409
    office.open(hint["page"])
    assert office.send(hint["page"], {"act": "reopen", "reason": "I was wrong."}).status_code == 303
    assert "Weaker likenesses" in office.read("/en/titles")
    page = hint["anna"].browser.read(f"/en/works/{hint['number']}")
    assert page.index("Two other clouds.") < page.index("I was wrong.")
    with database.reading() as session:
        assert [r.act for r in session.scalars(select(HintReview).order_by(HintReview.id))] == [
            "dismiss",
            "reopen",
        ]
        assert work_state(session, hint) == [None]


def work_state(session: Session, hint: dict[str, Any]) -> list[Any]:
    """Nothing follows from a hint: whether its newer work is contested."""
    (work,) = works.works_by_public_id(session, [parse_id("work", hint["number"])]).values()
    return [work.contested_since]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"act": "dismiss", "reason": " "}, 422),
        ({"act": "dismiss", "reason": "x" * 2_001}, 422),
        ({"act": "uphold", "reason": "x"}, 422),
        ({"act": "reopen", "reason": "It is open."}, 409),
        ({"act": "dismiss", "reason": "x", "csrf": "0" * 64}, 403),
    ],
)
def test_what_cannot_be_done_about_a_hint_is_not_recorded(
    hint: dict[str, Any], database: Database, said: dict[str, str], status: int
) -> None:
    office = hint["operator"].browser
    office.open(hint["page"])
    assert office.send(hint["page"], said).status_code == status
    for somebody in ("anna", "ben"):
        hint[somebody].browser.open("/en/account")
        assert hint[somebody].browser.open(hint["page"]).status_code == 403
        hint[somebody].browser.open("/en/account")
        refused = hint[somebody].browser.send(hint["page"], {"act": "dismiss", "reason": "Mine."})
        assert refused.status_code == 403
    wrong = f"/en/titles/hints/{hint['newer']}/{hint['number']}"
    assert office.open(wrong).status_code == 404
    with database.reading() as session:
        assert session.scalars(select(HintReview)).all() == []
