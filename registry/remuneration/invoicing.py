"""Invoices: what a lab owes by a settlement, with the tax on it, under a number of its own.

Issuing is one transaction under the log's head, so numbers have no gap and no invoice is issued twice. What was issued
is kept byte for byte; a mistake is taken back by a credit note, and a new invoice may follow.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, undefer

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.ids import format_id
from registry.core.records.canonical import canonical
from registry.core.settlement.periods import Period
from registry.licences import service as licences
from registry.log import service as log
from registry.parties import service as parties
from registry.remuneration import invoice_rules as rules
from registry.remuneration.billing import Side, billing_details
from registry.remuneration.invoice_models import Invoice
from registry.remuneration.invoice_paper import invoice_pdf
from registry.remuneration.ledger import post
from registry.remuneration.models import Settlement, SettlementPool, StatementLine
from registry.remuneration.payout_rules import transfer_id
from registry.remuneration.vat import subject_of
from registry.works import service as works

_OPERATE = frozenset({Scope.OPERATE})
_READ = frozenset({Scope.STATEMENTS_READ})


# -- issue ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class IssueInvoices:
    """Invoice one lab for one settlement."""

    settlement: bytes
    lab: bytes
    issuer: Side


def issue_invoices(
    session: Session, actor: Actor, command: IssueInvoices, sources: Sources
) -> Sequence[Invoice]:
    """One invoice for each currency that the lab owes in; those that were issued before are returned as they are.

    `InvalidInput` if the lab owes nothing, gave no billing details, or the tax of anything is not known; then nothing
    is issued.
    """
    check_scopes(actor, _OPERATE)
    log.hold(session)
    now = whole_second(sources.now())
    settlement = session.scalar(select(Settlement).where(Settlement.public_id == command.settlement))
    if settlement is None:
        raise NotFound(f"There is no {format_id('settlement', command.settlement)}.")
    lab = parties.party_by_public_id(session, command.lab)
    owed = _pools(session, settlement, lab.id)
    if lab.role != Role.LAB or not owed:
        raise InvalidInput(
            f"{format_id('party', command.lab)} owes nothing by this settlement; there is nothing to invoice."
        )
    issued = []
    for currency, pools in sorted(owed.items()):
        newest = _newest(session, settlement.id, lab.id, currency)
        if newest is not None and not _taken_back(session, newest):
            issued.append(newest)
            continue
        attempt = 1 if newest is None or newest.attempt is None else newest.attempt + 1
        heading = rules.Heading(
            number="",
            issued_on=now.date(),
            settlement=format_id("settlement", settlement.public_id),
            log_index=settlement.log_index,
            issuer=command.issuer,
            customer=_customer(session, lab),
            currency=currency,
        )
        document = rules.document(heading, _charged(session, pools))
        keys = _Keys(settlement.id, lab.id, attempt, None)
        issued.append(_record(session, actor, document, keys, command.lab, now, sources))
    return issued


def _customer(session: Session, lab: parties.Party) -> Side:
    """To whom the invoice goes, as the lab stated it."""
    customer = billing_details(session, lab.id)
    if customer is None:
        raise InvalidInput(f"{lab.name} gave no billing details; without its address there is no invoice.")
    return customer


def take_back(session: Session, actor: Actor, number: str, reason: str, sources: Sources) -> Invoice:
    """Issue the credit note for an invoice; `Conflict` if there is one already. What is owed net does not change."""
    check_scopes(actor, _OPERATE)
    log.hold(session)
    now = whole_second(sources.now())
    issued = by_number(session, actor, number)
    if issued.attempt is None or _taken_back(session, issued):
        raise Conflict(
            f"{number} was taken back before, or takes back another; a mistake is taken back once."
        )
    document = rules.credit_note(document_of(issued), "", now.date(), reason)
    keys = _Keys(issued.settlement_id, issued.lab_id, None, issued.id)
    lab = parties.parties_by_id(session, [issued.lab_id])[issued.lab_id].public_id
    return _record(session, actor, document, keys, lab, now, sources)


@dataclass(frozen=True, slots=True)
class _Keys:
    settlement_id: int
    lab_id: int
    attempt: int | None
    corrects_id: int | None


def _record(
    session: Session,
    actor: Actor,
    document: dict[str, Any],
    keys: _Keys,
    lab: bytes,
    now: datetime,
    sources: Sources,
) -> Invoice:
    """Give it the next number, keep it, and post its tax."""
    kind = document["type"]
    last = session.scalar(
        select(func.max(Invoice.sequence)).where(Invoice.kind == kind, Invoice.year == now.year)
    )
    invoice = Invoice(
        public_id=sources.new_id(),
        kind=kind,
        year=now.year,
        sequence=(last or 0) + 1,
        settlement_id=keys.settlement_id,
        lab_id=keys.lab_id,
        currency=document["currency"],
        attempt=keys.attempt,
        corrects_id=keys.corrects_id,
        net_minor=document["net_minor"],
        tax_minor=document["tax_minor"],
        issued_by=actor.party_id,
        issued_at=now,
    )
    document = {**document, "number": invoice.number}
    invoice.document, invoice.pdf = canonical(document), invoice_pdf(document)
    session.add(invoice)
    session.flush()
    if invoice.tax_minor:
        postings = rules.tax_postings(
            format_id("party", lab), document["issuer"]["country"], invoice.currency, invoice.tax_minor
        )
        post(session, transfer_id("tax", invoice.number), "tax", postings, now, keys.settlement_id)
    return invoice


def _newest(session: Session, settlement_id: int, lab_id: int, currency: str) -> Invoice | None:
    query = select(Invoice).where(
        Invoice.settlement_id == settlement_id,
        Invoice.lab_id == lab_id,
        Invoice.currency == currency,
        Invoice.attempt.is_not(None),
    )
    return session.scalar(query.order_by(Invoice.attempt.desc()).limit(1))


def _taken_back(session: Session, invoice: Invoice) -> bool:
    return session.scalar(select(Invoice.id).where(Invoice.corrects_id == invoice.id)) is not None


# -- what is owed --------------------------------------------------------------------------------------------
def _pools(session: Session, settlement: Settlement, lab_id: int) -> Mapping[str, list[SettlementPool]]:
    """What the lab owes, by currency."""
    query = select(SettlementPool).where(
        SettlementPool.settlement_id == settlement.id,
        SettlementPool.lab_id == lab_id,
        SettlementPool.total_minor != 0,
    )
    found: dict[str, list[SettlementPool]] = defaultdict(list)
    for pool in session.scalars(
        query.order_by(SettlementPool.licence, SettlementPool.period, SettlementPool.part)
    ):
        found[pool.currency].append(pool)
    return found


def _charged(session: Session, pools: Sequence[SettlementPool]) -> list[rules.Charged]:
    agreed = licences.agreements_by_id(session, {pool.agreement_id for pool in pools})
    parts = _parts(session, [pool.id for pool in pools])
    return [
        rules.Charged(
            licence=pool.licence,
            period=Period.parse(pool.period),
            part=pool.part,
            subject=subject_of(agreed[pool.agreement_id].purpose),
            total_minor=pool.total_minor,
            flat_minor=pool.flat_minor if pool.declaration_id is None else 0,
            parts=parts[pool.id],
        )
        for pool in pools
    ]


def _parts(session: Session, pool_ids: Sequence[int]) -> Mapping[int, list[rules.Part]]:
    """By pool: what fell on each kind of work, in the order of kinds and units; whoever was given it later."""
    line, pool = StatementLine, SettlementPool
    uses = (
        select(line.pool_id, line.work_id, line.unit, line.units, func.sum(line.amount_minor).label("amount"))
        .join(pool, (pool.id == line.pool_id) & (pool.settlement_id == line.settlement_id))
        .where(line.pool_id.in_(pool_ids))
        .group_by(line.pool_id, line.claim_batch_id, line.row, line.work_id, line.unit, line.units)
        .subquery()
    )
    rows = session.execute(
        select(
            uses.c.pool_id, uses.c.work_id, uses.c.unit, func.sum(uses.c.units), func.sum(uses.c.amount)
        ).group_by(uses.c.pool_id, uses.c.work_id, uses.c.unit)
    ).all()
    kinds = {key: work.kind for key, work in works.works_by_id(session, {row[1] for row in rows}).items()}
    sums: dict[int, dict[tuple[str, str], list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for pool_id, work_id, unit, units, amount in rows:
        found = sums[pool_id][kinds[work_id], unit]
        found[0] += int(units)
        found[1] += abs(int(amount))
    return {pool_id: _weighted(by_kind) for pool_id, by_kind in sums.items()}


def _weighted(by_kind: Mapping[tuple[str, str], Sequence[int]]) -> list[rules.Part]:
    """Where every line was rounded to nothing and only deductions are left, units say what fell on what."""
    by_amount = any(amount for _, amount in by_kind.values())
    return [
        rules.Part(kind, units, unit, amount if by_amount else units)
        for (kind, unit), (units, amount) in sorted(by_kind.items())
    ]


# -- read ----------------------------------------------------------------------------------------------------
def list_invoices(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Invoice]:
    """A lab's own, or all for the operator, oldest first."""
    check_scopes(actor, _READ)
    return paginate(session, _visible(actor), Invoice, after, limit)


