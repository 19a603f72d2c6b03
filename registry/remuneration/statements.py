"""Statements: what a party is owed, line by line with the claim that each cent comes from; and settlements.

A payee sees its own lines; somebody with a mandate to collect sees the principal's; the operator sees all. A lab sees
what it owes, agreement by agreement. That a settlement took place, with its roots, is public in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.core.ids import format_id
from registry.core.records.leaves import commitment
from registry.core.settlement.files import RIGHT
from registry.core.settlement.periods import Period
from registry.core.settlement.rules import WHOLE, round_half_up
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.parties import service as parties
from registry.parties.service import May
from registry.remuneration.models import (
    Settlement,
    SettlementHold,
    SettlementPayee,
    SettlementPool,
    StatementLine,
)
from registry.remuneration.payouts import paid_to
from registry.remuneration.published import published_settlement
from registry.usage import service as usage
from registry.works import service as works

_READ = frozenset({Scope.STATEMENTS_READ})


# -- statements --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One reported use, and what the party is owed for it."""

    settlement: bytes
    settled_at: datetime
    claim: bytes
    log_index: int
    """Of the claim's leaf: with the receipt, the way to check it."""
    row: int
    """In the claim, from 0."""
    claimed_at: datetime
    lab: bytes
    work: bytes
    title: str
    licence: str
    tariff: bytes
    units: int
    unit: str
    ppm: int
    """The party's share."""
    exact_minor: str
    """After deductions, before rounding: `n/d` minor units."""
    amount_minor: int
    currency: str
    management_exact: Fraction
    """What was deducted from the party's part for management, in minor units."""
    other_exact: Fraction
    """And for social and cultural ends."""
    purpose: str = ""
    """For which the licence permits the use."""
    right: str = RIGHT
    part: str = "use"
    """What was paid: the use itself, or a share of what was declared, such as `net_income.2@17`."""
    payee: int = 0
    """Private key of the party."""
    origin_period: str | None = None
    """For what was released: the quarter of the use, or for which a figure was declared."""
    held_by: bytes | None = None
    """And the settlement that held it."""


class Opening(NamedTuple):
    """Where a party is in a settlement's published files, and what proves it."""

    settlement: bytes
    commitment: bytes
    """As in the file of payees; the party's number in that settlement is its place there."""
    salt: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """All that a period's settlements attributed to one party: what Directive 2014/26/EU, Art. 18, asks for."""

    party: bytes
    period: str
    totals: Mapping[str, int]
    """Attributed, after deductions: minor units by currency."""
    lines: Sequence[StatementEntry]
    """In the order of the log."""
    management_deductions: Mapping[str, int] = field(default_factory=dict)
    """What of the party's part was deducted for management; the sum of exact amounts, rounded for information."""
    other_deductions: Mapping[str, int] = field(default_factory=dict)
    name: str = ""
    paid: Mapping[str, int] = field(default_factory=dict)
    """What has arrived so far, of all periods, in minor units by currency."""
    outstanding: Mapping[str, int] = field(default_factory=dict)
    """What is owed and has not arrived yet, of all periods."""
    openings: Sequence[Opening] = ()
    """One for each settlement, in their order."""


def statement(
    session: Session, actor: Actor, period: str, sources: Sources, on_behalf_of: bytes | None = None
) -> Statement:
    """The statement of the actor, or of a principal for whom it may collect all; empty if nothing was settled.

    `Forbidden` without a mandate, whether or not there is such a party. The operator may name any.
    """
    name = str(Period.parse(period))
    payee, public_id = payee_of(session, actor, on_behalf_of, sources)
    entries = entries_of(session, [payee], name)
    totals: Counter[str] = Counter()
    for entry in entries:
        totals[entry.currency] += entry.amount_minor
    paid = paid_to(session, payee)
    identity = parties.parties_by_id(session, [payee])[payee]
    return Statement(
        party=public_id,
        period=name,
        totals=dict(sorted(totals.items())),
        lines=entries,
        management_deductions=_rounded((entry.currency, entry.management_exact) for entry in entries),
        other_deductions=_rounded((entry.currency, entry.other_exact) for entry in entries),
        name=identity.name,
        paid=paid,
        outstanding=_outstanding(session, payee, paid),
        openings=_openings(session, payee, name, public_id),
    )


