"""One quarter over all labs: run, claim, settlement and what is owed, in sums, for auditors and the operator.

Nobody's name is in it but the labs': whom money goes to is told as sums, as it is to the public in sealed files. Each
sum is of rows that its reader may look up, and what does not agree is named by a code and never smoothed over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session, defer

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Forbidden
from registry.core.ids import format_id
from registry.core.settlement.periods import Period
from registry.licences import service as licences
from registry.parties import service as parties
from registry.remuneration.models import (
    LedgerPosting,
    ReleasedLine,
    SettledClaim,
    Settlement,
    SettlementHold,
    SettlementPool,
    StatementLine,
)
from registry.remuneration.payout_models import Payout, PayoutEvent
from registry.remuneration.payout_rules import State
from registry.remuneration.reconciliation import uneven_pools
from registry.remuneration.rules import receivable_account
from registry.usage import service as usage
from registry.usage.service import ClaimBatch, LabUsage, Run

#: What is said of a lab's quarter, the gravest first. `sum` is a fault of the registry; the others explain.
FINDINGS = ("sum", "unsettled", "figure", "disputed", "unclaimed", "silent", "running", "owes")
_PARTS = ("stated", "disputed", "unclaimed")


@dataclass(slots=True)
class Money:
    """The pools of one lab's claims of the quarter in one currency, in minor units."""

    total: int = 0
    """What the lab owes by them."""
    deducted: int = 0
    """For management, and for social and cultural ends."""
    stated: int = 0
    """What is in statements, released money among it."""
    disputed: int = 0
    unclaimed: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether the parts are the whole."""
        return self.total == self.deducted + self.stated + self.disputed + self.unclaimed


@dataclass(slots=True)
class LabTrail:
    """One lab's quarter."""

    lab: bytes
    name: str
    usage: LabUsage
    settled: int
    """Of its claims, those that a settlement has taken."""
    money: Mapping[str, Money]
    """By currency."""
    account: Mapping[str, int]
    """What it owes now, all quarters together; below zero: it has paid more."""
    findings: Sequence[str] = ()


@dataclass(slots=True)
class AllLabs:
    """All of it."""

    period: Period
    labs: Sequence[LabTrail]
    arrived: Mapping[str, int]
    """What has arrived at payees' banks, all quarters together, by currency."""
    totals: Mapping[str, Money] = field(default_factory=dict)

    @property
    def marked(self) -> int:
        """How many labs are marked as a fault, or wait for something."""
        return sum(any(finding not in {"running", "owes"} for finding in lab.findings) for lab in self.labs)


@dataclass(frozen=True, slots=True)
class ClaimOfLab:
    """A claim of the lab that is looked at."""

    claim: bytes
    log_index: int
    run_id: str
    submitted_at: datetime
    rows: int
    settled_in: str | None
    """The period of the settlement that took it."""
    settlement_log_index: int | None
    amounts: Mapping[str, int]
    """What all its lines come to after deductions, held ones too, in minor units by currency."""


def reconcile_labs(session: Session, actor: Actor, period: Period, sources: Sources) -> AllLabs:
    """Every lab that reported in the quarter, or owes for it. `Forbidden` for whoever does not see all usage."""
    _check(actor)
    now = whole_second(sources.now())
    reported = usage.usage_by_lab(session, period.start, period.end)
    settled = _settled(session, period)
    money, uneven = _money(session, period)
    held = _held(session, period)
    people = parties.parties_by_id(session, reported.keys() | money.keys())
    accounts = _accounts(session, {key: party.public_id for key, party in people.items()})
    trails = []
    for key, party in people.items():
        trail = LabTrail(
            party.public_id,
            party.name,
            reported.get(key, LabUsage()),
            settled.get(key, 0),
            money.get(key, {}),
            accounts.get(key, {}),
        )
        trail.findings = _findings(trail, period, now, uneven=key in uneven, held=key in held)
        trails.append(trail)
    trails.sort(key=lambda each: (each.name.casefold(), each.lab))
    return AllLabs(period, trails, _arrived(session), _totals(trails))


def claims_of_lab(
    session: Session, actor: Actor, lab: bytes, period: Period, limit: int | None = None
) -> Sequence[ClaimOfLab]:
    """The claims that a lab reported in the quarter, the newest first."""
    _check(actor)
    key = parties.party_by_public_id(session, lab).id
    query = (
        select(ClaimBatch, Run.run_id, Settlement.period, Settlement.log_index)
        .join(Run, Run.id == ClaimBatch.run_id)
        .outerjoin(SettledClaim, SettledClaim.claim_batch_id == ClaimBatch.id)
        .outerjoin(Settlement, Settlement.id == SettledClaim.settlement_id)
        .where(ClaimBatch.lab_id == key, *_of_quarter(period))
        .order_by(ClaimBatch.log_index.desc())
        .limit(limit)
        .options(defer(ClaimBatch.rows))
    )
    found = session.execute(query).all()
    amounts = _amounts(session, [batch.id for batch, *_ in found])
    return [
        ClaimOfLab(
            batch.public_id,
            batch.log_index,
            run_id,
            batch.submitted_at,
            batch.row_count,
            settled_in,
            index,
            amounts.get(batch.id, {}),
        )
        for batch, run_id, settled_in, index in found
    ]


def _check(actor: Actor) -> None:
    if not actor.sees_all_usage:
        raise Forbidden("What all labs reported is for auditors and the operator.")


