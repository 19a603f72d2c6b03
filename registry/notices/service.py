"""Tell people something, in the transaction in which it happens: neither exists without the other."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.outbox import Mail, Waiting, ask_to_send, waiting
from registry.notices.models import Notice, NoticeOptOut
from registry.notices.rules import Kind
from registry.parties import service as parties

__all__ = ["Kind", "Notice", "choose", "newest", "outbox", "tell", "unwanted"]


def tell(session: Session, kind: Kind, told: Mapping[int, Mapping[str, Any]], now: datetime) -> None:
    """Tell each of these accounts (private keys) what its facts say.

    Mails go into the outbox for those whose address is confirmed: nobody else can have asked for them.
    """
    if not told:
        return
    people = parties.parties_by_id(session, told)
    refusing = set(session.scalars(select(NoticeOptOut.party_id).where(NoticeOptOut.kind == kind)))
    rows = [
        {
            "party_id": key,
            "kind": kind.value,
            "facts": dict(facts),
            "told_at": now,
            "message": secrets.token_bytes(16),
            "mail": (Mail.DUE if people[key].email_confirmed_at and key not in refusing else Mail.NONE).value,
            "mailed_at": None,
        }
        for key, facts in told.items()
        if key in people and people[key].deleted_at is None
    ]
    if rows:
        session.execute(insert(Notice), rows)
    if any(row["mail"] == Mail.DUE for row in rows):
        ask_to_send(session, now)


def outbox(session: Session, now: datetime) -> Waiting:
    """How many notices wait to be mailed."""
    return waiting(session, Notice.mail, Notice.told_at, now)


def newest(session: Session, actor: Actor, limit: int) -> Sequence[Notice]:
    """What the actor was told, the newest first."""
    query = select(Notice).where(Notice.party_id == actor.party_id).order_by(Notice.id.desc())
    return session.scalars(query.limit(limit)).all()


def unwanted(session: Session, actor: Actor) -> frozenset[Kind]:
    """Of what the actor wants no mail."""
    query = select(NoticeOptOut.kind).where(NoticeOptOut.party_id == actor.party_id)
    return frozenset(map(Kind, session.scalars(query)))


def choose(session: Session, actor: Actor, wanted: Collection[Kind], language: str) -> None:
    """From now on mails of these kinds only, in this language; what is in the outbox already goes out."""
    session.execute(delete(NoticeOptOut).where(NoticeOptOut.party_id == actor.party_id))
    session.add_all(
        NoticeOptOut(party_id=actor.party_id, kind=kind.value) for kind in Kind if kind not in wanted
    )
    parties.own_party(session, actor).language = language
    session.flush()