def _rounded(amounts: Iterable[tuple[str, Fraction]]) -> dict[str, int]:
    """Exact amounts summed by currency, each sum rounded half up."""
    sums: dict[str, Fraction] = {}
    for currency, amount in amounts:
        sums[currency] = sums.get(currency, Fraction(0)) + amount
    return {currency: round_half_up(total) for currency, total in sorted(sums.items())}


def _openings(session: Session, payee: int, period: str, public_id: bytes) -> list[Opening]:
    query = (
        select(Settlement.public_id, SettlementPayee.salt)
        .join(Settlement, Settlement.id == SettlementPayee.settlement_id)
        .where(SettlementPayee.party_id == payee, Settlement.period == period)
        .order_by(Settlement.id)
    )
    name = {"party": format_id("party", public_id)}
    return [
        Opening(settlement, bytes.fromhex(commitment(salt, name)), salt)
        for settlement, salt in session.execute(query)
    ]


def _outstanding(session: Session, payee: int, paid: Mapping[str, int]) -> dict[str, int]:
    """All that settlements attributed, less what has arrived."""
    query = (
        select(StatementLine.currency, func.sum(StatementLine.amount_minor))
        .where(StatementLine.party_id == payee)
        .group_by(StatementLine.currency)
        .order_by(StatementLine.currency)
    )
    return {currency: int(amount) - paid.get(currency, 0) for currency, amount in session.execute(query)}


def statement_totals(
    session: Session, actor: Actor, sources: Sources, on_behalf_of: bytes | None = None
) -> dict[str, dict[str, int]]:
    """For each settled period in which the payee has lines, newest first: minor units by currency."""
    payee, _ = payee_of(session, actor, on_behalf_of, sources)
    query = (
        select(Settlement.period, StatementLine.currency, func.sum(StatementLine.amount_minor))
        .join(Settlement, Settlement.id == StatementLine.settlement_id)
        .where(StatementLine.party_id == payee)
        .group_by(Settlement.period, StatementLine.currency)
        .order_by(Settlement.period.desc(), StatementLine.currency)
    )
    totals: dict[str, dict[str, int]] = {}
    for period, currency, amount in session.execute(query):
        totals.setdefault(period, {})[currency] = int(amount)
    return totals


def payee_of(session: Session, actor: Actor, party: bytes | None, sources: Sources) -> tuple[int, bytes]:
    """Whose statements the actor reads: private key and public id. `Forbidden` without a mandate to collect all."""
    check_scopes(actor, _READ)
    if party is None or party == actor.public_id:
        return actor.party_id, actor.public_id
    if Scope.OPERATE in actor.scopes:
        return parties.party_by_public_id(session, party).id, party
    return parties.acting_for(session, actor, party, May.COLLECT, [], sources.now()).principal_id, party