def _of_quarter(period: Period) -> tuple[ColumnElement[bool], ...]:
    return ClaimBatch.submitted_at >= period.start, ClaimBatch.submitted_at < period.end


# -- sums -----------------------------------------------------------------------------------------------------
def _settled(session: Session, period: Period) -> dict[int, int]:
    query = (
        select(ClaimBatch.lab_id, func.count())
        .join(SettledClaim, SettledClaim.claim_batch_id == ClaimBatch.id)
        .where(*_of_quarter(period))
        .group_by(ClaimBatch.lab_id)
    )
    return {lab: number for lab, number in session.execute(query)}  # noqa: C416 - rows are no pairs to mypy


def _money(session: Session, period: Period) -> tuple[dict[int, dict[str, Money]], set[int]]:
    """The pools of the quarter by lab and currency, and the labs with a pool that does not add up."""
    found: dict[int, dict[str, Money]] = defaultdict(lambda: defaultdict(Money))
    labs = {}
    for pool in session.scalars(select(SettlementPool).where(SettlementPool.period == str(period))):
        money = found[pool.lab_id][pool.currency]
        money.total += pool.total_minor
        money.deducted += pool.management_minor + pool.social_minor
        labs[pool.id] = pool.lab_id
    part = case(
        (StatementLine.party_id.is_not(None), "stated"),
        (StatementLine.account.startswith("Liabilities:Disputed:"), "disputed"),
        else_="unclaimed",
    )
    lines = (
        select(SettlementPool.lab_id, SettlementPool.currency, part, func.sum(StatementLine.amount_minor))
        .join(SettlementPool, SettlementPool.id == StatementLine.pool_id)
        .outerjoin(ReleasedLine, ReleasedLine.line_id == StatementLine.id)
        .where(SettlementPool.period == str(period), ReleasedLine.line_id.is_(None))
        .group_by(SettlementPool.lab_id, SettlementPool.currency, part)
    )
    for lab, currency, name, amount in session.execute(lines):
        setattr(found[lab][currency], name, int(amount))
    uneven = {labs[pool] for pool in uneven_pools(session, labs)}
    return {lab: dict(by_currency) for lab, by_currency in found.items()}, uneven


def _held(session: Session, period: Period) -> set[int]:
    """The labs for which the last settlement of the quarter lacked a declared figure."""
    last = select(func.max(Settlement.id)).where(Settlement.period == str(period)).scalar_subquery()
    query = select(SettlementHold.agreement_id).where(SettlementHold.settlement_id == last)
    agreements = licences.agreements_by_id(session, set(session.scalars(query)))
    return {agreement.licensee_id for agreement in agreements.values()}


def _accounts(session: Session, labs: Mapping[int, bytes]) -> dict[int, dict[str, int]]:
    names = {receivable_account(format_id("party", public_id)): key for key, public_id in labs.items()}
    query = (
        select(LedgerPosting.account, LedgerPosting.currency, func.sum(LedgerPosting.amount_minor))
        .where(LedgerPosting.account.in_(names))
        .group_by(LedgerPosting.account, LedgerPosting.currency)
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for account, currency, amount in session.execute(query):
        if amount:
            found[names[account]][currency] = int(amount)
    return found


def _arrived(session: Session) -> dict[str, int]:
    def came_to(state: State) -> Select[int]:
        return select(PayoutEvent.payout_id).where(PayoutEvent.state == state.value)

    query = (
        select(Payout.currency, func.sum(Payout.amount_minor))
        .where(Payout.id.in_(came_to(State.SETTLED)), Payout.id.not_in(came_to(State.RETURNED)))
        .group_by(Payout.currency)
    )
    return {currency: int(amount) for currency, amount in session.execute(query)}


def _amounts(session: Session, claims: Sequence[int]) -> dict[int, dict[str, int]]:
    query = (
        select(StatementLine.claim_batch_id, StatementLine.currency, func.sum(StatementLine.amount_minor))
        .outerjoin(ReleasedLine, ReleasedLine.line_id == StatementLine.id)
        .where(StatementLine.claim_batch_id.in_(claims), ReleasedLine.line_id.is_(None))
        .group_by(StatementLine.claim_batch_id, StatementLine.currency)
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for claim, currency, amount in session.execute(query):
        found[claim][currency] = int(amount)
    return found


def _totals(trails: Iterable[LabTrail]) -> dict[str, Money]:
    found: dict[str, Money] = defaultdict(Money)
    for trail in trails:
        for currency, money in trail.money.items():
            for name in ("total", "deducted", *_PARTS):
                setattr(found[currency], name, getattr(found[currency], name) + getattr(money, name))
    return dict(sorted(found.items()))


def _findings(trail: LabTrail, period: Period, now: datetime, *, uneven: bool, held: bool) -> list[str]:
    waits = trail.settled < trail.usage.claims
    over = now >= period.end
    found = Counter(
        {
            "sum": uneven or not all(money.adds_up for money in trail.money.values()),
            "unsettled": waits and over,
            "running": waits and not over,
            "figure": held,
            "disputed": any(money.disputed for money in trail.money.values()),
            "unclaimed": any(money.unclaimed for money in trail.money.values()),
            "silent": trail.usage.silent > 0,
            "owes": any(amount > 0 for amount in trail.account.values()),
        }
    )
    return [finding for finding in FINDINGS if found[finding]]
