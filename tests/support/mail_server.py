"""A real mail server on this machine (aiosmtpd), which can refuse, speak TLS and ask for a password."""

from __future__ import annotations

import socket
import ssl
from asyncio import WriteTransport
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailServer:
    """What it took so far, and what it answers to recipients: `answers["anna@example.org"] = "450 later"`."""

    port: int
    taken: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data_answers: list[str] = field(default_factory=list)
    """What it says after the next mails, instead of taking them; `hang up` ends the conversation."""
    logins: list[tuple[str, str, bool]] = field(default_factory=list)
    """Names and passwords that were tried, and whether the conversation was encrypted."""
    password: str = ""

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[Any]
    ) -> str:
        """Take the recipient, or not."""
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take the mail."""
        answer = self.data_answers.pop(0) if self.data_answers else "250 taken"
        if answer == "hang up":
            assert isinstance(server.transport, WriteTransport)
            server.transport.abort()
        if answer.startswith("250"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            message = message_from_bytes(content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
        return answer

    def authenticate(
        self, server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, tried: LoginPassword
    ) -> AuthResult:
        """Whether the password is right."""
        assert server.transport is not None
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.logins.append((tried.login.decode(), tried.password.decode(), encrypted))
        return AuthResult(success=tried.password.decode() == self.password, handled=False)


@contextmanager
def mail_server(*, tls: str = "none", chain: Path | None = None, password: str = "") -> Iterator[MailServer]:
    """A server that listens until the block ends; `tls` as in the settings, `chain` its key and certificate."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    handler = MailServer(port, password=password)
    options: dict[str, Any] = {}
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        options = (
            {"ssl_context": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
        )
    if password:
        options |= {"authenticator": handler.authenticate, "auth_require_tls": tls == "starttls"}
    controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
    if tls == "tls":
        controller._trigger_server = partial(_knock, port)  # type: ignore[method-assign]
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


def _knock(port: int) -> None:
    """What the controller does to see that its server answers; its own way knows no encrypted server."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as secure:
        secure.recv(1)
