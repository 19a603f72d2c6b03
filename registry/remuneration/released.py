"""Record what a settlement released: that the held lines are, the lines made of them, and the entries of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from registry.base.bulk_insert import insert_many
from registry.core.records.canonical import canonical
from registry.core.settlement.files import exact_text
from registry.core.settlement.releases import Released
from registry.remuneration import rules
from registry.remuneration.inputs import Gathered
from registry.remuneration.ledger import post
from registry.remuneration.models import ReleasedLine, Settlement, StatementLine
from registry.remuneration.releasing import Examined, Origin

LINE = (
    "settlement_id",
    "pool_id",
    "claim_batch_id",
    "row",
    "work_id",
    "account",
    "party_id",
    "units",
    "unit",
    "ppm",
    "exact_minor",
    "amount_minor",
    "currency",
)
"""The columns of a line, as they are inserted."""


def record_releases(
    session: Session, settlement: Settlement, gathered: Gathered, released: Sequence[Released]
) -> None:
    """All of it in the caller's transaction; what was released before is refused by its key."""
    held = {each.key: each for each in gathered.releases}
    lines = [(each.line.line_id, settlement.id) for each in gathered.releases]
    insert_many(session, ReleasedLine, ("line_id", "settlement_id"), lines)
    rows = [_line(settlement.id, held[part.key], part, gathered) for part in released]
    insert_many(session, StatementLine, LINE, rows)
    taken_of: dict[Origin, list[tuple[str, int]]] = defaultdict(list)
    given_of: dict[Origin, list[tuple[str, int]]] = defaultdict(list)
    for each in gathered.releases:
        taken_of[each.origin].append((each.line.account, each.line.amount_minor))
    for part in released:
        origin = held[part.key].origin
        given_of[origin].append((_account(origin, part, gathered.names), part.amount_minor))
    for origin, given in given_of.items():
        postings = rules.release(origin.currency, taken_of[origin], given)
        if postings:
            identifier = _transfer_id(settlement, origin)
            post(session, identifier, "release", postings, settlement.settled_at, settlement.id)


def _line(settlement_id: int, held: Examined, part: Released, gathered: Gathered) -> tuple[Any, ...]:
    """A part of a held line, under the same use; in the order of `LINE`."""
    line, origin = held.line, held.origin
    return (
        settlement_id,
        line.pool_id,
        line.claim_id,
        line.row,
        line.work_id,
        _account(origin, part, gathered.names),
        gathered.payees[part.payee].party_id if part.payee >= 0 else None,
        line.units,
        line.unit,
        part.ppm,
        exact_text(part.exact),
        part.amount_minor,
        origin.currency,
    )


def _account(origin: Origin, part: Released, names: Sequence[str]) -> str:
    return rules.part_account(part.payee, part.work, origin.year, names)


def _transfer_id(settlement: Settlement, origin: Origin) -> bytes:
    """Follows from which settlement releases what was held of which pool."""
    facts = {
        "kind": "release",
        "licence": origin.licence,
        "pool_period": origin.period,
        "part": origin.part,
        "period": origin.settled_period,
        "closing_size": origin.closing_size,
        "by_period": settlement.period,
        "by_closing_size": settlement.closing_size,
    }
    return sha256(canonical(facts)).digest()
