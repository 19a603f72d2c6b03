"""Tariffs and offers: who makes them, about what, and who sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry.base.actor import Actor, Scope
from registry.core.decisions import Purpose
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.licences import service as licences
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.works import service as works
from tests.support.market import PER_IMAGE, Market


def everything(actor: Actor) -> Actor:
    """The actor with all scopes there are: what is then refused, its role refuses."""
    return Actor(actor.party_id, actor.public_id, actor.role, frozenset(Scope))


def mandate(market: Market, *may: May) -> None:
    command = parties.CreateMandate(market.society.public_id, frozenset(may), Repertoire(all=True))
    parties.create_mandate(market.session, market.anna, command, market.sources)


# -- tariffs ------------------------------------------------------------------------------------------------
def test_versions_of_a_tariff_count_from_one(market: Market) -> None:
    first = market.tariff()
    dearer = PER_IMAGE | {"amount_minor": 60}
    second = market.tariff(name=None, series=first.series.public_id, components=[dearer])
    assert (first.version, second.version) == (1, 2)
    assert first.series is second.series
    assert first.components == [PER_IMAGE]
    assert licences.priced(first).digest == first.digest != second.digest
    (series,) = licences.list_tariffs(market.session, market.anna).items
    assert [v.version for v in series.versions] == [1, 2]


def test_a_tariff_is_its_makers_own(market: Market) -> None:
    mine = market.tariff().series.public_id
    with pytest.raises(NotFound, match="tariff_"):
        market.tariff(market.ben, name=None, series=mine)
    assert licences.list_tariffs(market.session, market.ben).items == []
    with pytest.raises(NotFound, match="tariff_"):
        market.offer(market.work(market.ben, "Sea"), by=market.ben, tariff=mine)


def test_faults_of_tariffs(market: Market) -> None:
    with pytest.raises(InvalidInput, match="name"):
        market.tariff(name=None)
    with pytest.raises(InvalidInput, match="keeps the name"):
        market.tariff(series=market.tariff().series.public_id)
    with pytest.raises(InvalidInput, match="ISO 4217"):
        market.tariff(currency="EURO")
    for actor in (market.lab, market.operator):
        with pytest.raises(Forbidden, match="only creators and societies"):
            market.tariff(everything(actor))


# -- making offers ------------------------------------------------------------------------------------------
def test_an_offer_says_what_was_stated(market: Market) -> None:
    work, tariff = market.work(), market.tariff()
    until = market.clock.at + timedelta(days=365)
    offer = market.offer(
        work, tariff=tariff.series.public_id, territories=("DE", "AT"), valid_to=until, purpose=Purpose.TDM
    )
    assert (offer.purpose, offer.territories) == ("tdm", ["AT", "DE"])
    assert (offer.valid_from, offer.valid_to) == (market.clock.at, until)
    assert offer.tariff is tariff
    assert offer.to_anyone


def test_an_offer_takes_the_latest_tariff_version_unless_one_is_named(market: Market) -> None:
    first = market.tariff()
    second = market.tariff(name=None, series=first.series.public_id)
    work, series = market.work(), first.series.public_id
    assert market.offer(work, tariff=series).tariff is second
    assert market.offer(work, tariff=series, tariff_version=1).tariff is first
    with pytest.raises(NotFound, match="no version 3"):
        market.offer(work, tariff=series, tariff_version=3)
    with pytest.raises(InvalidInput, match="without a tariff"):
        market.offer(work, tariff_version=1)


def test_labs_and_operators_offer_nothing(market: Market) -> None:
    work = market.work()
    for actor in (market.lab, market.operator):
        with pytest.raises(Forbidden, match="only creators and societies"):
            market.offer(work, by=everything(actor))


def test_nobody_offers_anothers_work(market: Market) -> None:
    work, mine = market.work(), market.work(market.ben, "Sea")
    for actor in (market.ben, market.society):
        with pytest.raises(NotFound, match="work_"):
            market.offer(work, by=actor)
    with pytest.raises(InvalidInput, match="one owner"):
        market.offer(work, mine, by=market.ben)


def test_an_agent_offers_under_a_mandate_to_grant(market: Market) -> None:
    work = market.work()
    mandate(market, May.REGISTER, May.WITHDRAW, May.COLLECT)
    with pytest.raises(NotFound):
        market.offer(work, by=market.society)
    mandate(market, May.GRANT)
    tariff = market.tariff(market.society, name="Society's tariff")
    offer = market.offer(work, by=market.society, tariff=tariff.series.public_id)
    assert (offer.owner_id, offer.offered_by) == (market.anna.party_id, market.society.party_id)
    market.revoke(offer, by=market.society)
    assert offer.revoked_by == market.society.party_id


def test_contested_and_withdrawn_works_cannot_be_offered(market: Market) -> None:
    work = market.work()
    contested = market.work(market.ben)
    with pytest.raises(Conflict, match="contested"):
        market.offer(contested, by=market.ben)
    works.withdraw_work(market.session, market.anna, work.public_id, market.sources)
    with pytest.raises(Conflict, match="withdrawn"):
        market.offer(work)


def test_faults_of_offers(market: Market) -> None:
    work = market.work()
    past = market.clock.at - timedelta(days=1)
    with pytest.raises(InvalidInput, match="1 to 10,000 works"):
        market.offer()
    with pytest.raises(InvalidInput, match="back-dated"):
        market.offer(work, valid_from=past)
    with pytest.raises(InvalidInput, match="ends before"):
        market.offer(work, valid_to=market.clock.at)
    with pytest.raises(InvalidInput, match="territory"):
        market.offer(work, territories=("Germany",))
    with pytest.raises(InvalidInput, match="at least one territory"):
        market.offer(work, territories=())
    with pytest.raises(InvalidInput, match="no lab"):
        market.offer(work, licensees=(market.ben.public_id,))
    with pytest.raises(NotFound, match="party_"):
        market.offer(work, licensees=(bytes(16),))


def test_the_same_work_twice_is_one_work(market: Market) -> None:
    work = market.work()
    assert (
        len(licences.offers_seen(market.session, None, [market.offer(work, work)], works=True)[0].works) == 1
    )


# -- seeing offers ------------------------------------------------------------------------------------------
def test_offers_are_seen_by_those_they_are_made_to(market: Market) -> None:
    work = market.work()
    open_to_all = market.offer(work)
    named = market.offer(work, licensees=(market.lab.public_id,))

    def seen(actor: Actor | None) -> list[int]:
        return [o.id for o in licences.list_offers(market.session, actor, market.sources).items]

    assert seen(market.anna) == seen(market.lab) == [open_to_all.id, named.id]
    for other in (None, market.ben, market.society, market.rival, market.operator):
        assert seen(other) == [open_to_all.id]
        with pytest.raises(NotFound):
            licences.get_offer(market.session, other, named.public_id, market.sources)
    for side in (market.anna, market.lab):
        assert licences.get_offer(market.session, side, named.public_id, market.sources) is named


def test_a_named_lab_does_not_see_who_else_is_named(market: Market) -> None:
    offer = market.offer(market.work(), licensees=(market.lab.public_id, market.rival.public_id))

    def named(actor: Actor) -> set[bytes]:
        return set(licences.offers_seen(market.session, actor, [offer])[0].licensees or ())

    assert named(market.anna) == {market.lab.public_id, market.rival.public_id}
    assert named(market.lab) == {market.lab.public_id}
    assert named(market.rival) == {market.rival.public_id}


def test_lists_show_what_is_open_now_and_all_that_is_ones_own(market: Market) -> None:
    work, other = market.work(), market.work(name="Sea")
    offer = market.offer(work, valid_to=market.clock.at + timedelta(days=1))
    market.offer(other)
    gone = market.offer(work)
    market.revoke(gone)

    def count(actor: Actor | None, work: bytes | None = None) -> int:
        return len(licences.list_offers(market.session, actor, market.sources, work=work).items)

    assert (count(None), count(market.anna)) == (2, 3)
    assert count(None, work=work.public_id) == 1
    assert count(None, work=bytes(16)) == 0
    market.clock.advance(days=2)
    assert (count(None), count(market.anna)) == (1, 3)
    assert licences.get_offer(market.session, None, offer.public_id, market.sources) is offer


# -- revoking -----------------------------------------------------------------------------------------------
def test_only_the_owners_side_revokes(market: Market) -> None:
    offer = market.offer(market.work())
    for actor in (market.ben, market.society):
        with pytest.raises(NotFound, match="offer_"):
            market.revoke(offer, by=actor)
    for actor in (market.lab, market.operator):
        with pytest.raises(Forbidden):
            market.revoke(offer, by=everything(actor))
    assert offer.superseded_at is None


def test_revoking_again_changes_nothing(market: Market) -> None:
    offer = market.offer(market.work())
    revoked_at = market.clock.advance(days=1)
    market.revoke(offer)
    market.clock.advance(days=1)
    assert market.revoke(offer).superseded_at == revoked_at
