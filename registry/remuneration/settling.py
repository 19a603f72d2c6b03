"""Settle: from the claims that the log holds to balanced postings, lines, and files that anyone can compute again.

Everything happens in the caller's one transaction: after a crash at any point there is either the whole settlement
or nothing of it, and running it again does what is left to do. The keys of `settled_claim`, `flat_charge` and
`ledger_entry` make a second payment for the same use impossible, whoever runs two settlements at once.
"""

from __future__ import annotations

import gc
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.bulk_insert import insert_many
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.core.records.canonical import canonical
from registry.core.records.leaves import SettlementLeaf
from registry.core.settlement.declared import Declared
from registry.core.settlement.files import (
    INPUTS,
    OUTPUTS,
    SIDES,
    File,
    Inputs,
    exact_text,
    listing,
    output_files,
    root_of_lines,
)
from registry.core.settlement.periods import Period
from registry.core.settlement.releases import Released, release
from registry.core.settlement.rules import Deductions, Distribution, Pool, distribute
from registry.core.tariffs import amount_due
from registry.log import service as log
from registry.remuneration import rules
from registry.remuneration.declared import due
from registry.remuneration.inputs import Closing, Gathered, StoredPool, gather
from registry.remuneration.ledger import post
from registry.remuneration.models import (
    DeclaredCharge,
    FlatCharge,
    SettledClaim,
    Settlement,
    SettlementFile,
    SettlementHold,
    SettlementPayee,
    SettlementPool,
    StatementLine,
)
from registry.remuneration.released import LINE, record_releases
from registry.remuneration.releasing import due_for_release
from registry.usage import service as usage

_NOTHING = Deductions()


class _Packed(NamedTuple):
    """A file as it is stored."""

    side: str
    name: str
    entry: str
    data: bytes


def settle(
    session: Session,
    actor: Actor,
    period: str,
    sources: Sources,
    deductions: Deductions = _NOTHING,
) -> Settlement:
    """Distribute what is owed for all claims that came in before the end of `period` and were not settled before.

    So are the components for which a figure was declared since, and what earlier settlements held and is resolved. If
    there is nothing of all that, the period's last settlement is returned and nothing is written; a period that was
    never settled gets an empty one, which says so. What comes later is for the next settlement; what cannot be priced
    for want of a figure is listed as held.
    """
    check_scopes(actor, frozenset({Scope.OPERATE}))
    quarter = Period.parse(period)
    now = whole_second(sources.now())
    if now < quarter.start:
        raise InvalidInput(f"{quarter} has not begun; the present period is {Period.of(now)}.")
    closing_size = log.hold(session).size
    taken = select(SettledClaim.claim_batch_id)
    claims = usage.claims_between(session, 0, closing_size, before=quarter.end, taken=taken)
    waiting = due(session, quarter, closing_size, now)
    releases = due_for_release(session, quarter, now)
    earlier = _last_of(session, quarter)
    if not claims and not waiting.charges and not releases and earlier is not None:
        return earlier
    with _uncollected():
        closing = Closing(quarter, closing_size, now, deductions)
        gathered = gather(session, closing, claims, waiting, releases, sources)
        splits = [distribute(pool, deductions) for pool in gathered.inputs.pools]
        released = release(gathered.inputs.releases)
        files = _files(gathered.inputs, splits, released)
        lines = sum(len(split.lines) for split in splits) + len(released)
        settlement = _record(session, actor, gathered, lines, files, now, sources)
        for stored, pool, split in zip(gathered.stored, gathered.inputs.pools, splits, strict=True):
            _record_pool(session, settlement, stored, pool, split, gathered)
            _post(session, settlement, pool, split, gathered.names)
        record_releases(session, settlement, gathered, released)
    return settlement


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles: there are none, and it takes a quarter of the time that millions of rows take."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _last_of(session: Session, period: Period) -> Settlement | None:
    query = select(Settlement).where(Settlement.period == str(period))
    return session.scalar(query.order_by(Settlement.closing_size.desc()).limit(1))


def _files(inputs: Inputs, splits: Sequence[Distribution], released: Sequence[Released]) -> list[_Packed]:
    """Both sides as they are published, packed by threads beside: together they may be larger than memory should be."""

    def packed(side: str, file: File) -> _Packed:
        return _Packed(side, file.name, file.entry, zlib.compress(file.data, 1))

    with ThreadPoolExecutor(2) as beside:
        both = ((INPUTS, inputs.files()), (OUTPUTS, output_files(inputs.pools, splits, released)))
        waiting = [beside.submit(packed, side, file) for side, made in both for file in made]
    return [each.result() for each in waiting]


