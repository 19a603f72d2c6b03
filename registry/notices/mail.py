"""The outbox of notices: what happened, by mail to those who like it so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.outbox import Mail, Post
from registry.notices import texts
from registry.notices.models import Notice
from registry.parties import service as parties


class NoticeOutbox:
    """Rows of `notice`, for accounts whose address is confirmed."""

    def __init__(self, site: str) -> None:
        """`site` is the address of the registry's pages, such as `https://registry.example`."""
        self._site = site

    def due(self, session: Session, after: int, limit: int) -> Sequence[int]:
        """See `registry.base.outbox.Outbox`."""
        query = select(Notice.id).where(Notice.mail == Mail.DUE, Notice.id > after)
        return session.scalars(query.order_by(Notice.id).limit(limit)).all()

    def compose(self, database: Database, key: int, _sources: Sources) -> Post | None:
        """The mail; `None` if the account is gone, or has another address that is not confirmed."""
        with database.reading() as session:
            notice = session.get_one(Notice, key)
            party = parties.parties_by_id(session, [notice.party_id])[notice.party_id]
            if party.email is None or party.email_confirmed_at is None:
                return None
            return Post(
                recipient=party.email,
                subject=texts.subject(notice.kind, party.language),
                text=texts.body(notice.kind, notice.facts, party.language, self._site),
                language=party.language,
                written_at=notice.told_at,
                message=notice.message,
            )

    def record(self, session: Session, key: int, state: Mail, now: datetime) -> None:
        """See `registry.base.outbox.Outbox`."""
        notice = session.get_one(Notice, key)
        notice.mail, notice.mailed_at = state.value, now if state is Mail.SENT else None