def get_invoice(session: Session, actor: Actor, public_id: bytes) -> Invoice:
    """One with its document and letter; `NotFound` for others' as for none."""
    check_scopes(actor, _READ)
    found = session.scalar(_whole(_visible(actor).where(Invoice.public_id == public_id)))
    if found is None:
        raise NotFound(f"You have no {format_id('invoice', public_id)}.")
    return found


def by_number(session: Session, actor: Actor, number: str) -> Invoice:
    """One by the number that is printed on it."""
    check_scopes(actor, _READ)
    prefix, _, rest = number.partition("-")
    year, _, sequence = rest.partition("-")
    if prefix in {"INV", "CRN"} and year.isdecimal() and sequence.isdecimal() and len(rest) < 16:
        kind = rules.INVOICE if prefix == "INV" else rules.CREDIT_NOTE
        wanted = (Invoice.kind == kind, Invoice.year == int(year), Invoice.sequence == int(sequence))
        found = session.scalar(_whole(_visible(actor).where(*wanted)))
        if found is not None:
            return found
    raise NotFound(f"There is no “{number[:20]}”; a number looks like INV-2026-000001.")


def document_of(invoice: Invoice) -> dict[str, Any]:
    """What it says."""
    return dict(json.loads(invoice.document))


def _visible(actor: Actor) -> Select[Invoice]:
    query = select(Invoice)
    return query if Scope.OPERATE in actor.scopes else query.where(Invoice.lab_id == actor.party_id)


def _whole(query: Select[Invoice]) -> Select[Invoice]:
    return query.options(undefer(Invoice.document), undefer(Invoice.pdf))
