"""`permitted` answers for any day, and for what was on record on any day; and what publishing and checks read."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.decisions import Purpose, Terms
from registry.core.ids import format_id
from registry.licences import service as licences
from registry.works import service as works
from registry.works.models import Work
from tests.support.market import Market
from tests.support.works import image


def reserve(market: Market, work: Work, *purposes: Purpose) -> None:
    stated = [works.NewReservation(purpose) for purpose in purposes]
    works.set_reservations(market.session, market.anna, work.public_id, stated, market.sources)


def public(market: Market, at: datetime | None = None) -> dict[int, Terms]:
    return licences.public_terms(market.session, at or market.clock.at)


# -- any past day -------------------------------------------------------------------------------------------
def test_everything_is_denied_unless_licensed(market: Market) -> None:
    work = market.work()
    assert market.permitted(work) == []
    assert market.permitted(work, market.lab) == []
    assert public(market) == {}


def test_an_open_licence_holds_from_its_offer_to_its_revocation(market: Market) -> None:
    work = market.work()
    market.clock.advance(days=1)
    offer = market.offer(work)
    begun = market.clock.at
    ended = market.clock.advance(days=10)
    market.revoke(offer)
    market.clock.advance(days=10)
    second = timedelta(seconds=1)
    assert market.permitted(work, at=begun - second) == []
    assert market.permitted(work, at=begun)
    assert market.permitted(work, at=ended - second)
    assert market.permitted(work, at=ended) == []
    assert market.permitted(work, at=ended, as_of=ended - second), "nobody knew of the revocation then"
    assert market.permitted(work, at=begun, as_of=begun - second) == [], "nobody knew of the offer then"


def test_a_priced_or_named_offer_permits_nothing_by_itself(market: Market) -> None:
    work = market.work()
    market.offer(work, tariff=market.tariff().series.public_id)
    market.offer(work, licensees=(market.lab.public_id,))
    assert market.permitted(work, market.lab) == []
    assert public(market) == {}


def test_revoking_an_offer_leaves_agreements_in_force(market: Market) -> None:
    work = market.work()
    offer = market.offer(work, licensees=(market.lab.public_id,))
    market.accept(offer)
    market.revoke(offer)
    market.clock.advance(days=100)
    assert market.permitted(work, market.lab)
    assert market.permitted(work, market.rival) == []
    assert market.permitted(work) == []


def test_terms_limit_purpose_territory_and_time(market: Market) -> None:
    work = market.work()
    start, end = market.clock.at + timedelta(days=5), market.clock.at + timedelta(days=9)
    market.offer(work, purpose=Purpose.TRAIN_AI, territories=("DE",), valid_from=start, valid_to=end)
    for purpose, expected in ((Purpose.TRAIN_GENAI, True), (Purpose.TRAIN_AI, True), (Purpose.TDM, False)):
        assert bool(market.permitted(work, purpose=purpose, at=start)) is expected
    assert market.permitted(work, purpose=Purpose.SEARCH, at=start) == []
    assert market.permitted(work, territory="FR", at=start) == []
    assert market.permitted(work, at=market.clock.at) == []
    assert market.permitted(work, at=end) == []


def test_an_agreement_does_not_reach_back(market: Market) -> None:
    work = market.work()
    offer = market.offer(work, licensees=(market.lab.public_id,))
    offered = market.clock.at
    accepted = market.clock.advance(days=3)
    market.accept(offer)
    assert market.permitted(work, market.lab, at=offered) == []
    assert market.permitted(work, market.lab, at=accepted)


def test_a_reservation_beats_licences_to_anyone_but_no_agreement(market: Market) -> None:
    work = market.work()
    market.offer(work, purpose=Purpose.TDM)
    market.accept(market.offer(work, licensees=(market.lab.public_id,)))
    before = market.clock.at
    market.clock.advance(days=1)
    reserve(market, work, Purpose.TRAIN_GENAI)
    assert market.permitted(work) == []
    assert market.permitted(work, at=before)
    assert market.permitted(work, market.lab)
    assert market.permitted(work, purpose=Purpose.TDM) == []


def test_a_contest_ends_what_was_permitted_from_its_beginning_on(market: Market) -> None:
    sea = market.work(market.ben, "Sea")
    work = market.work()
    market.offer(work)
    market.accept(market.offer(work, licensees=(market.lab.public_id,)))
    before = market.clock.at
    market.clock.advance(days=1)
    command = works.AddVersion(work.public_id, image("Sea"))
    works.add_version(market.session, market.anna, command, market.sources)
    assert market.permitted(work) == market.permitted(work, market.lab) == []
    assert market.permitted(work, at=before)
    assert market.permitted(work, market.lab, at=before)
    since = int(market.clock.at.timestamp())
    assert public(market)[work.row].contested_since == since
    assert licences.licensee_terms(market.session, market.lab.party_id, market.clock.at)[work.row] == Terms(
        contested_since=since, contested_by=format_id("work", sea.public_id)
    )


def test_withdrawing_ends_open_licences_and_keeps_agreements(market: Market) -> None:
    work = market.work()
    market.offer(work)
    market.accept(market.offer(work, licensees=(market.lab.public_id,)))
    before = market.clock.at
    market.clock.advance(days=1)
    works.withdraw_work(market.session, market.anna, work.public_id, market.sources)
    assert market.permitted(work) == []
    assert market.permitted(work, at=before)
    assert market.permitted(work, market.lab)
    assert public(market) == {}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["offer", "revoke", "accept", "end", "reserve", "free"]), max_size=10))
def test_past_answers_never_change(market: Market, acts: list[str]) -> None:
    """Whatever is done later, yesterday's question gets yesterday's answer."""
    work = market.work(name=f"Dunes {market.clock.at}")
    offers, agreements, answers = [], [], {}
    for act in acts:
        market.clock.advance(hours=1)
        match act:
            case "offer":
                offers.append(market.offer(work))
            case "revoke" if offers:
                market.revoke(offers.pop())
            case "accept":
                agreements.append(market.accept(market.offer(work, licensees=(market.lab.public_id,))))
            case "end" if agreements:
                market.end(agreements.pop())
            case "reserve":
                reserve(market, work, Purpose.TRAIN_GENAI)
            case "free":
                reserve(market, work)
        at = market.clock.at
        answers[at] = (bool(market.permitted(work)), bool(market.permitted(work, market.lab)))
        assert bool(agreements) <= answers[at][1]
        expected = public(market).get(work.row, Terms())
        assert bool(expected.permitting(Purpose.TRAIN_GENAI, "DE", int(at.timestamp()))) == answers[at][0]
    market.clock.advance(days=1)
    for at, answer in answers.items():
        for as_of in (None, at, market.clock.at):
            again = (
                bool(market.permitted(work, at=at, as_of=as_of)),
                bool(market.permitted(work, market.lab, at=at, as_of=as_of)),
            )
            assert again == answer


# -- what is published and checked --------------------------------------------------------------------------
def test_public_terms_hold_free_offers_to_anyone_and_denials(market: Market) -> None:
    licensed, reserved, silent = (market.work(name=n) for n in ("Licensed", "Reserved", "Silent"))
    offer = market.offer(licensed)
    reserve(market, reserved, Purpose.ALL)
    terms = public(market)
    assert terms.keys() == {licensed.row, reserved.row}
    (grant,) = terms[licensed.row].grants
    assert (grant.licence, grant.tariff) == (f"{format_id('offer', offer.public_id)}@1", None)
    assert [d.purpose for d in terms[reserved.row].denials] == [Purpose.ALL]
    assert silent.row not in terms


def test_public_terms_include_what_begins_later_and_leave_out_what_is_over(market: Market) -> None:
    soon, over = market.work(name="Soon"), market.work(name="Over")
    market.offer(soon, valid_from=market.clock.at + timedelta(days=2))
    market.offer(over, valid_to=market.clock.at + timedelta(days=1))
    market.clock.advance(days=1)
    assert public(market).keys() == {soon.row}


def test_terms_of_a_licensee_are_its_own(market: Market) -> None:
    work = market.work()
    agreement = market.accept(market.offer(work, licensees=(market.lab.public_id,)))
    terms = licences.licensee_terms(market.session, market.lab.party_id, market.clock.at)
    assert terms.keys() == {work.row}
    assert terms == licences.licensee_terms(market.session, market.lab.party_id)
    assert licences.licensee_terms(market.session, market.rival.party_id, market.clock.at) == {}
    lab = format_id("party", market.lab.public_id)
    named = {format_id("work", work.public_id): terms[work.row]}
    assert list(licences.all_licensee_terms(market.session, market.clock.at)) == [(lab, named)]
    market.clock.advance(days=1)
    market.end(agreement)
    assert licences.licensee_terms(market.session, market.lab.party_id, market.clock.at) == {}
    assert list(licences.all_licensee_terms(market.session, market.clock.at)) == []
