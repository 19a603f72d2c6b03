"""Deleting an account: what stands in the way, what is erased, what stays.

The rows that others' records refer to stay, without what they said: no name, address, title, fingerprint or file
digest. Commitments in the log stay, too, but what opens them is erased: without the 32 random bytes of salt nobody can
tell whom they were about. Accounting records (statements, ledger, payments, invoices) stay as the law demands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Base
from registry.base.periods import whole_second
from registry.core.errors import Conflict
from registry.core.ids import format_id
from registry.domains import service as domains
from registry.licences import service as licences
from registry.log import service as log
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.remuneration.service import payee_account, receivable_account
from registry.works import service as works

_GONE = bytes(32)
"""In place of a salt or a digest that was erased: it opens nothing and equals no file."""
_UNKNOWN_FILE: Mapping[str, Any] = {
    "sha256": _GONE,
    "media_type": None,
    "size": None,
    "facts": {},
    "notes": [],
}
"""What is left of a version of a work."""
_AT_ONCE = 500
_OWN = (
    ("api_key", "party_id"),
    ("login_session", "party_id"),
    ("passkey", "party_id"),
    ("passkey_challenge", "party_id"),
    ("bank_account", "party_id"),
    ("settlement_payee", "party_id"),
    ("domain_claim", "owner_id"),
    ("job", "party_id"),
    ("notice", "party_id"),
    ("notice_opt_out", "party_id"),
    ("basket_work", "party_id"),
    ("letter", "party_id"),
    ("address_link", "party_id"),
)
"""Tables whose rows go with the account, and the column that names it."""
_COMMITTED = (
    ("offer", "owner_id"),
    ("agreement", "owner_id"),
    ("agreement", "licensee_id"),
    ("claim_batch", "lab_id"),
)
"""Tables whose rows stay, since they are in the log, and lose the salt that would tell whose they were."""


class Obstacle(StrEnum):
    """Why an account cannot be deleted yet."""

    OPERATOR = "operator"
    MONEY = "money"
    PAYOUT = "payout"
    CLAIMS = "claims"
    AGREEMENTS = "agreements"
    CONTESTS = "contests"
    SHARES = "shares"
    UPLOADS = "uploads"


@dataclass(frozen=True, slots=True)
class Standing:
    """An obstacle, and how many there are of it."""

    obstacle: Obstacle
    count: int


def obstacles(session: Session, actor: Actor, now: datetime) -> list[Standing]:
    """All that stands in the way of deleting the actor's account."""
    counts = {
        Obstacle.OPERATOR: int(actor.role is Role.OPERATOR),
        Obstacle.MONEY: _money(session, actor),
        **{kind: session.scalar(query) or 0 for kind, query in _counted(actor.party_id, now).items()},
    }
    return [Standing(kind, counts[kind]) for kind in Obstacle if counts.get(kind)]


def delete_account(session: Session, actor: Actor, sources: Sources) -> None:
    """Withdraw the works, revoke the offers, end the mandates, erase what is personal; or `Conflict`, and nothing."""
    log.hold(session)
    now = whole_second(sources.now())
    found = obstacles(session, actor, now)
    if found:
        names = ", ".join(standing.obstacle for standing in found)
        raise Conflict(f"This account cannot be deleted yet: {names}.", obstacles=names.split(", "))
    _end(session, actor, sources, now)
    _erase(session, actor.party_id, now)


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


# -- what stands in the way ----------------------------------------------------------------------------------
def _money(session: Session, actor: Actor) -> int:
    """In how many currencies anything is owed, by the account or to it."""
    name = format_id("party", actor.public_id)
    accounts = (payee_account(name), receivable_account(name))
    return sum(
        bool(amount) for account in accounts for amount in remuneration.balance(session, account).values()
    )


def _counted(party: int, now: datetime) -> dict[Obstacle, Select[Any]]:
    work, share, agreement, upload = (_table(n) for n in ("work", "share", "agreement", "bulk_upload"))
    owned_elsewhere = and_(work.c.owner_id != party, work.c.withdrawn_at.is_(None))
    return {
        Obstacle.PAYOUT: _payouts(party),
        Obstacle.CLAIMS: _claims(party),
        Obstacle.AGREEMENTS: select(func.count())
        .select_from(agreement)
        .where(
            or_(agreement.c.owner_id == party, agreement.c.licensee_id == party),
            or_(agreement.c.valid_to.is_(None), agreement.c.valid_to > now),
            or_(agreement.c.ends_at.is_(None), agreement.c.ends_at > now),
        ),
        Obstacle.CONTESTS: _contests(party),
        Obstacle.SHARES: select(func.count(share.c.work_id.distinct()))
        .join_from(share, work, share.c.work_id == work.c.id)
        .where(
            share.c.party_id == party,
            share.c.superseded_at.is_(None),
            or_(share.c.valid_to.is_(None), share.c.valid_to > now),
            owned_elsewhere,
        ),
        Obstacle.UPLOADS: select(func.count())
        .select_from(upload)
        .where(upload.c.party_id == party, upload.c.done < upload.c.rows),
    }


def _payouts(party: int) -> Select[Any]:
    """Payments that have neither arrived nor come back."""
    payout, event = _table("payout"), _table("payout_event")
    ended = exists().where(event.c.payout_id == payout.c.id, event.c.state.in_(("settled", "returned")))
    return select(func.count()).select_from(payout).where(payout.c.party_id == party, ~ended)


