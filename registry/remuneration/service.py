"""Settle: from the claims that the log holds to balanced postings and lines. What other rooms use is in `__all__`.

Everything happens in the caller's one transaction: after a crash at any point there is either the whole settlement
or nothing of it, and running it again does what is left to do. The keys of `settled_claim`, `flat_charge` and
`ledger_entry` make a second payment for the same use impossible, whoever runs two settlements at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.core.records.canonical import canonical
from registry.core.records.leaves import SettlementLeaf
from registry.core.tlog.merkle import root_of_leaves
from registry.log import service as log
from registry.remuneration import rules
from registry.remuneration.bank_details import BankDetails, bank_account_of, set_bank_account
from registry.remuneration.beancount import export_ledger
from registry.remuneration.inputs import GatheredPool, Inputs, gather
from registry.remuneration.ledger import balance, post
from registry.remuneration.models import (
    FlatCharge,
    SettledClaim,
    Settlement,
    SettlementPool,
    StatementLine,
)
from registry.remuneration.money import decimal, minor
from registry.remuneration.payout_models import PayoutRun
from registry.remuneration.payout_rules import check_holder, check_iban
from registry.remuneration.payouts import (
    PayoutDetails,
    PreparePayouts,
    RecordPayment,
    cancel_payouts,
    file_of,
    list_runs,
    mark_sent,
    owed_to,
    payouts_to,
    prepare_payouts,
    record_payment,
)
from registry.remuneration.periods import Period
from registry.remuneration.replies import take_reply
from registry.remuneration.rules import Line, Pool
from registry.remuneration.statements import (
    PoolDetails,
    SettlementDetails,
    Statement,
    get_settlement,
    list_settlements,
    statement,
    statement_totals,
)
from registry.usage import service as usage

__all__ = [
    "BankDetails",
    "PayoutDetails",
    "PayoutRun",
    "PoolDetails",
    "PreparePayouts",
    "RecordPayment",
    "Settlement",
    "SettlementDetails",
    "Statement",
    "balance",
    "bank_account_of",
    "cancel_payouts",
    "check_holder",
    "check_iban",
    "decimal",
    "export_ledger",
    "file_of",
    "get_settlement",
    "list_runs",
    "list_settlements",
    "mark_sent",
    "minor",
    "owed_to",
    "payouts_to",
    "prepare_payouts",
    "record_payment",
    "set_bank_account",
    "settle",
    "statement",
    "statement_totals",
    "take_reply",
]


@dataclass(frozen=True, slots=True)
class _Settled:
    """A pool with its lines, ready to be written."""

    gathered: GatheredPool
    lines: Sequence[Line]

    @property
    def pool(self) -> Pool:
        return self.gathered.pool


def settle(session: Session, actor: Actor, period: str, sources: Sources) -> Settlement:
    """Distribute what is owed for all claims that came in before the end of `period` and were not settled before.

    If there are none, the period's last settlement is returned and nothing is written; a period that was never
    settled gets an empty one, which says so. Claims of the period that come later are for the next settlement of it.
    """
    check_scopes(actor, frozenset({Scope.OPERATE}))
    quarter = Period.parse(period)
    now = whole_second(sources.now())
    if now < quarter.start:
        raise InvalidInput(f"{quarter} has not begun; the present period is {Period.of(now)}.")
    closing_size = log.hold(session).size
    taken = select(SettledClaim.claim_batch_id)
    claims = usage.claims_between(session, 0, closing_size, before=quarter.end, taken=taken)
    earlier = _last_of(session, quarter)
    if not claims and earlier is not None:
        return earlier
    inputs = gather(session, claims)
    settled = [_Settled(gathered, rules.distribute(gathered.pool)) for gathered in inputs.pools]
    settlement = _record(session, actor, quarter, closing_size, inputs, settled, now, sources)
    for pool in settled:
        _record_pool(session, settlement, pool, inputs)
        _post(session, settlement, pool.pool, pool.lines)
    return settlement


def _last_of(session: Session, period: Period) -> Settlement | None:
    query = select(Settlement).where(Settlement.period == str(period))
    return session.scalar(query.order_by(Settlement.closing_size.desc()).limit(1))


def _record(
    session: Session,
    actor: Actor,
    period: Period,
    closing_size: int,
    inputs: Inputs,
    settled: Sequence[_Settled],
    now: datetime,
    sources: Sources,
) -> Settlement:
    """The settlement with its leaf, and the claims that it takes."""
    public_id = sources.new_id()
    lines = [_line_fact(pool.pool, line) for pool in settled for line in pool.lines]
    output_root = root_of_leaves(lines)
    leaf = SettlementLeaf(
        settlement=format_id("settlement", public_id),
        period=str(period),
        from_index=inputs.claims[0].log_index if inputs.claims else closing_size,
        to_index=closing_size,
        inputs=inputs.root.hex(),
        lines=len(lines),
        root=output_root.hex(),
        at=int(now.timestamp()),
    )
    key = log.idempotency_key(b"settlement", str(period).encode(), str(closing_size).encode())
    (index,) = log.append(session, [(key, leaf.body())])
    settlement = Settlement(
        public_id=public_id,
        period=str(period),
        closing_size=closing_size,
        log_index=index,
        input_root=inputs.root,
        output_root=output_root,
        claim_count=len(inputs.claims),
        line_count=len(lines),
        settled_by=actor.party_id,
        settled_at=now,
    )
    session.add(settlement)
    session.flush()
    if inputs.claims:
        taken = [{"claim_batch_id": claim.id, "settlement_id": settlement.id} for claim in inputs.claims]
        session.execute(insert(SettledClaim), taken)
    return settlement


def _line_fact(pool: Pool, line: Line) -> bytes:
    """A line as the output root commits to it."""
    return canonical(
        {
            "index": line.log_index,
            "row": line.row,
            "work": line.work,
            "licence": pool.licence,
            "period": str(pool.period),
            "account": line.account,
            "ppm": line.ppm,
            "exact": str(line.exact),
            "amount": line.amount_minor,
            "currency": pool.currency,
        }
    )


def _record_pool(session: Session, settlement: Settlement, settled: _Settled, inputs: Inputs) -> None:
    pool = settled.pool
    stored = SettlementPool(
        settlement_id=settlement.id,
        agreement_id=settled.gathered.agreement_id,
        lab_id=settled.gathered.lab_id,
        period=str(pool.period),
        licence=pool.licence,
        tariff=bytes.fromhex(pool.tariff),
        currency=pool.currency,
        flat_minor=pool.flat_minor,
        total_minor=rules.total(pool),
    )
    session.add(stored)
    session.flush()
    if pool.flat_minor:
        session.add(FlatCharge(agreement_id=stored.agreement_id, period=stored.period, pool_id=stored.id))
    used = {(row.log_index, row.row): row for row in pool.rows}
    lines = [
        {
            "settlement_id": settlement.id,
            "pool_id": stored.id,
            "claim_batch_id": inputs.claim_ids[line.log_index],
            "row": line.row,
            "work_id": inputs.work_ids[line.work],
            "account": line.account,
            "party_id": None if line.party is None else inputs.party_ids[line.party],
            "units": used[line.log_index, line.row].units,
            "unit": used[line.log_index, line.row].unit,
            "ppm": line.ppm,
            "exact_minor": str(line.exact),
            "amount_minor": line.amount_minor,
            "currency": pool.currency,
        }
        for line in settled.lines
    ]
    session.execute(insert(StatementLine), lines)


def _post(session: Session, settlement: Settlement, pool: Pool, lines: Sequence[Line]) -> None:
    """Charge the lab, then distribute; two entries, each balanced, under ids that follow from what they are."""
    for kind, postings in (
        ("charge", rules.charge(pool)),
        ("distribution", rules.distribution(pool, lines)),
    ):
        if postings:
            facts = {
                "kind": kind,
                "licence": pool.licence,
                "pool_period": str(pool.period),
                "period": settlement.period,
                "closing_size": settlement.closing_size,
            }
            transfer_id = sha256(canonical(facts)).digest()
            post(session, transfer_id, kind, postings, settlement.settled_at, settlement.id)
