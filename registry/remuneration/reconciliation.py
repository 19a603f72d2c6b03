"""Run, claim, settlement, payment: whether they agree, for a society and its members, claim by claim, payee by payee.

A claim is followed from the run that it names and its place in the log to the pools that a settlement made of it and
to what these attributed. Payments are of a payee's account and not of a quarter, so they are followed payee by payee.
What does not agree is named by a code and never smoothed over. The society sees the rows of the works for whose makers
it may collect, and a member's account if the mandate is for all of them, as in that member's statement.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.settlement.periods import Period
from registry.core.tariffs import declared_components
from registry.licences import service as licences
from registry.parties import service as parties
from registry.parties.service import May
from registry.remuneration.account_trails import AccountTrail, account_trails
from registry.remuneration.members import MemberLine, members_report
from registry.remuneration.models import (
    SettledClaim,
    Settlement,
    SettlementHold,
    SettlementPool,
    StatementLine,
)
from registry.usage import service as usage
from registry.usage.service import OwnClaim

_CHUNK = 500
_DISPUTED, _UNCLAIMED = "Liabilities:Disputed:", "Liabilities:Unclaimed:"

Stated = tuple[int, int, int]
"""Log index, row and payee of a line in a member's statement."""

#: Findings of a claim, the gravest first. `missing` and `sum` are faults of the registry; the others explain.
FAULTS = ("missing", "sum")
FINDINGS = (*FAULTS, "figure", "disputed", "unclaimed", "unsettled", "running", "elsewhere", "free")


@dataclass(slots=True)
class PoolTrail:
    """A pool that money of this claim came from, in this quarter's settlements."""

    settlement: bytes
    settlement_log_index: int
    licence: str
    part: str
    currency: str
    total_minor: int
    """Of the whole pool, all claims and makers together: what the lab owes by it."""
    stated_minor: int = 0
    """What the members' statements have of it, from this claim."""
    disputed_minor: int = 0
    unclaimed_minor: int = 0
    others_minor: int = 0
    """What holders get who are none of the members, of the members' works."""
    released: bool = False
    """Whether it was held when the pool was made, and released later."""


@dataclass(slots=True)
class ClaimTrail:
    """One claim, from its run to the statements."""

    claim: bytes
    log_index: int
    run_id: str
    lab: bytes
    lab_name: str
    submitted_at: datetime
    rows: int
    """Of the rows, those that the society may see."""
    units: Mapping[str, int]
    pools: Sequence[PoolTrail]
    findings: Sequence[str]
    settled_in: str | None
    """The period of the settlement that took it."""

    @property
    def is_fault(self) -> bool:
        """Whether the registry contradicts itself here."""
        return any(finding in FAULTS for finding in self.findings)


@dataclass(frozen=True, slots=True)
class PayeeTrail:
    """What one payee's statement of the quarter says, and what became of its account."""

    party: bytes
    name: str
    stated: Mapping[str, int]
    """By the lines, in minor units by currency."""
    account: AccountTrail | None
    """`None`: the mandate is for some works only, so the account is not the society's to see."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All of it, for one quarter."""

    period: Period
    claims: Sequence[ClaimTrail]
    payees: Sequence[PayeeTrail]
    stated: Mapping[str, int]
    """The sum of the claims' money, which is that of the statements."""
    labs: Mapping[bytes, str]
    """Names of all labs that reported anything, whichever was asked for."""

    @property
    def marked(self) -> int:
        """How many claims are marked as a fault, or wait for something."""
        return sum(any(f not in {"free", "elsewhere"} for f in claim.findings) for claim in self.claims)


def reconcile(
    session: Session, actor: Actor, period: str, sources: Sources, lab: bytes | None = None
) -> Reconciliation:
    """A society's own; `lab` leaves the claims of other labs out, and with them their money. `Forbidden` for others."""
    now, quarter = whole_second(sources.now()), Period.parse(period)
    report = members_report(session, actor, str(quarter), sources)
    claims = usage.own_claims(
        session, actor, now, quarter.start, quarter.end, {line.entry.log_index for line in report.lines}
    )
    people = parties.parties_by_id(session, {claim.lab_id for claim in claims})
    labs = {people[claim.lab_id].public_id: people[claim.lab_id].name for claim in claims}
    labs |= {line.entry.lab: line.lab_name for line in report.lines}
    lines = [line for line in report.lines if lab is None or line.entry.lab == lab]
    chosen = [claim for claim in claims if lab is None or people[claim.lab_id].public_id == lab]
    facts = _facts(
        session,
        quarter,
        chosen,
        {(line.entry.log_index, line.entry.row, line.entry.payee) for line in lines},
        now,
    )
    by_claim: dict[int, list[MemberLine]] = defaultdict(list)
    for line in lines:
        by_claim[line.entry.log_index].append(line)
    trails = []
    for claim in chosen:
        reporter = people[claim.lab_id]
        of_it = by_claim[claim.log_index]
        trails.append(_trail(claim, of_it, facts, reporter.public_id, reporter.name))
    return Reconciliation(
        quarter,
        trails,
        _payees(session, actor, lines, now),
        _stated(lines),
        dict(sorted(labs.items(), key=lambda x: x[1])),
    )


