"""A society offers its whole repertoire: what it may grant at that moment, to nobody beyond its mandates."""

from __future__ import annotations

import pytest

from registry.base.actor import Actor
from registry.core.errors import Conflict, Forbidden, InvalidInput
from registry.core.ids import format_id
from registry.licences.models import Offer
from registry.licences.queries import offered_works
from registry.parties import service as parties
from registry.parties.models import Mandate
from registry.parties.service import May, Repertoire
from registry.works import service as works
from tests.support.market import PER_IMAGE, Market

FLAT = {"type": "flat_per_period", "amount_minor": 1_000}


def mandate(market: Market, maker: Actor, *may: May, repertoire: Repertoire | None = None) -> Mandate:
    """The maker lets the society act for it."""
    command = parties.CreateMandate(
        market.society.public_id, frozenset(may or (May.GRANT,)), repertoire or Repertoire(all=True)
    )
    return parties.create_mandate(market.session, maker, command, market.sources)


def offer(market: Market, **terms: object) -> Offer:
    """Of the society's repertoire, at a price of its own."""
    tariff = market.tariff(market.society).series.public_id
    return market.offer(by=market.society, **{"repertoire": True, "tariff": tariff} | terms)


def test_a_lab_licenses_the_works_of_many_makers_at_once(market: Market) -> None:
    heron, crane = market.work(name="Heron"), market.work(market.ben, "Crane")
    own = market.work(market.society, "Own")
    other = market.work(market.ben, "Never mandated")
    mandate(market, market.anna)
    mandate(market, market.ben, repertoire=Repertoire(works=frozenset({crane.public_id})))
    agreement = market.accept(offer(market))
    for work in (heron, crane, own):
        (grant,) = market.permitted(work, market.lab)
        assert grant.licence == f"{format_id('agreement', agreement.public_id)}@1"
    assert not market.permitted(other, market.lab)
    assert not market.permitted(heron, market.rival)
    assert agreement.owner_id == market.society.party_id


def test_what_joins_later_comes_with_the_next_offer(market: Market) -> None:
    market.work()
    mandate(market, market.anna)
    first = offer(market)
    later = market.work(name="Later")
    market.accept(first)
    assert not market.permitted(later, market.lab)
    market.accept(offer(market))
    assert market.permitted(later, market.lab)


def test_withdrawn_works_and_other_mandates_are_left_out(market: Market) -> None:
    mandate(market, market.anna, May.REGISTER, May.COLLECT)
    market.work()
    with pytest.raises(Conflict, match="0 works that can be offered"):
        offer(market)
    mandate(market, market.anna)
    gone, kept = market.work(name="Gone"), market.work(name="Kept")
    works.withdraw_work(market.session, market.anna, gone.public_id, market.sources)
    made = offer(market)
    named = {work.public_id for work in offered_works(market.session, made)}
    assert kept.public_id in named
    assert gone.public_id not in named


def test_nothing_is_accepted_after_a_mandate_has_ended(market: Market) -> None:
    market.work(name="Heron")
    market.work(market.ben, "Crane")
    given = mandate(market, market.anna)
    mandate(market, market.ben)
    made = offer(market)
    market.clock.advance(days=1)
    parties.end_mandate(market.session, market.anna, given.public_id, None, market.clock.at)
    with pytest.raises(Conflict, match="no longer grant 1 of the 2 works"):
        market.accept(made)
    market.accept(offer(market))


def test_only_a_society_has_a_repertoire(market: Market) -> None:
    work = market.work()
    tariff = market.tariff().series.public_id
    with pytest.raises(Forbidden, match="only a society"):
        market.offer(repertoire=True, tariff=tariff)
    mandate(market, market.anna)
    with pytest.raises(InvalidInput, match="not about both"):
        market.offer(work, by=market.society, repertoire=True, licensees=(market.lab.public_id,))
    with pytest.raises(InvalidInput, match="not given away"):
        market.offer(by=market.society, repertoire=True)
    with pytest.raises(InvalidInput, match="1 to 10,000 works"):
        market.offer(by=market.society)


def test_prices_must_fit_the_works(market: Market) -> None:
    """What could not be paid out later is refused before anybody agrees to it."""
    first, second = market.work(), market.work(name="Second")
    direct = market.tariff(components=[PER_IMAGE, FLAT | {"distribution": "direct"}]).series.public_id
    market.offer(first, tariff=direct)
    with pytest.raises(InvalidInput, match="exactly one work"):
        market.offer(first, second, tariff=direct)
    texts = {"distribution": "weighted", "weights": {"text": 2}}
    with pytest.raises(InvalidInput, match="no weight for works of kind image"):
        market.offer(first, tariff=market.tariff(components=[FLAT | texts]).series.public_id)
