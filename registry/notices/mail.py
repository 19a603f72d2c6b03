"""Empty the outbox through the operator's mail server (SMTP, RFC 5321; submission, RFC 6409).

One process at a time sends, and each mail that the server took is recorded at once, so none goes out twice. Only a
crash in between the two leaves that open: then it is sent again under the same Message-ID. What the server refuses for
good is recorded; everything else is tried again when the job is, after growing pauses.
"""

from __future__ import annotations

import smtplib
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sqlalchemy import select

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.locks import exclusive
from registry.base.settings import MAIL_NONE, MAIL_TLS, Settings
from registry.core.errors import InvalidInput, NetworkFailed, NotReady
from registry.notices import texts
from registry.notices.models import Notice
from registry.notices.rules import Mail
from registry.parties import service as parties

_TIMEOUT_SECONDS = 30
_AT_ONCE = 200
_GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321 section 4.5.4.1."""


class _RefusedForGood(Exception):
    """The server will not take this mail, now or later."""


class _RefusedForNow(Exception):
    """The server asks to try again later, which is about this mail alone."""


def send_due(
    settings: Settings, database: Database, _payload: Mapping[str, Any], sources: Sources
) -> dict[str, Any]:
    """Send what is in the outbox; without a mail server nothing happens, and pages still say it.

    `NetworkFailed` if some of it is still there: the job is tried again.
    """
    if not settings.mail_host:
        return {"mail": "off"}
    states: Counter[str] = Counter()
    with exclusive(database, "mail"):
        last = 0
        while due := _due(database, last):
            with _server(settings) as server:
                for last in due:
                    states[_send_one(settings, database, server, last, sources).value] += 1
    if states[Mail.DUE]:
        raise NetworkFailed(f"The mail server will take {states[Mail.DUE]} mails later.")
    return dict(states)


def _due(database: Database, after: int) -> list[int]:
    with database.reading() as session:
        query = select(Notice.id).where(Notice.mail == Mail.DUE, Notice.id > after)
        return list(session.scalars(query.order_by(Notice.id).limit(_AT_ONCE)))


def _send_one(
    settings: Settings, database: Database, server: smtplib.SMTP, key: int, sources: Sources
) -> Mail:
    """Send one mail and record it; the state that it is in now."""
    with database.reading() as session:
        notice = session.get_one(Notice, key)
        party = parties.parties_by_id(session, [notice.party_id])[notice.party_id]
    state = Mail.NONE
    if party.email is not None:
        try:
            _hand_over(server, _message(settings, notice, party.email, party.language))
            state = Mail.SENT
        except _RefusedForGood:
            state = Mail.REFUSED
        except _RefusedForNow:
            state = Mail.REFUSED if sources.now() - notice.told_at > _GIVE_UP_AFTER else Mail.DUE
    with database.writing() as session:
        stored = session.get_one(Notice, key)
        stored.mail, stored.mailed_at = state.value, sources.now() if state is Mail.SENT else None
    return state


def _hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, _text = next(iter(error.recipients.values()))
        raise (_RefusedForGood if code >= 500 else _RefusedForNow) from error
    except smtplib.SMTPDataError as error:
        raise (_RefusedForGood if error.smtp_code >= 500 else _RefusedForNow) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NetworkFailed(f"The mail server ended the conversation: {error}") from error


def _message(settings: Settings, notice: Notice, recipient: str, language: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = recipient
    message["Subject"] = texts.subject(notice.kind, language)
    message["Date"] = format_datetime(notice.told_at)
    message["Message-ID"] = f"<{notice.message.hex()}@{settings.origin.partition('/')[0].partition(':')[0]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no answering machine answers
    message["Content-Language"] = language
    message.set_content(texts.body(notice.kind, notice.facts, language, f"https://{settings.origin}"))
    return message


@contextmanager
def _server(settings: Settings) -> Iterator[smtplib.SMTP]:
    """A conversation with the operator's server, encrypted and signed in as the settings say."""
    if not settings.mail_from:
        raise NotReady("Mails need a sender: set VORBEHALT_MAIL_FROM.")
    if settings.mail_user and settings.mail_tls == MAIL_NONE:
        raise InvalidInput("A password is not sent in the clear: set VORBEHALT_MAIL_TLS to starttls or tls.")
    server: smtplib.SMTP | None = None
    try:
        context = ssl.create_default_context()
        if settings.mail_tls == MAIL_TLS:
            server = smtplib.SMTP_SSL(
                settings.mail_host, settings.mail_port, timeout=_TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(settings.mail_host, settings.mail_port, timeout=_TIMEOUT_SECONDS)
            if settings.mail_tls != MAIL_NONE:
                server.starttls(context=context)
        if settings.mail_user:
            server.login(settings.mail_user, _password(settings))
    except (smtplib.SMTPException, OSError) as error:
        if server is not None:
            server.close()
        raise NetworkFailed(f"The mail server cannot be used: {error}") from error
    try:
        yield server
    finally:
        server.close()


def _password(settings: Settings) -> str:
    if settings.mail_password_file is None:
        raise NotReady("The mail server wants a password: set VORBEHALT_MAIL_PASSWORD_FILE.")
    try:
        return settings.mail_password_file.read_text("utf-8").strip()
    except OSError as error:
        raise NotReady(f"VORBEHALT_MAIL_PASSWORD_FILE cannot be read: {error.strerror}.") from error