def settled_periods(session: Session) -> list[Period]:
    """The quarters that were settled at least once."""
    return [Period.parse(name) for name in session.scalars(select(Settlement.period).distinct())]


def _stated(lines: Iterable[MemberLine]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.entry.currency] += line.entry.amount_minor
    return dict(sorted(sums.items()))


# -- claims -------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Facts:
    """What settlements made of the claims."""

    quarter: Period
    now: datetime
    taken: dict[int, str]
    """By claim: the period of the settlement that took it."""
    pools: dict[tuple[int, int, bool], PoolTrail]
    """By claim, pool, and whether it was released."""
    lined: dict[int, set[int]]
    """By claim: the rows that have a line in any settlement."""
    uneven: set[int]
    """Pools whose lines and deductions are not their total."""
    held: set[int]
    """Agreements that a figure is missing for."""
    figures_only: set[int]
    """Agreements all of whose price rests on figures."""
    of_claim: dict[int, dict[tuple[int, int, bool], PoolTrail]] = field(default_factory=dict)
    """The pools of each claim."""


def _facts(
    session: Session,
    quarter: Period,
    claims: Sequence[OwnClaim],
    stated: Collection[Stated],
    now: datetime,
) -> _Facts:
    by_id = {claim.id: claim for claim in claims}
    facts = _Facts(quarter, now, _taken(session, by_id), {}, defaultdict(set), set(), set(), set())
    for start in range(0, len(claims), _CHUNK):
        _add_lines(session, facts, {c.id: c for c in claims[start : start + _CHUNK]}, stated)
    for place, pool in facts.pools.items():
        facts.of_claim.setdefault(place[0], {})[place] = pool
    facts.uneven = uneven_pools(session, {number for _, number, _ in facts.pools})
    agreements = {agreement for claim in claims for agreement, _ in claim.rows.values()}
    facts.held = _held(session, quarter, agreements)
    for key, agreement in licences.agreements_by_id(session, agreements).items():
        tariff = licences.tariff_of(session, agreement)
        if tariff is not None and len(declared_components(tariff)) == len(tariff.components):
            facts.figures_only.add(key)
    return facts


def _taken(session: Session, claims: Collection[int]) -> dict[int, str]:
    ids, found = sorted(claims), dict[int, str]()
    for start in range(0, len(ids), _CHUNK):
        query = (
            select(SettledClaim.claim_batch_id, Settlement.period)
            .join(Settlement, Settlement.id == SettledClaim.settlement_id)
            .where(SettledClaim.claim_batch_id.in_(ids[start : start + _CHUNK]))
        )
        found.update((claim, period) for claim, period in session.execute(query))
    return found


def _add_lines(
    session: Session, facts: _Facts, claims: Mapping[int, OwnClaim], stated: Collection[Stated]
) -> None:
    """The lines of these claims' own rows: what is held or goes to others, and which rows have any."""
    query = (
        select(StatementLine, SettlementPool, Settlement)
        .join(SettlementPool, SettlementPool.id == StatementLine.pool_id)
        .join(Settlement, Settlement.id == StatementLine.settlement_id)
        .where(StatementLine.claim_batch_id.in_(claims))
        .order_by(StatementLine.id)
    )
    for line, pool, settlement in session.execute(query):
        claim = claims[line.claim_batch_id]
        is_stated = (claim.log_index, line.row, line.party_id or 0) in stated
        if line.row not in claim.rows and not is_stated:
            continue
        facts.lined[claim.id].add(line.row)
        if settlement.period != str(facts.quarter):
            continue
        key = (claim.id, pool.id, settlement.id != pool.settlement_id)
        if key not in facts.pools:
            facts.pools[key] = PoolTrail(
                settlement.public_id,
                settlement.log_index,
                pool.licence,
                pool.part,
                pool.currency,
                pool.total_minor,
                released=key[2],
            )
        trail = facts.pools[key]
        if line.account.startswith(_DISPUTED):
            trail.disputed_minor += line.amount_minor
        elif line.account.startswith(_UNCLAIMED):
            trail.unclaimed_minor += line.amount_minor
        elif not is_stated:
            trail.others_minor += line.amount_minor


