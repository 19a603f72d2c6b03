"""A lab asks for terms, a maker or its society answers, the lab accepts; and all who have no part in it are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.ids import format_id, parse_id
from registry.licences import service as licences
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from registry.works import service as works
from tests.factories import Clock
from tests.support.browsing import text_of
from tests.support.works import register

Person = Any
REQUEST = re.compile(r"/en/requests/(request_[0-9a-z]{26})")
READ = re.compile(r'name="read" value="([^"]+)"')


class Sides:
    """Anna with pictures, and a lab; each at a browser."""

    def __init__(self, anna: Person, lab: Person, database: Database, sources: Sources) -> None:
        self.anna, self.lab, self.database, self.sources = anna, lab, database, sources

    def work(self, name: str = "Clouds", owner: Person = None) -> str:
        """The number of a new picture, Anna's if nobody is named."""
        with self.database.writing() as session:
            actor = (owner or self.anna).actor
            return format_id("work", register(session, actor, self.sources, name).public_id)

    def ask(self, *numbers: str, **more: str) -> Any:
        """The lab sends a request about these works."""
        self.lab.browser.open("/en/requests/new")
        data = {"works": "\n".join(numbers), "purpose": "train_genai", "territories": "DE, AT"} | more
        return self.lab.browser.send("/en/requests/new", data)

    def asked(self, *numbers: str, **more: str) -> str:
        """The number of the request that came of it."""
        listed = self.lab.browser.open(self.ask(*numbers, **more).location)
        return str(REQUEST.findall(listed.text)[0])

    def answer(self, request: str, step: str, *, by: Person = None, **said: str) -> Any:
        """What somebody says to it, Anna if nobody is named."""
        browser = (by or self.anna).browser
        browser.open("/en/mandates")  # a page with a form
        return browser.send(f"/en/requests/{request}/answer", {"step": step} | said)

    def states(self) -> list[str]:
        """Of all requests of the lab."""
        with self.database.reading() as session:
            found = licences.list_requests(session, self.lab.actor).items
            return [each.state.value for each in licences.requests_seen(session, found)]


@pytest.fixture
def sides(person: Callable[..., Person], database: Database, sources: Sources) -> Sides:
    """Nothing asked yet."""
    return Sides(person(), person(Role.LAB, "Nordlicht"), database, sources)


def test_from_a_question_to_a_licence(sides: Sides) -> None:
    first, second = sides.work("Clouds"), sides.work("Dunes")
    text = sides.lab.browser.read(sides.ask(first, second, message="For birds.\nRegards").location)
    assert "1 maker is asked." in text
    assert "Anna" not in text
    assert "2 requests" not in sides.anna.browser.read("/en/works")
    assert "1 lab asks for a licence." in sides.anna.browser.read("/en/works")
    inbox = sides.anna.browser.open("/en/requests")
    (request,) = set(REQUEST.findall(inbox.text))
    assert "Nordlicht" in text_of(inbox.text)
    page = sides.anna.browser.read(f"/en/requests/{request}")
    assert "Nordlicht asks for a licence for 2 works" in page
    assert "For birds. Regards" in page
    said = {"answer": "paid", "work": "0,35", "quarter": "", "until": "2027-12-31"}
    review = text_of(sides.answer(request, "review", **said).text)
    assert "The lab pays €0.70 You get €0.70" in review
    assert "AT, DE, until 31 December 2027" in review
    back = sides.answer(request, "back", **said)
    assert 'value="0,35"' in back.text
    assert sides.states() == ["open"]
    assert sides.answer(request, "record", **said).status_code == 303
    assert "Nordlicht has not accepted it yet." in sides.anna.browser.read(f"/en/requests/{request}")
    told = sides.lab.browser.open("/en/account/notices")
    assert "You are offered a licence for 2 works" in text_of(told.text)
    assert f"/en/requests/{request}" in told.text
    answered = sides.lab.browser.open(f"/en/requests/{request}")
    accept = re.search(r'href="(/en/basket/accept\?offer=offer_[^"]+)"', answered.text)
    assert accept is not None
    read = READ.findall(sides.lab.browser.open(accept[1]).text)
    done = sides.lab.browser.send("/en/basket/conclude", {"read": read})
    assert "1 licence is concluded." in sides.lab.browser.read(done.location)
    assert "Nordlicht has accepted it" in sides.anna.browser.read(f"/en/requests/{request}")
    assert "You have accepted this offer" in sides.lab.browser.read(f"/en/requests/{request}")


