"""Empty the outboxes: rows that a room wrote in the transaction in which something happened, and that become mails.

One process at a time sends, and each mail that the server took is recorded at once, so none goes out twice. Only a
crash in between the two leaves that open: then it is sent again under the same Message-ID. What the server refuses for
good is recorded; everything else is tried again when the job is, after growing pauses, for five days.
"""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from registry.base import jobs
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import Job, State
from registry.base.locks import exclusive
from registry.base.settings import Settings
from registry.base.smtp import RefusedForGood, RefusedForNow, conversation, hand_over
from registry.core.errors import NetworkFailed

SEND_MAIL = "send-mail"
"""The kind of job that empties the outboxes."""
_AT_ONCE = 200
_GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321 section 4.5.4.1."""
_REMEMBERED = timedelta(days=30)


class Mail(StrEnum):
    """What became of a mail."""

    DUE = "due"
    SENT = "sent"
    REFUSED = "refused"
    """By the receiving end, for good."""
    NONE = "none"
    """Not wanted, or there is nobody whom it may reach."""


@dataclass(frozen=True, slots=True)
class Post:
    """One mail, ready to go. Nothing in it was written by others."""

    recipient: str
    subject: str
    text: str
    language: str
    written_at: datetime
    message: bytes
    """Names it (Message-ID): should it be sent again after a crash, the receiving end knows it."""


class Outbox(Protocol):
    """Rows that become mails."""

    def due(self, session: Session, after: int, limit: int) -> Sequence[int]:
        """Keys above `after` of rows whose mail is due, in their order."""

    def compose(self, database: Database, key: int, sources: Sources) -> Post | None:
        """The mail of this row; `None` if by now it is for nobody."""

    def record(self, session: Session, key: int, state: Mail, now: datetime) -> None:
        """Note what became of it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is in an outbox, for the operator."""

    due: int
    since: datetime | None
    """When the oldest of these was written."""
    refused: int
    """In the last thirty days."""


def ask_to_send(session: Session, now: datetime) -> None:
    """Have the outboxes emptied once this transaction is committed."""
    jobs.enqueue(session, SEND_MAIL, {}, Sources(now=lambda: now))


def send_due(
    settings: Settings,
    outboxes: Sequence[Outbox],
    database: Database,
    _payload: Mapping[str, Any],
    sources: Sources,
) -> dict[str, Any]:
    """Send what is due; without a mail server nothing happens, and pages still say it.

    `NetworkFailed` if some of it is still there: the job is tried again.
    """
    if not settings.sends_mail:
        return {"mail": "off"}
    states: Counter[str] = Counter()
    with exclusive(database, "mail"):
        for outbox in outboxes:
            states.update(mail.value for mail in _send_from(outbox, settings, database, sources))
    if states[Mail.DUE]:
        raise NetworkFailed(f"The mail server will take {states[Mail.DUE]} mails later.")
    return dict(states)


def _send_from(outbox: Outbox, settings: Settings, database: Database, sources: Sources) -> Iterator[Mail]:
    """What becomes of each mail that is due, the oldest first; a new conversation for every `_AT_ONCE` of them."""
    last = 0
    while due := _due(database, outbox, last):
        with conversation(settings) as server:
            for last in due:
                yield _send_one(settings, database, server, outbox, last, sources)


def _due(database: Database, outbox: Outbox, after: int) -> Sequence[int]:
    with database.reading() as session:
        return outbox.due(session, after, _AT_ONCE)


def _send_one(
    settings: Settings,
    database: Database,
    server: smtplib.SMTP,
    outbox: Outbox,
    key: int,
    sources: Sources,
) -> Mail:
    """Send one mail and record it; the state that it is in now."""
    post, state = outbox.compose(database, key, sources), Mail.NONE
    if post is not None:
        try:
            hand_over(server, _message(settings, post))
            state = Mail.SENT
        except RefusedForGood:
            state = Mail.REFUSED
        except RefusedForNow:
            state = Mail.REFUSED if sources.now() - post.written_at > _GIVE_UP_AFTER else Mail.DUE
    with database.writing() as session:
        outbox.record(session, key, state, sources.now())
    return state


def _message(settings: Settings, post: Post) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = post.recipient
    message["Subject"] = post.subject
    message["Date"] = format_datetime(post.written_at)
    message["Message-ID"] = f"<{post.message.hex()}@{settings.origin.partition('/')[0].partition(':')[0]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no answering machine answers
    message["Content-Language"] = post.language
    message.set_content(post.text)
    return message


def waiting(
    session: Session,
    state: InstrumentedAttribute[str],
    written: InstrumentedAttribute[datetime],
    now: datetime,
) -> Waiting:
    """What the rows of a table say, by the columns that hold the mail's state and when it was written."""
    counted = select(
        func.count().filter(state == Mail.DUE),
        func.min(written).filter(state == Mail.DUE),
        func.count().filter((state == Mail.REFUSED) & (written > now - _REMEMBERED)),
    )
    due, since, refused = session.execute(counted).one()
    return Waiting(due, since, refused)


def last_trouble(session: Session) -> Job | None:
    """The newest attempt to send, if it ended in an error that is not over yet."""
    newest = select(Job).where(Job.kind == SEND_MAIL, Job.attempts > 0)
    job = session.scalar(newest.order_by(Job.id.desc()).limit(1))
    return job if job is not None and job.error and job.state != State.DONE else None
