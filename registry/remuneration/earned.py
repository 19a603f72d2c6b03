"""What one work has brought a party so far, quarter by quarter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.remuneration.models import Settlement, StatementLine


def earned_by_work(session: Session, actor: Actor, work_id: int) -> dict[str, dict[str, int]]:
    """What settlements attributed to the actor for a work (private key): by quarter, newest first, and currency.

    In minor units. It is the actor's own part, whoever else has shares; a work that earned nothing is an empty answer.
    """
    check_scopes(actor, frozenset({Scope.STATEMENTS_READ}))
    query = (
        select(Settlement.period, StatementLine.currency, func.sum(StatementLine.amount_minor))
        .join(Settlement, Settlement.id == StatementLine.settlement_id)
        .where(StatementLine.party_id == actor.party_id, StatementLine.work_id == work_id)
        .group_by(Settlement.period, StatementLine.currency)
        .order_by(Settlement.period.desc(), StatementLine.currency)
    )
    found: dict[str, dict[str, int]] = {}
    for period, currency, amount in session.execute(query):
        found.setdefault(period, {})[currency] = int(amount)
    return found


def in_total(by_quarter: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The sum over all quarters for each currency, in minor units; currencies are never added up."""
    sums: Counter[str] = Counter()
    for amounts in by_quarter.values():
        sums.update(amounts)
    return dict(sorted(sums.items()))