def test_a_no_with_its_reason(sides: Sides) -> None:
    request = sides.asked(sides.work())
    said = {"answer": "no", "reason": "Not for machines.\nNever."}
    assert "is told that you decline" in text_of(sides.answer(request, "review", **said).text)
    sides.answer(request, "record", **said)
    assert sides.states() == ["declined"]
    assert "Not for machines. Never." in sides.lab.browser.read(f"/en/requests/{request}")
    assert "was declined" in sides.lab.browser.read("/en/account/notices")
    again = sides.answer(request, "record", answer="free")
    assert again.status_code == 409
    assert "This request has changed since you opened the page." in text_of(again.text)
    assert sides.states() == ["declined"]


def test_a_request_is_taken_back_and_an_offer_too(sides: Sides) -> None:
    work = sides.work()
    first = sides.asked(work)
    assert "again=1" in sides.ask(work).location  # it waits for the answer already
    sides.lab.browser.open(f"/en/requests/{first}")
    assert sides.lab.browser.send(f"/en/requests/{first}/withdraw").status_code == 303
    assert sides.answer(first, "record", answer="free").status_code == 409
    second = sides.asked(work)
    sides.answer(second, "record", answer="free")
    sides.lab.browser.open(f"/en/requests/{second}")
    assert sides.lab.browser.send(f"/en/requests/{second}/withdraw").status_code == 409
    sides.anna.browser.open(f"/en/requests/{second}")
    assert sides.anna.browser.send(f"/en/requests/{second}/take-back").status_code == 303
    text = sides.lab.browser.read(f"/en/requests/{second}")
    assert "Its maker has taken it back." in text
    assert "Read and accept" not in text
    assert sides.anna.browser.send(f"/en/requests/{second}/take-back").status_code == 303


def test_an_accepted_offer_is_not_taken_back(sides: Sides) -> None:
    request = sides.asked(sides.work())
    sides.answer(request, "record", answer="free")
    with sides.database.writing() as session:
        (asked,) = licences.list_requests(session, sides.lab.actor).items
        assert asked.offer is not None
        licences.accept_offer(
            session, sides.lab.actor, licences.AcceptOffer(asked.offer.public_id), sides.sources
        )
    sides.anna.browser.open(f"/en/requests/{request}")
    refused = sides.anna.browser.send(f"/en/requests/{request}/take-back")
    assert refused.status_code == 409
    assert "Nordlicht has accepted it" in text_of(refused.text)
    with sides.database.writing() as session:  # it ends, and the offer is open to the lab again
        (agreement,) = licences.list_agreements(session, sides.lab.actor).items
        ended = licences.EndAgreement(agreement.public_id)
        licences.end_agreement(session, sides.lab.actor, ended, sides.sources)
    assert sides.anna.browser.send(f"/en/requests/{request}/take-back").status_code == 303


def test_a_society_answers_for_its_members(sides: Sides, person: Callable[..., Person]) -> None:
    society, stranger = person(Role.SOCIETY, "VG"), person(Role.SOCIETY, "Other")
    work = sides.work()
    with sides.database.writing() as session:
        for agent, may, only in (
            (society, {May.GRANT}, Repertoire(all=True)),
            (stranger, {May.COLLECT}, Repertoire(all=True)),
        ):
            command = CreateMandate(agent.actor.public_id, frozenset(may), only)
            parties.create_mandate(session, sides.anna.actor, command, sides.sources)
    request = sides.asked(work)
    assert "of Anna" in society.browser.read("/en/requests")
    told = "Nordlicht asks for a licence for 1 work of a member."
    assert told in society.browser.read("/en/account/notices")
    assert told not in stranger.browser.read("/en/account/notices")
    assert "1 lab asks for a licence." in society.browser.read("/en/works")
    assert "No lab has asked yet." in stranger.browser.read("/en/requests")
    assert stranger.browser.open(f"/en/requests/{request}").status_code == 404
    assert sides.answer(request, "record", by=stranger, answer="no").status_code == 404
    said = {"answer": "paid", "work": "2"}
    assert sides.answer(request, "record", by=society, **said).status_code == 303
    assert sides.states() == ["offered"]