def entries_of(session: Session, payees: Collection[int], period: str) -> list[StatementEntry]:
    """What a period's settlements attributed to these parties (private keys), in the order of the log."""
    origin = aliased(Settlement)
    query = (
        select(StatementLine, Settlement, SettlementPool, origin)
        .join(Settlement, Settlement.id == StatementLine.settlement_id)
        .join(SettlementPool, SettlementPool.id == StatementLine.pool_id)
        .join(origin, origin.id == SettlementPool.settlement_id)
        .where(StatementLine.party_id.in_(payees), Settlement.period == period)
        .order_by(StatementLine.id)
    )
    rows = session.execute(query).all()
    claims = usage.claims_by_id(session, [line.claim_batch_id for line, *_ in rows])
    used = works.works_by_id(session, {line.work_id for line, *_ in rows})
    labs = parties.parties_by_id(session, {pool.lab_id for _, _, pool, _ in rows})
    agreed = licences.agreements_by_id(session, {pool.agreement_id for _, _, pool, _ in rows})
    entries = [
        StatementEntry(
            management_exact=_deducted(line.exact_minor, charged, charged.management_ppm),
            other_exact=_deducted(line.exact_minor, charged, charged.social_ppm),
            settlement=settlement.public_id,
            settled_at=settlement.settled_at,
            claim=claims[line.claim_batch_id].public_id,
            log_index=claims[line.claim_batch_id].log_index,
            row=line.row,
            claimed_at=claims[line.claim_batch_id].submitted_at,
            lab=labs[pool.lab_id].public_id,
            work=used[line.work_id].public_id,
            title=used[line.work_id].title,
            licence=pool.licence,
            tariff=pool.tariff,
            units=line.units,
            unit=line.unit,
            ppm=line.ppm,
            exact_minor=line.exact_minor,
            amount_minor=line.amount_minor,
            currency=line.currency,
            purpose=agreed[pool.agreement_id].purpose,
            part=pool.part,
            payee=line.party_id or 0,
            origin_period=None if settlement.id == charged.id else pool.period,
            held_by=None if settlement.id == charged.id else charged.public_id,
        )
        for line, settlement, pool, charged in rows
    ]
    return sorted(entries, key=lambda entry: (entry.log_index, entry.row, entry.part))


def _deducted(exact_minor: str, settlement: Settlement, ppm: int) -> Fraction:
    """What a line would have been more without a deduction of so many ppm."""
    return Fraction(exact_minor) * ppm / (WHOLE - settlement.management_ppm - settlement.social_ppm)


# -- settlements -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PoolDetails:
    """What one lab owes under one agreement."""

    licence: str
    lab: bytes
    period: str
    part: str
    tariff: bytes
    currency: str
    flat_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class SettlementDetails:
    """A settlement, with those of its pools that the reader may see."""

    settlement: Settlement
    pools: Sequence[PoolDetails]
    """All for the operator and auditors, its own for a lab, none for others."""
    totals: Mapping[str, int]
    """Of those pools, in minor units by currency."""
    held: Sequence[SettlementHold]
    """What could not be priced: all for the operator and auditors, of its own agreements for either side."""


def list_settlements(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Settlement]:
    """All settlements, oldest first."""
    check_scopes(actor, _READ)
    return paginate(session, select(Settlement), Settlement, after, limit)


def get_settlement(session: Session, actor: Actor, public_id: bytes) -> SettlementDetails:
    """One settlement; `NotFound` if there is none."""
    check_scopes(actor, _READ)
    settlement = published_settlement(session, public_id)
    query = select(SettlementPool).where(SettlementPool.settlement_id == settlement.id)
    if not actor.sees_all_usage:
        query = query.where(SettlementPool.lab_id == actor.party_id)
    pools = session.scalars(query.order_by(SettlementPool.licence, SettlementPool.period)).all()
    labs = parties.parties_by_id(session, {pool.lab_id for pool in pools})
    totals: Counter[str] = Counter()
    for pool in pools:
        totals[pool.currency] += pool.total_minor
    details = [
        PoolDetails(
            pool.licence,
            labs[pool.lab_id].public_id,
            pool.period,
            pool.part,
            pool.tariff,
            pool.currency,
            pool.flat_minor,
            pool.total_minor,
        )
        for pool in pools
    ]
    return SettlementDetails(
        settlement, details, dict(sorted(totals.items())), _held(session, actor, settlement)
    )


def _held(session: Session, actor: Actor, settlement: Settlement) -> Sequence[SettlementHold]:
    held = session.scalars(
        select(SettlementHold)
        .where(SettlementHold.settlement_id == settlement.id)
        .order_by(SettlementHold.licence, SettlementHold.period, SettlementHold.component)
    ).all()
    if actor.sees_all_usage:
        return held
    agreed = licences.agreements_by_id(session, {each.agreement_id for each in held})
    sides = {key for key, agreement in agreed.items() if actor.party_id in _sides(agreement)}
    return [each for each in held if each.agreement_id in sides]


def _sides(agreement: Agreement) -> tuple[int, int]:
    return agreement.licensee_id, agreement.owner_id
