"""Money that nobody is known for: what it is and of which works, and its end when the law's three years are over."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.records.canonical import canonical
from registry.core.settlement.deadlines import Deadlines
from registry.log import service as log
from registry.remuneration.ledger import post
from registry.remuneration.models import LedgerEntry, LedgerPosting, ReleasedLine, StatementLine
from registry.remuneration.rules import Posting, unclaimed_account, undistributable_account
from registry.works import service as works

_OPERATE = frozenset({Scope.OPERATE})
_PREFIX = unclaimed_account("")
_KIND = "lapse"


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """What was collected in a year, in one currency, and is still unclaimed."""

    year: int
    currency: str
    amount_minor: int

    @property
    def deadlines(self) -> Deadlines:
        """Its clocks."""
        return Deadlines(self.year)


@dataclass(frozen=True, slots=True)
class UnclaimedWork:
    """A line of the list that VGG § 29 asks for: a work of which not all holders are known."""

    work: bytes
    title: str
    currency: str
    amount_minor: int


def list_unclaimed(session: Session, actor: Actor) -> list[Unclaimed]:
    """By year and currency."""
    check_scopes(actor, _OPERATE)
    query = (
        select(LedgerPosting.account, LedgerPosting.currency, func.sum(LedgerPosting.amount_minor))
        .where(LedgerPosting.account.startswith(_PREFIX, autoescape=True))
        .group_by(LedgerPosting.account, LedgerPosting.currency)
        .order_by(LedgerPosting.account, LedgerPosting.currency)
    )
    return [
        Unclaimed(int(account.removeprefix(_PREFIX)), currency, -int(amount))
        for account, currency, amount in session.execute(query)
        if amount
    ]


def unclaimed_works(session: Session, actor: Actor, year: int) -> list[UnclaimedWork]:
    """The works whose use brought the unclaimed money of a year, by public id, without what was released."""
    check_scopes(actor, _OPERATE)
    query = (
        select(StatementLine.work_id, StatementLine.currency, func.sum(StatementLine.amount_minor))
        .where(
            StatementLine.account == unclaimed_account(year),
            StatementLine.id.not_in(select(ReleasedLine.line_id)),
        )
        .group_by(StatementLine.work_id, StatementLine.currency)
    )
    sums = [(work_id, currency, int(amount)) for work_id, currency, amount in session.execute(query)]
    found = works.works_by_id(session, {work_id for work_id, *_ in sums})
    listed = [
        UnclaimedWork(found[work_id].public_id, found[work_id].title, currency, amount)
        for work_id, currency, amount in sums
    ]
    return sorted(listed, key=lambda each: (each.work, each.currency))


def lapse_unclaimed(session: Session, actor: Actor, sources: Sources) -> list[Unclaimed]:
    """Book what counts as not distributable by now to an account of its own; returns what was booked.

    Again is no error: what was booked is not unclaimed any more. Money that comes to an old year later is booked then.
    """
    check_scopes(actor, _OPERATE)
    log.hold(session)
    now = whole_second(sources.now())
    lapsed = [each for each in list_unclaimed(session, actor) if each.deadlines.lapses_on <= now.date()]
    number = session.scalar(select(func.count()).where(LedgerEntry.kind == _KIND)) or 0
    for each in lapsed:
        number += 1
        postings = [
            Posting(unclaimed_account(each.year), each.currency, each.amount_minor),
            Posting(undistributable_account(each.year), each.currency, -each.amount_minor),
        ]
        transfer_id = sha256(canonical({"kind": _KIND, "number": number})).digest()
        post(session, transfer_id, _KIND, postings, now)
    return lapsed
