"""What a lab would pay, before it accepts: the same to the cent as what is settled afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from registry.base.actor import Role
from registry.core.decisions import Purpose
from registry.core.errors import Forbidden, InvalidInput
from registry.core.ids import format_id
from registry.core.tariffs import Figure
from registry.licences import service as licences
from registry.licences.models import Offer
from registry.remuneration import service as remuneration
from registry.remuneration.costs import CostPreview, PreviewCosts, preview_costs, summed
from registry.remuneration.models import SettlementPool
from registry.works import service as works
from registry.works.service import Kind, Work
from tests.factories import make_actor
from tests.support.usage import CENTS_PER_100_IMAGES, CENTS_PER_WORK, FLAT, Trade, row

SHARE = {"type": "revenue_share", "ppm": 300_000, "minimum_minor": 50_000}
PER_MODEL = {"type": "per_model_version", "amount_minor": 90_000, "distribution": "pro_rata_units"}


def offer(trade: Trade, *offered: Work, components: Any = (), currency: str = "EUR", **terms: Any) -> Offer:
    """Of Anna's, to anyone unless it says otherwise."""
    tariff = None
    if components:
        create = licences.CreateTariff(currency, components, "Prices")
        tariff = licences.create_tariff(trade.session, trade.anna, create, trade.sources).series.public_id
    values = {"purpose": Purpose.TRAIN_GENAI} | terms
    command = licences.CreateOffer(tuple(w.public_id for w in offered), tariff=tariff, **values)
    return licences.create_offer(trade.session, trade.anna, command, trade.sources)


def preview(trade: Trade, uses: dict[Work, int], **more: Any) -> CostPreview:
    """As the lab asks."""
    asked = {work.public_id: units for work, units in uses.items()}
    command = PreviewCosts(asked, **{"purpose": Purpose.TRAIN_GENAI} | more)
    return preview_costs(trade.session, trade.lab, command, trade.sources)


def test_the_preview_is_what_is_settled(trade: Trade) -> None:
    heron, crane = trade.work(), trade.work()
    made = offer(
        trade, heron, crane, components=(CENTS_PER_100_IMAGES, CENTS_PER_WORK, FLAT, SHARE, PER_MODEL)
    )
    figures = {Figure.NET_INCOME: 1_234_567, Figure.MODEL_VERSIONS: 1}
    uses = {heron: 131, crane: 7}
    seen = preview(trade, uses, figures=figures)
    (cost,) = seen.licences
    assert cost.licence == format_id("offer", made.public_id)
    assert [(c.type, c.exact_minor, c.amount_minor) for c in cost.components] == [
        ("per_unit", "276/5", 55),
        ("per_unit", "50", 50),
        ("flat_per_period", "1000", 1000),
        ("revenue_share", "370370", 370_370),
        ("per_model_version", "90000", 90_000),
    ]
    assert (cost.total_minor, cost.total, seen.totals) == (461_475, "4614.75", {"EUR": 461_475})

    agreement = licences.accept_offer(
        trade.session, trade.lab, licences.AcceptOffer(made.public_id), trade.sources
    )
    name = licences.agreement_name(agreement)
    assert preview(trade, uses, figures=figures).totals == seen.totals
    trade.claim(row(heron, name, 131), row(crane, name, 7))
    trade.clock.advance(days=92)
    trade.declare(name, Figure.NET_INCOME, 1_234_567)
    trade.declare(name, Figure.MODEL_VERSIONS, [trade.model])
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    assert sum(trade.session.scalars(select(SettlementPool.total_minor))) == 461_475


def test_what_cannot_be_priced_says_why(trade: Trade) -> None:
    heron, silent, gone = trade.work(), trade.work(), trade.work()
    works.withdraw_work(trade.session, trade.anna, gone.public_id, trade.sources)
    offer(trade, heron, components=(CENTS_PER_100_IMAGES, SHARE, PER_MODEL))
    seen = preview(trade, {heron: 100, silent: 1, gone: 1})
    assert [(w.licences != (), w.reason) for w in seen.works] == [
        (True, None),
        (False, "no-offer"),
        (False, "withdrawn"),
    ]
    assert [(c.amount_minor, c.figure, c.minimum_minor) for c in seen.licences[0].components] == [
        (40, None, None),
        (None, Figure.NET_INCOME, 50_000),
        (None, Figure.MODEL_VERSIONS, None),
    ]
    assert seen.totals == {"EUR": 40}
    unknown = PreviewCosts({bytes(16): 3}, Purpose.TRAIN_GENAI)
    (work,) = preview_costs(trade.session, trade.lab, unknown, trade.sources).works
    assert work.reason == "unknown"


