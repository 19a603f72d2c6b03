"""Which components wait for a declared figure, which can be charged now, and what is missing for the others.

A component is charged once for each declaration. Its money goes to everything that was reported under the agreement
until the end of the quarter it was declared for: what a service earns, it earns with all that it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.core.errors import Corrupt
from registry.core.settlement.declared import Declared, Hold, Stated
from registry.core.settlement.periods import Period
from registry.core.tariffs import Figure, declared_components
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.remuneration.models import DeclaredCharge
from registry.usage import service as usage
from registry.usage.service import ClaimBatch, Declaration

History = Mapping[tuple[int, str, Figure], Sequence[Declaration]]


class DueCharge(NamedTuple):
    """One component of one agreement and quarter that is to be charged now."""

    agreement_id: int
    period: Period
    declaration: Declaration
    declared: Declared


class HeldBack(NamedTuple):
    """One that cannot."""

    agreement_id: int
    hold: Hold


@dataclass(frozen=True, slots=True)
class Due:
    """What declared figures add to a settlement."""

    charges: Sequence[DueCharge]
    held: Sequence[HeldBack]
    claims: Sequence[ClaimBatch]
    """The claims whose uses the charges are distributed to, in the order of the log."""


def due(session: Session, quarter: Period, closing_size: int, now: datetime) -> Due:
    """The components of all quarters up to this one that can be charged and were not, and those that cannot be."""
    waiting = {agreement.id: agreement for agreement in licences.agreements_with_figures(session)}
    first = usage.first_claims(session, waiting, closing_size, quarter.end)
    history = usage.declarations_of(session, first, closing_size)
    charged = _charged(session, list(first))
    charges: list[DueCharge] = []
    held: list[HeldBack] = []
    asked = (
        (agreement_id, waiting[agreement_id], period, place, figure)
        for agreement_id, begun in first.items()
        for period in periods_asked(waiting[agreement_id], Period.of(begun), quarter)
        for place, figure in places_asked(session, waiting[agreement_id])
    )
    for agreement_id, agreement, period, place, figure in asked:
        told = history.get((agreement_id, str(period), figure), ())
        reason = missing(session, agreement_id, period, figure, told, history, now)
        if reason is not None:
            name = licences.agreement_name(agreement)
            held.append(HeldBack(agreement_id, Hold(name, str(period), place, figure.value, reason)))
        elif (told[-1].id, place) not in charged:
            before = [one for one in told[:-1] if (one.id, place) in charged]
            stated = Declared(place, _stated(told[-1]), _stated(before[-1]) if before else None)
            charges.append(DueCharge(agreement_id, period, told[-1], stated))
    claims = usage.claims_under(session, {each.agreement_id for each in charges}, closing_size, quarter.end)
    return Due(charges, sorted(held, key=lambda each: each.hold), claims)


def places_asked(session: Session, agreement: Agreement) -> Sequence[tuple[int, Figure]]:
    tariff = licences.tariff_of(session, agreement)
    if tariff is None:
        raise Corrupt(f"{licences.agreement_name(agreement)} has lost its tariff; restore the database.")
    return sorted(declared_components(tariff).items())


def periods_asked(agreement: Agreement, first: Period, last: Period) -> Iterator[Period]:
    """The quarters from the first reported use on in which the agreement was in force."""
    over = agreement.ends_at or agreement.valid_to
    period = first
    while period <= last and (over is None or period.start < over):
        yield period
        period = Period.of(period.end)


def missing(
    session: Session,
    agreement_id: int,
    period: Period,
    figure: Figure,
    told: Sequence[Declaration],
    history: History,
    now: datetime,
) -> str | None:
    """Why a component cannot be priced; `None` if it can."""
    if now < period.end:
        return "not-over"
    if not told:
        return "not-declared"
    if figure is Figure.MODEL_VERSIONS:
        known = {
            model
            for (agreement, quarter, which), each in history.items()
            if (agreement, which) == (agreement_id, figure) and quarter <= str(period)
            for model in each[-1].models
        }
        if usage.models_reported(session, agreement_id, period.end) - known:
            return "model-missing"
    return None


def _charged(session: Session, agreement_ids: Sequence[int]) -> set[tuple[int, int]]:
    query = select(DeclaredCharge.declaration_id, DeclaredCharge.component)
    query = query.where(DeclaredCharge.agreement_id.in_(agreement_ids))
    return {(declaration, component) for declaration, component in session.execute(query)}


def _stated(declaration: Declaration) -> Stated:
    counted = declaration.figure == Figure.MODEL_VERSIONS
    amount = None if counted else declaration.value
    return Stated(declaration.log_index, amount, tuple(declaration.models), declaration.salt.hex())
