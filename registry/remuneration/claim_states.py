"""How far a lab's claims are: reported, settled, or settled but for a figure that the lab has not declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.remuneration.models import (
    SettledClaim,
    Settlement,
    SettlementHold,
    SettlementPool,
    StatementLine,
)
from registry.usage.service import ClaimBatch, ClaimRow

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class ClaimState:
    """Where one claim stands."""

    settlement: Settlement | None
    """The one that took it; `None`: it waits for one."""
    lacks_figure: bool
    """Whether the last settlement of that quarter could not price part of it for want of a declared figure."""


def claim_states(session: Session, claims: Sequence[ClaimBatch]) -> Mapping[int, ClaimState]:
    """By private key; the caller has checked that they may be seen."""
    found: dict[int, ClaimState] = {}
    for start in range(0, len(claims), _CHUNK):
        ids = [claim.id for claim in claims[start : start + _CHUNK]]
        taken = select(SettledClaim.claim_batch_id, Settlement).join(
            Settlement, Settlement.id == SettledClaim.settlement_id
        )
        settled = dict(session.execute(taken.where(SettledClaim.claim_batch_id.in_(ids))).all())
        held = _held(session, {settlement.period for settlement in settled.values()})
        used = (
            select(ClaimRow.batch_id, ClaimRow.agreement_id)
            .where(ClaimRow.batch_id.in_(sorted(settled)))
            .distinct()
        )
        lacking = {
            claim
            for claim, agreement in session.execute(used)
            if agreement in held.get(settled[claim].period, ())
        }
        found |= {key: ClaimState(settled.get(key), key in lacking) for key in ids}
    return found


def _held(session: Session, periods: set[str]) -> dict[str, set[int]]:
    """By quarter: the agreements for which its last settlement lacked a figure."""
    last = (
        select(func.max(Settlement.id))
        .where(Settlement.period.in_(sorted(periods)))
        .group_by(Settlement.period)
    )
    query = (
        select(Settlement.period, SettlementHold.agreement_id)
        .join(SettlementHold, SettlementHold.settlement_id == Settlement.id)
        .where(Settlement.id.in_(last))
    )
    found: dict[str, set[int]] = {}
    for period, agreement in session.execute(query):
        found.setdefault(period, set()).add(agreement)
    return found


def pools_of_claim(session: Session, claim: ClaimBatch) -> Sequence[SettlementPool]:
    """What the lab owes by this claim and the others of its quarter under the same licences, in order of settling."""
    own = select(StatementLine.pool_id).where(StatementLine.claim_batch_id == claim.id).distinct()
    query = select(SettlementPool).where(SettlementPool.id.in_(own)).order_by(SettlementPool.id)
    return session.scalars(query).all()