def uneven_pools(session: Session, pools: Collection[int]) -> set[int]:
    """The pools of which lines and deductions together are not the total."""
    ids, found = sorted(pools), set[int]()
    deducted = SettlementPool.management_minor + SettlementPool.social_minor
    for start in range(0, len(ids), _CHUNK):
        query = (
            select(
                SettlementPool.id, SettlementPool.total_minor, deducted, func.sum(StatementLine.amount_minor)
            )
            .join(StatementLine, StatementLine.pool_id == SettlementPool.id)
            .where(
                SettlementPool.id.in_(ids[start : start + _CHUNK]),
                StatementLine.settlement_id == SettlementPool.settlement_id,
            )
            .group_by(SettlementPool.id)
        )
        found |= {pool for pool, total, less, lines in session.execute(query) if total != less + int(lines)}
    return found


def _held(session: Session, quarter: Period, agreements: Collection[int]) -> set[int]:
    """The agreements for which the last settlement of the quarter lacked a figure."""
    last = select(func.max(Settlement.id)).where(Settlement.period == str(quarter)).scalar_subquery()
    query = select(SettlementHold.agreement_id).where(SettlementHold.settlement_id == last)
    return set(session.scalars(query)) & set(agreements)


def _trail(
    claim: OwnClaim, lines: Sequence[MemberLine], facts: _Facts, lab: bytes, lab_name: str
) -> ClaimTrail:
    pools = facts.of_claim.get(claim.id, {})
    for line in lines:
        entry = line.entry
        for pool in pools.values():
            same = (pool.settlement, pool.licence, pool.part) == (entry.settlement, entry.licence, entry.part)
            if same:
                pool.stated_minor += entry.amount_minor
                break
    return ClaimTrail(
        claim.public_id,
        claim.log_index,
        claim.run_id,
        lab,
        lab_name,
        claim.submitted_at,
        len(claim.rows),
        dict(sorted(claim.units.items())),
        list(pools.values()),
        _findings(claim, pools, facts),
        facts.taken.get(claim.id),
    )


def _findings(claim: OwnClaim, pools: Mapping[tuple[int, int, bool], PoolTrail], facts: _Facts) -> list[str]:
    found = set()
    priced = {n: agreement for n, (agreement, costs) in claim.rows.items() if costs}
    period = facts.taken.get(claim.id)
    if not priced:
        found.add("free")
    elif period is None:
        found.add("running" if facts.now < facts.quarter.end else "unsettled")
    else:
        if period != str(facts.quarter):
            found.add("elsewhere")
        waiting = {n for n, agreement in priced.items() if agreement in facts.figures_only}
        if priced.keys() - waiting - facts.lined[claim.id]:
            found.add("missing")
        if set(priced.values()) & facts.held:
            found.add("figure")
    if any(pool in facts.uneven for _, pool, _ in pools):
        found.add("sum")
    if any(pool.disputed_minor for pool in pools.values()):
        found.add("disputed")
    if any(pool.unclaimed_minor for pool in pools.values()):
        found.add("unclaimed")
    return [finding for finding in FINDINGS if finding in found]


# -- payees -------------------------------------------------------------------------------------------------
def _payees(session: Session, actor: Actor, lines: Sequence[MemberLine], now: datetime) -> list[PayeeTrail]:
    by_payee: dict[int, list[MemberLine]] = defaultdict(list)
    for line in lines:
        by_payee[line.entry.payee].append(line)
    mandates = parties.repertoires(session, actor, May.COLLECT, now)
    open_to = {key for key in by_payee if key == actor.party_id or any(r.all for r in mandates.get(key, ()))}
    accounts = account_trails(session, open_to, now)
    return [
        PayeeTrail(of_it[0].member, of_it[0].name, _stated(of_it), accounts.get(key))
        for key, of_it in sorted(by_payee.items(), key=lambda each: each[1][0].name)
    ]