def _record(
    session: Session,
    actor: Actor,
    gathered: Gathered,
    lines: int,
    files: Sequence[_Packed],
    now: datetime,
    sources: Sources,
) -> Settlement:
    """The settlement with its leaf, its files, and the claims that it takes."""
    inputs, public_id = gathered.inputs, sources.new_id()
    roots = {
        side: root_of_lines(listing(file.entry for file in files if file.side == side)) for side in SIDES
    }
    leaf = SettlementLeaf(
        settlement=format_id("settlement", public_id),
        period=str(inputs.period),
        from_index=inputs.from_index,
        to_index=inputs.to_index,
        inputs=roots[INPUTS].hex(),
        lines=lines,
        root=roots[OUTPUTS].hex(),
        at=int(now.timestamp()),
    )
    key = log.idempotency_key(b"settlement", str(inputs.period).encode(), str(inputs.to_index).encode())
    (index,) = log.append(session, [(key, leaf.body())])
    settlement = Settlement(
        public_id=public_id,
        period=str(inputs.period),
        closing_size=inputs.to_index,
        log_index=index,
        input_root=roots[INPUTS],
        output_root=roots[OUTPUTS],
        management_ppm=inputs.deductions.management_ppm,
        social_ppm=inputs.deductions.social_ppm,
        claim_count=len(gathered.claims),
        line_count=lines,
        released_count=len(gathered.releases),
        settled_by=actor.party_id,
        settled_at=now,
    )
    session.add(settlement)
    session.flush()
    _record_rows(session, settlement.id, gathered, files)
    return settlement


def _record_rows(session: Session, number: int, gathered: Gathered, files: Sequence[_Packed]) -> None:
    """What the settlement (private key) takes, publishes, names by number, and holds back for want of a figure."""
    claims = [(claim.id, number) for claim in gathered.claims]
    insert_many(session, SettledClaim, ("claim_batch_id", "settlement_id"), claims)
    columns = ("settlement_id", "side", "name", "entry", "data")
    insert_many(session, SettlementFile, columns, [(number, *file) for file in files])
    payees = [(number, payee.party_id, payee.salt) for payee in gathered.payees]
    insert_many(session, SettlementPayee, ("settlement_id", "party_id", "salt"), payees)
    held = [(number, each.agreement_id, *each.hold) for each in gathered.held]
    names = ("settlement_id", "agreement_id", "licence", "period", "component", "figure", "reason")
    insert_many(session, SettlementHold, names, held)


def _record_pool(
    session: Session,
    settlement: Settlement,
    keys: StoredPool,
    pool: Pool,
    split: Distribution,
    gathered: Gathered,
) -> None:
    stored = SettlementPool(
        settlement_id=settlement.id,
        agreement_id=keys.agreement_id,
        lab_id=keys.lab_id,
        period=str(pool.period),
        part=pool.part,
        declaration_id=keys.declaration_id,
        licence=pool.licence,
        tariff=pool.tariff.digest,
        currency=pool.currency,
        flat_minor=sum(pool.fixed.values()),
        total_minor=split.total_minor,
        management_minor=split.management_minor,
        social_minor=split.social_minor,
    )
    session.add(stored)
    session.flush()
    if pool.declared is not None:
        session.add(_declared_charge(keys, pool, pool.declared, stored))
    elif pool.fixed:
        session.add(FlatCharge(agreement_id=keys.agreement_id, period=stored.period, pool_id=stored.id))
    insert_many(session, StatementLine, LINE, _lines(settlement.id, stored.id, pool, split, gathered))


def _declared_charge(
    keys: StoredPool, pool: Pool, declared: Declared, stored: SettlementPool
) -> DeclaredCharge:
    return DeclaredCharge(
        declaration_id=keys.declaration_id,
        component=declared.component,
        agreement_id=keys.agreement_id,
        period=stored.period,
        amount_minor=amount_due(pool.tariff.components[declared.component], declared.now.value),
        pool_id=stored.id,
    )


def _lines(
    settlement_id: int, pool_id: int, pool: Pool, split: Distribution, gathered: Gathered
) -> list[tuple[Any, ...]]:
    """The pool's lines with the keys that they are stored under, in the order of `LINE`."""
    used = {(use.log_index, use.row): use for use in pool.uses}
    rows = []
    for line in split.lines:
        use = used[line.log_index, line.row]
        rows.append(
            (
                settlement_id,
                pool_id,
                gathered.claim_ids[line.log_index],
                line.row,
                gathered.work_ids[line.work],
                rules.line_account(line, pool, gathered.names),
                gathered.payees[line.payee].party_id if line.payee >= 0 else None,
                use.units,
                use.unit,
                line.ppm,
                exact_text(line.exact),
                line.amount_minor,
                pool.currency,
            )
        )
    return rows


def _post(
    session: Session, settlement: Settlement, pool: Pool, split: Distribution, names: Sequence[str]
) -> None:
    """Charge the lab, then distribute; two entries, each balanced, under ids that follow from what they are."""
    for kind, postings in (
        ("charge", rules.charge(pool, split.total_minor)),
        ("distribution", rules.distribution(pool, split, names)),
    ):
        if postings:
            facts = {
                "kind": kind,
                "licence": pool.licence,
                "pool_period": str(pool.period),
                "part": pool.part,
                "period": settlement.period,
                "closing_size": settlement.closing_size,
            }
            transfer_id = sha256(canonical(facts)).digest()
            post(session, transfer_id, kind, postings, settlement.settled_at, settlement.id)
