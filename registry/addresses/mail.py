"""The outbox of letters. What one says, and to whom its link belongs, is looked up when it goes out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.addresses import letters, service
from registry.addresses.letters import Text
from registry.addresses.models import Letter
from registry.addresses.rules import NAMESAKES, Kind, Purpose
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.outbox import Mail, Post
from registry.parties import service as parties
from registry.parties.service import Party


class LetterOutbox:
    """Rows of `letter`. The secret of a link is made here and is nowhere but in the mail."""

    def __init__(self, site: str) -> None:
        """`site` is the address of the registry's pages, such as `https://registry.example`."""
        self._site = site

    def due(self, session: Session, after: int, limit: int) -> Sequence[int]:
        """See `registry.base.outbox.Outbox`."""
        query = select(Letter.id).where(Letter.mail == Mail.DUE, Letter.id > after)
        return session.scalars(query.order_by(Letter.id).limit(limit)).all()

    def compose(self, database: Database, key: int, sources: Sources) -> Post | None:
        """The mail; `None` if there is nothing to say to this address, or it was taken back meanwhile."""
        with database.writing() as session:
            letter = session.get_one(Letter, key)
            text = self._text(session, letter, sources.now()) if letter.mail == Mail.DUE else None
            if text is None:
                return None
            return Post(
                recipient=letter.address,
                subject=text.subject,
                text=text.body,
                language=letter.language,
                written_at=letter.asked_at,
                message=letter.message,
            )

    def record(self, session: Session, key: int, state: Mail, now: datetime) -> None:
        """Addresses that somebody named and nobody has are not kept."""
        letter = session.get_one(Letter, key)
        if letter.mail != Mail.DUE:
            return
        letter.mail, letter.mailed_at = state.value, now if state is Mail.SENT else None
        if state is Mail.NONE and letter.party_id is None:
            letter.address = ""

    def _text(self, session: Session, letter: Letter, now: datetime) -> Text | None:
        """What this letter says by the state of things now."""
        language, page = letter.language, f"{self._site}/{letter.language}"
        match Kind(letter.kind):
            case Kind.CONFIRM:
                return self._confirm(session, letter, now)
            case Kind.FORGOTTEN:
                return self._forgotten(session, letter, now)
            case Kind.CHANGING:
                return letters.changing(f"{page}/account", language)
            case Kind.CHANGED:
                return letters.changed(language)
            case Kind.RENEWED:
                return letters.password(f"{page}/forgotten", language)

    def _confirm(self, session: Session, letter: Letter, now: datetime) -> Text | None:
        party = session.get(Party, letter.party_id)
        if party is None or party.deleted_at is not None:
            return None
        holder = parties.holder(session, letter.address)
        if holder is not None:
            page = f"{self._site}/{letter.language}/forgotten"
            return None if holder.id == party.id else letters.taken(page, letter.language)
        secret = service.make_link(session, party, Purpose.CONFIRM, letter.address, now)
        return letters.confirm(party, f"{self._site}/{letter.language}/confirm/{secret}", letter.language)

    def _forgotten(self, session: Session, letter: Letter, now: datetime) -> Text | None:
        holder = parties.holder(session, letter.address)
        found = [holder] if holder else parties.unconfirmed(session, letter.address, NAMESAKES)
        accounts = [(party, self._password_link(session, party, letter, now)) for party in found]
        return letters.forgotten(accounts, letter.language) if accounts else None

    def _password_link(self, session: Session, party: Party, letter: Letter, now: datetime) -> str:
        secret = service.make_link(session, party, Purpose.RECOVER, letter.address, now)
        return f"{self._site}/{letter.language}/new-password/{secret}"
