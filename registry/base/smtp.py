"""The conversation with the operator's mail server (SMTP, RFC 5321; submission, RFC 6409; implicit TLS, RFC 8314).

Encrypted with a certificate that is verified against the system's authorities and the server's name, or, where the
settings say so, in the clear with a server on this very machine. A server that offers no encryption is told nothing.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from registry.base.settings import MAIL_NONE, MAIL_TLS, Settings
from registry.core.errors import InvalidInput, NetworkFailed, NotReady

_TIMEOUT_SECONDS = 30


class RefusedForGood(Exception):
    """The server will not take this mail, now or later."""


class RefusedForNow(Exception):
    """The server asks to try again later, which is about this mail alone."""


@contextmanager
def conversation(settings: Settings) -> Iterator[smtplib.SMTP]:
    """The server, encrypted and signed in to as the settings say, until the block ends.

    `InvalidInput` for settings that are unsafe or incomplete, `NotReady` without the password, `NetworkFailed` if the
    server is away, cannot prove who it is, or does not take the password.
    """
    fault = settings.mail_fault
    if fault:
        raise InvalidInput(fault)
    password = _password(settings) if settings.mail_user else ""
    server: smtplib.SMTP | None = None
    try:
        context = ssl.create_default_context()
        where = (settings.mail_host, settings.mail_port)
        if settings.mail_tls == MAIL_TLS:
            server = smtplib.SMTP_SSL(*where, timeout=_TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=_TIMEOUT_SECONDS)
            if settings.mail_tls != MAIL_NONE:
                server.starttls(context=context)
        if settings.mail_user:
            server.login(settings.mail_user, password)
    except (smtplib.SMTPException, OSError) as error:
        if server is not None:
            server.close()
        raise NetworkFailed(f"The mail server cannot be used: {error}") from error
    try:
        yield server
    finally:
        server.close()


def hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    """Give the server one mail; it is the server's from then on.

    `RefusedForGood` or `RefusedForNow` if it does not want this one, `NetworkFailed` if nothing can be said.
    """
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, _text = next(iter(error.recipients.values()))
        raise (RefusedForGood if code >= 500 else RefusedForNow) from error
    except smtplib.SMTPDataError as error:
        raise (RefusedForGood if error.smtp_code >= 500 else RefusedForNow) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NetworkFailed(f"The mail server ended the conversation: {error}") from error


def _password(settings: Settings) -> str:
    if settings.mail_password_file is None:
        raise NotReady("The mail server wants a password: set VORBEHALT_MAIL_PASSWORD_FILE.")
    try:
        return settings.mail_password_file.read_text("ascii").strip()
    except OSError as error:
        raise NotReady(f"VORBEHALT_MAIL_PASSWORD_FILE cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise NotReady(
            "The password in VORBEHALT_MAIL_PASSWORD_FILE has characters beyond ASCII, which mail servers do not agree "
            "about: choose another."
        ) from error