def _claims(party: int) -> Select[Any]:
    """Reports of use, by the account or of its works, that no settlement has taken yet."""
    batch, row, work, settled = (_table(n) for n in ("claim_batch", "claim_row", "work", "settled_claim"))
    of_works = (
        select(row.c.batch_id)
        .join_from(row, work, row.c.work_id == work.c.id)
        .where(work.c.owner_id == party)
    )
    taken = exists().where(settled.c.claim_batch_id == batch.c.id)
    mine = or_(batch.c.lab_id == party, batch.c.id.in_(of_works))
    return select(func.count()).select_from(batch).where(mine, ~taken)


def _contests(party: int) -> Select[Any]:
    """Titles in conflict about which nobody has decided, as long as both works are registered."""
    contest, decision, work = _table("contest"), _table("title_decision"), _table("work")
    newer, earlier = work.alias(), work.alias()
    return (
        select(func.count())
        .select_from(contest)
        .join(newer, newer.c.id == contest.c.work_id)
        .join(earlier, earlier.c.id == contest.c.earlier_id)
        .where(
            or_(newer.c.owner_id == party, earlier.c.owner_id == party),
            newer.c.withdrawn_at.is_(None),
            earlier.c.withdrawn_at.is_(None),
            ~exists().where(decision.c.contest_id == contest.c.id),
        )
    )


# -- what ends -----------------------------------------------------------------------------------------------
def _end(session: Session, actor: Actor, sources: Sources, now: datetime) -> None:
    """By the same steps as by hand, so that the log and the next edition say it."""
    work, offer = _table("work"), _table("offer")
    registered = select(work.c.public_id).where(
        work.c.owner_id == actor.party_id, work.c.withdrawn_at.is_(None)
    )
    for public_id in session.scalars(registered).all():
        works.withdraw_work(session, actor, public_id, sources)
    open_offers = select(offer.c.public_id).where(
        offer.c.owner_id == actor.party_id, offer.c.superseded_at.is_(None)
    )
    for public_id in session.scalars(open_offers).all():
        licences.revoke_offer(session, actor, public_id, sources)
    claim = _table("domain_claim")
    claimed = select(claim.c.public_id).where(claim.c.owner_id == actor.party_id, claim.c.ended_at.is_(None))
    for public_id in session.scalars(claimed).all():
        domains.end_claim(session, actor, public_id, sources)
    _end_mandates(session, actor, now)
    request = _table("licence_request")
    unanswered = (request.c.answered_at.is_(None), request.c.withdrawn_at.is_(None))
    session.execute(
        update(request)
        .where(request.c.owner_id == actor.party_id, *unanswered)
        .values(answered_at=now, answered_by=actor.party_id)
    )
    session.execute(
        update(request).where(request.c.licensee_id == actor.party_id, *unanswered).values(withdrawn_at=now)
    )


def _end_mandates(session: Session, actor: Actor, now: datetime) -> None:
    mandate, version = _table("mandate"), _table("mandate_version")
    standing = (
        select(mandate.c.public_id)
        .join_from(mandate, version, version.c.mandate_id == mandate.c.id)
        .where(
            or_(mandate.c.principal_id == actor.party_id, mandate.c.agent_id == actor.party_id),
            version.c.superseded_at.is_(None),
            or_(version.c.valid_to.is_(None), version.c.valid_to > now),
        )
    )
    for public_id in session.scalars(standing).all():
        parties.end_mandate(session, actor, public_id, None, now)


# -- what is erased ------------------------------------------------------------------------------------------
def _erase(session: Session, party: int, now: datetime) -> None:
    """Everything that says who the party was; billing details stay as long as the invoices that were made of them."""
    _erase_works(session, party)
    for table, column in _OWN:
        _delete(session, table, _table(table).c[column] == party)
    if not session.scalar(select(_table("invoice").c.id).where(_table("invoice").c.lab_id == party).limit(1)):
        _delete(session, "billing_details", _table("billing_details").c.party_id == party)
    upload = _table("bulk_upload")
    uploads = select(upload.c.id).where(upload.c.party_id == party)
    _delete(session, "bulk_row", _table("bulk_row").c.upload_id.in_(uploads))
    _delete(session, "bulk_upload", upload.c.party_id == party)
    for table, column in _COMMITTED:
        _set(session, table, _table(table).c[column] == party, salt=_GONE)
    sides = _table("licence_request").c
    _set(session, "licence_request", sides.licensee_id == party, message=None)
    _set(session, "licence_request", sides.owner_id == party, reason=None)
    _set(session, "tariff", _table("tariff").c.owner_id == party, name="")
    erased = {"name": "", "email": None, "email_confirmed_at": None, "password": None}
    _set(session, "party", _table("party").c.id == party, **erased, deleted_at=now)
    session.expire_all()


def _erase_works(session: Session, party: int) -> None:
    work, version = _table("work"), _table("work_version")
    keys = session.scalars(select(work.c.id).where(work.c.owner_id == party)).all()
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        versions = select(version.c.id).where(version.c.work_id.in_(some))
        _delete(session, "fingerprint", _table("fingerprint").c.version_id.in_(versions))
        _set(session, "work_version", version.c.work_id.in_(some), **_UNKNOWN_FILE)
        for table in ("identifier", "source_url", "work_revision"):
            _delete(session, table, _table(table).c.work_id.in_(some))
        hint = _table("likeness_hint")
        about = or_(hint.c.work_id.in_(some), hint.c.other_id.in_(some))
        reviews = _table("hint_review").c.hint_id.in_(select(hint.c.id).where(about))
        _delete(session, "hint_review", reviews)
        _delete(session, "likeness_hint", about)
        _set(session, "work", work.c.id.in_(some), title="", tool=None, prompt=None)


def _delete(session: Session, table: str, which: ColumnElement[bool]) -> None:
    session.execute(delete(_table(table)).where(which))


def _set(session: Session, table: str, which: ColumnElement[bool], **values: Any) -> None:
    session.execute(update(_table(table)).where(which).values(**values))
