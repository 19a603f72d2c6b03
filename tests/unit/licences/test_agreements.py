"""Accepting and ending: what an agreement pins, and who may know of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry.base.actor import Role
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.ids import format_id
from registry.core.records.leaves import LicenceLeaf, TariffLeaf, commitment, parse_leaf
from registry.licences import service as licences
from registry.licences.rules import licence_name
from registry.log import service as log
from registry.works import service as works
from tests.factories import make_actor
from tests.support.market import PER_IMAGE, Market


# -- accepting ----------------------------------------------------------------------------------------------
def test_an_agreement_pins_terms_and_tariff_version(market: Market) -> None:
    work, tariff = market.work(), market.tariff()
    offer = market.offer(work, tariff=tariff.series.public_id)
    agreement = market.accept(offer)
    dearer = PER_IMAGE | {"amount_minor": 90}
    market.tariff(name=None, series=tariff.series.public_id, components=[dearer])
    market.revoke(offer)
    market.clock.advance(days=30)

    pinned = licences.tariff_of(market.session, agreement)
    assert pinned is not None
    assert (pinned.version, pinned.digest) == (1, agreement.tariff_digest)
    assert [component.as_json() for component in pinned.components] == [PER_IMAGE]
    (grant,) = market.permitted(work, market.lab)
    assert grant.licence == licence_name("agreement", agreement.public_id, 1)
    assert grant.tariff == tariff.digest.hex()


def test_only_labs_accept(market: Market) -> None:
    offer = market.offer(market.work(), tariff=market.tariff().series.public_id)
    for actor in (market.anna, market.ben, market.society, market.operator):
        with pytest.raises(Forbidden, match="only labs can"):
            market.accept(offer, by=actor)


def test_a_named_offer_is_for_the_named(market: Market) -> None:
    offer = market.offer(market.work(), licensees=(market.lab.public_id,))
    with pytest.raises(NotFound, match="made to you"):
        market.accept(offer, by=market.rival)
    agreement = market.accept(offer)
    assert licences.tariff_of(market.session, agreement) is None
    assert agreement.licensee_id == market.lab.party_id


def test_an_open_licence_needs_no_acceptance(market: Market) -> None:
    with pytest.raises(Conflict, match="without being accepted"):
        market.accept(market.offer(market.work()))


def test_what_is_over_cannot_be_accepted(market: Market) -> None:
    series = market.tariff().series.public_id
    work = market.work()
    revoked = market.offer(work, tariff=series)
    market.revoke(revoked)
    with pytest.raises(Conflict, match="was revoked"):
        market.accept(revoked)
    short = market.offer(work, tariff=series, valid_to=market.clock.at + timedelta(days=1))
    market.clock.advance(days=1)
    with pytest.raises(Conflict, match="ended at"):
        market.accept(short)
    with pytest.raises(NotFound):
        licences.accept_offer(market.session, market.lab, licences.AcceptOffer(bytes(16)), market.sources)


def test_one_agreement_at_a_time(market: Market) -> None:
    offer = market.offer(market.work(), tariff=market.tariff().series.public_id)
    agreement = market.accept(offer)
    with pytest.raises(Conflict, match=r"already, in agreement_"):
        market.accept(offer)
    market.accept(offer, by=market.rival)
    market.end(agreement, by=market.lab)
    assert market.accept(offer).id != agreement.id


def test_an_agreement_covers_what_was_there_when_it_was_concluded(market: Market) -> None:
    stays, goes, later = (market.work(name=n) for n in ("Stays", "Goes", "Later"))
    offer = market.offer(stays, goes, later, tariff=market.tariff().series.public_id)
    works.withdraw_work(market.session, market.anna, goes.public_id, market.sources)
    market.clock.advance(hours=1)
    agreement = market.accept(offer)
    market.clock.advance(hours=1)
    works.withdraw_work(market.session, market.anna, later.public_id, market.sources)
    market.clock.advance(hours=1)
    every = [stays.id, goes.id, later.id]
    assert licences.works_covered(market.session, agreement, every) == {stays.id, later.id}
    assert market.permitted(stays, market.lab)
    assert market.permitted(later, market.lab)
    assert market.permitted(goes, market.lab) == []


def test_nothing_left_to_license(market: Market) -> None:
    work = market.work()
    offer = market.offer(work, tariff=market.tariff().series.public_id)
    works.withdraw_work(market.session, market.anna, work.public_id, market.sources)
    with pytest.raises(Conflict, match="nothing to license"):
        market.accept(offer)


# -- ending -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", ["anna", "lab"])
def test_either_side_ends_an_agreement(market: Market, side: str) -> None:
    work = market.work()
    agreement = market.accept(market.offer(work, licensees=(market.lab.public_id,)))
    last = market.clock.advance(days=5)
    later = last + timedelta(days=10)
    market.end(agreement, by=getattr(market, side), at=later)
    assert market.permitted(work, market.lab, at=later - timedelta(seconds=1))
    assert market.permitted(work, market.lab, at=later) == []


def test_an_end_is_not_retroactive_and_final(market: Market) -> None:
    agreement = market.accept(market.offer(market.work(), licensees=(market.lab.public_id,)))
    market.clock.advance(days=5)
    with pytest.raises(InvalidInput, match="back-dated"):
        market.end(agreement, at=market.clock.at - timedelta(days=1))
    market.end(agreement)
    for again in (market.clock.at, market.clock.at + timedelta(days=9)):
        with pytest.raises(Conflict, match="already"):
            market.end(agreement, at=again)


def test_an_end_does_not_prolong(market: Market) -> None:
    until = market.clock.at + timedelta(days=10)
    agreement = market.accept(market.offer(market.work(), licensees=(market.lab.public_id,), valid_to=until))
    with pytest.raises(Conflict, match="already"):
        market.end(agreement, at=until + timedelta(days=1))


def test_agreements_exist_for_their_two_sides_only(market: Market) -> None:
    agreement = market.accept(market.offer(market.work(), licensees=(market.lab.public_id,)))
    stranger = make_actor(market.session, market.sources, Role.CREATOR, "Stranger")
    for other in (market.ben, market.society, market.rival, market.operator, stranger):
        assert licences.list_agreements(market.session, other).items == []
        with pytest.raises(NotFound, match="agreement_"):
            licences.get_agreement(market.session, other, agreement.public_id, market.sources)
    for other in (market.ben, market.society, market.rival):
        with pytest.raises(NotFound, match="agreement_"):
            market.end(agreement, by=other)
    for side in (market.anna, market.lab):
        assert licences.list_agreements(market.session, side).items == [agreement]


# -- claims -------------------------------------------------------------------------------------------------
def test_a_claim_names_an_agreement_in_force(market: Market) -> None:
    offer = market.offer(market.work(), tariff=market.tariff().series.public_id)
    agreement = market.accept(offer)
    name = licence_name("agreement", agreement.public_id, 1)
    lab, begun = market.lab.party_id, market.clock.at
    ended = market.clock.advance(days=3)
    market.end(agreement)

    def claim(licensee: int = lab, licence: str = name, at: timedelta = timedelta()) -> object:
        return licences.agreement_for_claim(market.session, licensee, licence, begun + at)

    assert claim() is agreement
    assert claim(at=ended - begun - timedelta(seconds=1)) is agreement
    for moment in (timedelta(seconds=-1), ended - begun):
        with pytest.raises(InvalidInput, match="not in force"):
            claim(at=moment)
    with pytest.raises(InvalidInput, match="names version 2"):
        claim(licence=name.replace("@1", "@2"))
    with pytest.raises(NotFound):
        claim(licensee=market.rival.party_id)
    with pytest.raises(NotFound):
        claim(licence=licence_name("agreement", bytes(16), 1))


# -- the log ------------------------------------------------------------------------------------------------
def test_what_is_public_is_logged_and_what_is_private_is_committed_to(market: Market) -> None:
    tariff = market.tariff()
    offer = market.offer(market.work(), tariff=tariff.series.public_id)
    agreement = market.accept(offer)
    market.end(agreement)
    market.revoke(offer)
    bodies = log.entries(market.session, 0, log.head(market.session).size)
    leaves = [parse_leaf(body) for body in bodies]
    assert [leaf.act if isinstance(leaf, LicenceLeaf) else leaf.TYPE for leaf in leaves] == [
        "tariff",
        "offer",
        "agree",
        "end",
        "revoke",
    ]
    assert (tariff.log_index, offer.log_index, agreement.log_index) == (0, 1, 2)
    assert isinstance(leaves[0], TariffLeaf)
    assert leaves[0].terms == tariff.digest.hex()
    agreed = leaves[2]
    assert isinstance(agreed, LicenceLeaf)
    sides = {
        "owner": format_id("party", market.anna.public_id),
        "licensee": format_id("party", market.lab.public_id),
    }
    work_names = [format_id("work", w) for w in _works_of(market, agreement)]
    assert agreed.who == commitment(agreement.salt, sides)
    assert agreed.terms == commitment(agreement.salt, licences.terms_of(agreement).as_json(work_names))
    for secret in (*sides.values(), *work_names):
        assert not any(secret.encode() in body for body in bodies)


def _works_of(market: Market, agreement: licences.Agreement) -> list[bytes]:
    return list(licences.agreements_seen(market.session, [agreement], works=True)[0].works)


def test_an_offer_to_named_labs_is_nobody_elses_business(market: Market) -> None:
    offer = market.offer(market.work(), licensees=(market.lab.public_id,))
    market.revoke(offer)
    assert offer.log_index is None
    assert log.head(market.session).size == 0