def test_each_work_is_priced_once_by_the_widest_or_the_preferred_offer(trade: Trade) -> None:
    heron, crane = trade.work(), trade.work()
    single = offer(trade, heron, components=(CENTS_PER_WORK,))
    both = offer(trade, heron, crane, components=(CENTS_PER_100_IMAGES,), currency="JPY")
    single_name, both_name = (format_id("offer", each.public_id) for each in (single, both))
    seen = preview(trade, {heron: 100, crane: 100})
    assert [(w.licences, w.other_offers) for w in seen.works] == [
        ([both_name], [single_name]),
        ([both_name], []),
    ]
    assert (seen.totals, seen.licences[0].total) == ({"JPY": 80}, "80")
    chosen = preview(trade, {heron: 100, crane: 100}, offers=(single_name,))
    assert [w.licences for w in chosen.works] == [[single_name], [both_name]]
    assert chosen.totals == {"EUR": 25, "JPY": 40}


def test_what_is_permitted_already_costs_what_was_agreed(trade: Trade) -> None:
    heron, open_to_all = trade.work(), trade.work()
    name = trade.agreement(heron, components=(CENTS_PER_100_IMAGES, FLAT))
    offer(trade, heron, components=(CENTS_PER_WORK,))
    offer(trade, open_to_all)
    trade.claim(row(heron, name, 100))
    assert preview(trade, {heron: 100, open_to_all: 5}).totals == {"EUR": 1040}
    remuneration.settle(trade.session, trade.operator, "2026-Q3", trade.sources)
    seen = preview(trade, {heron: 100, open_to_all: 5})
    assert seen.totals == {"EUR": 40}  # the quarter's flat price was charged
    assert [w.licences[0].split("_")[0] for w in seen.works] == ["agreement", "offer"]
    assert {cost.currency for cost in seen.licences} == {"EUR", None}


@pytest.mark.parametrize(
    "terms",
    [
        {"purpose": Purpose.SEARCH},
        {"territories": ("FR",)},
        {"licensees": "others"},
        {"valid_from": "later"},
    ],
)
def test_offers_that_do_not_fit_are_none(trade: Trade, terms: dict[str, Any]) -> None:
    heron = trade.work()
    if terms.get("licensees"):
        terms = {"licensees": (make_actor(trade.session, trade.sources, Role.LAB, "Rival").public_id,)}
    if "valid_from" in terms:
        terms = {"valid_from": trade.clock().replace(year=2027)}
    offer(trade, heron, components=(CENTS_PER_WORK,), **terms)
    (work,) = preview(trade, {heron: 1}, territory="DE").works
    assert work.reason == "no-offer"


def test_texts_are_counted_as_the_tariff_counts_them(trade: Trade) -> None:
    poem = trade.work(kind=Kind.TEXT)
    tokens = {"type": "per_unit", "unit": "1k_tokens", "amount_minor": 3, "per_units": 2}
    offer(trade, poem, components=(tokens,))
    seen = preview(trade, {poem: 5})
    assert (seen.works[0].unit, seen.totals) == ("1k_tokens", {"EUR": 8})


def test_who_may_ask_for_what(trade: Trade) -> None:
    heron = trade.work()
    command = PreviewCosts({heron.public_id: 1}, Purpose.TRAIN_GENAI)
    with pytest.raises(Forbidden, match="only a lab"):
        preview_costs(trade.session, trade.anna, command, trade.sources)
    for wrong in ({}, {heron.public_id: 0}, {heron.public_id: True}):
        with pytest.raises(InvalidInput):
            preview_costs(trade.session, trade.lab, PreviewCosts(wrong, Purpose.TRAIN_GENAI), trade.sources)
    with pytest.raises(InvalidInput):
        preview(trade, {heron: 1}, territory="Mars")
    assert summed([(b"a", 1), (b"b", 2), (b"a", 3)]) == {b"a": 4, b"b": 2}
