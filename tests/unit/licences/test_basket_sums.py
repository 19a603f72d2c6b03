"""A basket's sums are those of the preview that prices work by work: the database sums what the other goes through."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.core.decisions import Purpose
from registry.core.ids import format_id
from registry.licences import basket
from registry.licences import service as licences
from registry.licences.basket_sums import Asked, basket_sums, unasked_works
from registry.licences.basket_view import view
from registry.licences.models import Offer
from registry.remuneration.service import PreviewCosts, preview_costs
from registry.works import service as works
from registry.works.service import Kind, Work
from tests.factories import Clock
from tests.support.usage import CENTS_PER_100_IMAGES, CENTS_PER_WORK, FLAT, Trade, open_trade

SHARE = {"type": "revenue_share", "ppm": 50_000, "minimum_minor": 700}
TOKENS = {"type": "per_unit", "unit": "1k_tokens", "amount_minor": 7, "per_units": 3}


def _offer(trade: Trade, *about: Work, components: tuple[object, ...], **more: object) -> Offer:
    tariff = licences.CreateTariff("EUR", components, "Pictures")  # type: ignore[arg-type]
    series = licences.create_tariff(trade.session, trade.anna, tariff, trade.sources).series.public_id
    purpose = more.pop("purpose", Purpose.TRAIN_GENAI)
    ids = tuple(work.public_id for work in about)
    command = licences.CreateOffer(ids, purpose, tariff=series, **more)  # type: ignore[arg-type]
    return licences.create_offer(trade.session, trade.anna, command, trade.sources)


def test_the_sums_are_those_of_the_works(session: Session, sources: Sources, clock: Clock) -> None:
    trade = open_trade(session, sources, clock)
    works_ = [trade.work(title=f"Picture {n}") for n in range(12)]
    texts = [trade.work(title=f"Text {n}", kind=Kind.TEXT) for n in range(3)]
    small = _offer(trade, *works_[:4], components=(CENTS_PER_WORK, FLAT))
    large = _offer(trade, *works_[2:8], *texts, components=(CENTS_PER_100_IMAGES, TOKENS, SHARE))
    wide = _offer(trade, works_[0], works_[8], components=(CENTS_PER_WORK,), purpose=Purpose.TRAIN_AI)
    _offer(trade, works_[9], components=(CENTS_PER_WORK,), territories=("DE",))
    _offer(trade, works_[9], components=(CENTS_PER_WORK,), purpose=Purpose.SEARCH)
    trade.agreement(works_[7], works_[10])  # held, though the large offer is about it, too
    trade.agreement(works_[1], purpose=Purpose.SEARCH)  # about it, and no help
    free = licences.CreateOffer((works_[3].public_id,), Purpose.TRAIN_GENAI)
    licences.create_offer(session, trade.anna, free, sources)
    works_[4].contested_since = clock()
    works.withdraw_work(session, trade.anna, works_[5].public_id, sources)
    units = {work.public_id: n for n, work in enumerate([*works_, *texts], start=1)}
    basket.put(session, trade.lab, units, sources)
    licences.ask_for_terms(
        session, trade.lab, licences.AskForTerms((works_[11].public_id,), Purpose.TRAIN_GENAI), sources
    )

    for preferred in ((), (small.id,), (wide.id, small.id)):
        asked = Asked(trade.lab, Purpose.TRAIN_GENAI, "world", clock())
        sums = basket_sums(session, asked, preferred)
        shown = view(
            session,
            trade.lab,
            asked.purpose,
            "world",
            [session.get_one(Offer, key).public_id for key in preferred],
            sources,
            10,
            100,
        )
        names = tuple(format_id("offer", session.get_one(Offer, key).public_id) for key in preferred)
        one_by_one = preview_costs(
            session, trade.lab, PreviewCosts(units, asked.purpose, "world", names), sources
        )
        offers = {cost.licence: cost for cost in one_by_one.licences if "@" not in cost.licence}
        reasons = Counter(row.reason for row in one_by_one.works)
        assert shown is not None
        assert {cost.licence: cost for cost in shown.costs} == offers
        assert shown.rows == one_by_one.works
        assert (sums.works, sums.withdrawn, sums.contested) == (
            15,
            reasons["withdrawn"],
            reasons["contested"],
        )
        assert sums.asked + sums.unasked == reasons["no-offer"] == 2
        assert sums.held == 3
        assert unasked_works(session, asked, 5) == ([works_[9].public_id], 1)
        assert {o.details.offer.id for o in shown.others} == {small.id, large.id, wide.id} - set(sums.chosen)


def test_an_ended_licence_holds_nothing(session: Session, sources: Sources, clock: Clock) -> None:
    trade = open_trade(session, sources, clock)
    heron = trade.work()
    licence = trade.agreement(heron)
    basket.put(session, trade.lab, {heron.public_id: None}, sources)
    asked = Asked(trade.lab, Purpose.TRAIN_GENAI, "world", clock())
    assert basket_sums(session, asked).held == 1
    agreement = licences.agreement_for_claim(session, trade.lab.party_id, licence, clock())
    licences.end_agreement(session, trade.lab, licences.EndAgreement(agreement.public_id), sources)
    later = clock.advance(hours=1)
    sums = basket_sums(session, Asked(trade.lab, Purpose.TRAIN_GENAI, "world", later))
    assert (sums.held, sums.works, sum(n for s in sums.chosen.values() for n, _ in s.values())) == (0, 1, 1)
    assert timedelta(hours=1) == later - asked.now
