"""The conversation with a mail server: encrypted and proved, or none; a password is told to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from registry.base.settings import Settings
from registry.base.smtp import RefusedForGood, RefusedForNow, conversation, hand_over
from registry.core.errors import InvalidInput, NetworkFailed, NotReady
from tests.support.internet import certificates
from tests.support.mail_server import MailServer, mail_server

SECRET = "the password of a mail server"


@pytest.fixture(scope="module")
def good() -> tuple[str, Path]:
    """An authority, and a certificate of `localhost` by it."""
    return certificates(("localhost",), expired=False)


@pytest.fixture
def trusted(good: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this machine trust that authority, as its administrator would."""
    path = tmp_path / "ca.pem"
    path.write_text(good[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def to(tmp_path: Path) -> Callable[..., Settings]:
    """Settings for a server: `to(server, "tls", user="registry")`."""
    file = tmp_path / "password"
    file.write_text(SECRET + "\n", "utf-8")

    def make(server: MailServer, tls: str, user: str = "", host: str = "localhost") -> Settings:
        return Settings(
            tmp_path,
            mail_host=host,
            mail_port=server.port,
            mail_tls=tls,
            mail_from="registry@registry.example",
            mail_user=user,
            mail_password_file=file,
        )

    return make


@pytest.fixture(params=["tls", "starttls"])
def tls(request: pytest.FixtureRequest) -> str:
    """From the first byte, or by STARTTLS."""
    return str(request.param)


@pytest.fixture
def server(tls: str, good: tuple[str, Path]) -> Iterator[MailServer]:
    """An encrypted server that asks for a password."""
    with mail_server(tls=tls, chain=good[1], password=SECRET) as running:
        yield running


def letter(recipient: str = "anna@example.org") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "registry@registry.example", recipient, "Grüße"
    message.set_content("Schöne Grüße")
    return message


def deliver(settings: Settings, message: EmailMessage | None = None) -> None:
    with conversation(settings) as connection:
        hand_over(connection, message or letter())


def test_a_mail_goes_out_encrypted_and_signed_in(
    server: MailServer, tls: str, to: Callable[..., Settings], trusted: None
) -> None:
    deliver(to(server, tls, "registry"))
    assert [message["Subject"] for message in server.taken] == ["Grüße"]
    assert server.logins == [("registry", SECRET, True)]


def test_a_wrong_password_sends_nothing(
    server: MailServer, tls: str, to: Callable[..., Settings], trusted: None
) -> None:
    server.password = "another one"
    with pytest.raises(NetworkFailed, match="cannot be used"):
        deliver(to(server, tls, "registry"))
    assert server.taken == []


def test_who_cannot_prove_to_be_the_server_is_told_nothing(
    server: MailServer, tls: str, to: Callable[..., Settings]
) -> None:
    """Its authority is not trusted here."""
    with pytest.raises(NetworkFailed, match="certificate verify failed"):
        deliver(to(server, tls, "registry"))
    assert (server.logins, server.taken) == ([], [])


def test_a_certificate_for_another_name_is_refused(
    server: MailServer, tls: str, to: Callable[..., Settings], trusted: None
) -> None:
    with pytest.raises(NetworkFailed, match="certificate verify failed"):
        deliver(to(server, tls, "registry", host="127.0.0.1"))
    assert (server.logins, server.taken) == ([], [])


def test_a_certificate_that_has_ended_is_refused(
    tls: str, to: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, chain = certificates(("localhost",), expired=True)
    (tmp_path / "ca.pem").write_text(authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with mail_server(tls=tls, chain=chain, password=SECRET) as server:
        with pytest.raises(NetworkFailed, match="certificate has expired"):
            deliver(to(server, tls, "registry"))
        assert (server.logins, server.taken) == ([], [])


def test_a_server_without_encryption_is_told_nothing(to: Callable[..., Settings]) -> None:
    """Somebody in between may have taken the offer out."""
    with mail_server(password=SECRET) as server:
        with pytest.raises(NetworkFailed, match="STARTTLS"):
            deliver(to(server, "starttls", "registry"))
        with pytest.raises(NetworkFailed):
            deliver(to(server, "tls", "registry"))
        assert (server.logins, server.taken) == ([], [])


def test_in_the_clear_only_on_this_machine_and_if_it_is_asked_for(to: Callable[..., Settings]) -> None:
    with mail_server(password=SECRET) as server:
        deliver(to(server, "none", "registry"))
        assert server.logins == [("registry", SECRET, False)]
        for host in ("mail.example.org", "192.0.2.7", "localhost.example.org"):
            with pytest.raises(InvalidInput, match="not sent in the clear"):
                deliver(to(server, "none", host=host))
        assert len(server.taken) == 1
    unsafe = {"HOST": "mail.example.org", "TLS": "none", "FROM": "a@b.org"}
    for settings, fault in ((unsafe, "in the clear"), ({"HOST": "mail.example.org"}, "VORBEHALT_MAIL_FROM")):
        with pytest.raises(InvalidInput, match=fault):
            Settings.load({f"VORBEHALT_MAIL_{name}": value for name, value in settings.items()})


def test_without_the_password_nothing_is_sent(to: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "beyond").write_text("Schlüssel", "utf-8")
    with mail_server(password=SECRET) as server:
        for missing in (None, tmp_path / "nowhere", tmp_path / "beyond"):
            with pytest.raises(NotReady, match="VORBEHALT_MAIL_PASSWORD_FILE"):
                deliver(replace(to(server, "none", "registry"), mail_password_file=missing))
        assert (server.logins, server.taken) == ([], [])


@pytest.mark.parametrize(
    ("answer", "error"),
    [("554 no", RefusedForGood), ("451 later", RefusedForNow), ("hang up", NetworkFailed)],
)
def test_what_the_server_says_of_a_mail(
    answer: str, error: type[Exception], to: Callable[..., Settings]
) -> None:
    with mail_server() as server:
        server.data_answers = [answer]
        with pytest.raises(error):
            deliver(to(server, "none"))
        server.answers = {"gone@example.org": "550 nobody", "full@example.org": "452 later"}
        for recipient, refusal in (("gone@example.org", RefusedForGood), ("full@example.org", RefusedForNow)):
            with pytest.raises(refusal):
                deliver(to(server, "none"), letter(recipient))
        assert server.taken == []