def test_what_was_withdrawn_since_is_left_out_of_the_answer(sides: Sides) -> None:
    first, second = sides.work("Clouds"), sides.work("Dunes")
    request = sides.asked(first, second)
    with sides.database.writing() as session:
        works.withdraw_work(session, sides.anna.actor, parse_id("work", first), sides.sources)
    assert "Your answer is about the others." in sides.anna.browser.read(f"/en/requests/{request}")
    assert sides.answer(request, "record", answer="free").status_code == 303
    with sides.database.reading() as session:
        (offer,) = licences.list_offers(session, sides.anna.actor, sides.sources).items
        (seen,) = licences.offers_seen(session, sides.anna.actor, [offer], works=True)
    assert [format_id("work", each) for each in seen.works] == [second]
    other = sides.asked(second, purpose="search")
    with sides.database.writing() as session:
        works.withdraw_work(session, sides.anna.actor, parse_id("work", second), sides.sources)
    refused = sides.answer(other, "record", answer="free")
    assert refused.status_code == 422
    assert "You can only say No." in text_of(refused.text)
    assert sides.ask(second).status_code == 422  # and nobody asks about it any more


def test_what_cannot_be_asked_or_answered_is_said_at_its_field(sides: Sides, clock: Clock) -> None:
    work = sides.work()
    for numbers, more, says in (
        (("",), {}, "Name 1 to 10,000 works."),
        (("nonsense",), {}, "“nonsense” is no number of a work."),
        ((format_id("work", bytes(16)),), {}, "is not on record."),
        ((work,), {"purpose": "fun"}, "Look at the fields that are marked."),
        ((work,), {"territories": "Nowhere"}, "world, or the two letters of countries"),
        ((work,), {"until": "2020-01-01"}, "A day to come, please."),
        ((work,), {"message": "x" * 2_001}, "At most 2,000 characters"),
    ):
        refused = sides.ask(*numbers, **more)
        assert refused.status_code == 422
        assert says in text_of(refused.text)
    assert sides.states() == []
    request = sides.asked(work, until="2026-08-03")
    for said, says in (
        ({}, "Choose one of these."),
        ({"answer": "keep"}, "Choose one of these."),
        ({"answer": "paid", "work": "a lot"}, "An amount in euros and cents"),
        ({"answer": "paid"}, "Free of charge is the answer below."),
        ({"answer": "free", "free-until": "2020-01-01"}, "A day to come, please."),
        ({"answer": "no", "reason": "\x07"}, "At most 2,000 characters"),
    ):
        refused = sides.answer(request, "record", **said)
        assert refused.status_code == 422
        assert says in text_of(refused.text)
    clock.advance(days=5)
    late = sides.answer(request, "record", answer="free")
    assert "What the lab asked for is over by now." in text_of(late.text)
    assert sides.states() == ["open"]
    assert sides.ask(work, sides.work("Dunes")).status_code == 422  # one of them was asked for already


def test_strangers_and_forgeries_are_refused(sides: Sides, person: Callable[..., Person]) -> None:
    ben, other = person(name="Ben"), person(Role.LAB, "Ohneland")
    request = sides.asked(sides.work())
    for stranger in (ben, other):
        assert stranger.browser.open(f"/en/requests/{request}").status_code == 404
        stranger.browser.open("/en/requests")
    for role, page in ((sides.lab, "answer"), (sides.lab, "take-back"), (sides.anna, "withdraw")):
        role.browser.open(f"/en/requests/{request}")
        data = {"step": "record", "answer": "free"}
        assert role.browser.send(f"/en/requests/{request}/{page}", data).status_code == 403
    other.browser.open("/en/requests/new")
    assert other.browser.send(f"/en/requests/{request}/withdraw").status_code == 404
    sides.anna.browser.token = sides.lab.browser.token = "0" * 64
    assert sides.lab.browser.send(f"/en/requests/{request}/withdraw").status_code == 403
    answered = sides.anna.browser.send(f"/en/requests/{request}/answer", {"step": "record", "answer": "free"})
    assert answered.status_code == 403
    assert sides.states() == ["open"]
