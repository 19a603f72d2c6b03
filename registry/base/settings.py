"""Every option of the server in one place, each with its type, its default and a sentence.

An option comes from the environment as `VORBEHALT_<NAME>`; a variable with that prefix that we do not know stops
the start, because a misspelt option is otherwise an option that silently keeps its default.
"""

# ruff: noqa: RUF009 - `_option` makes a dataclass field, whatever its type
from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_data_path

from registry.base.quotas import Quota
from registry.core.errors import InvalidInput

PREFIX = "VORBEHALT_"

#: Variables that belong to others: the lab's command line, and the tests.
FOREIGN = frozenset({"VORBEHALT_API_KEY", "VORBEHALT_RUN_KEY", "VORBEHALT_TEST_DATA"})

READERS = PUBLIC, SOCIETIES, AUDITORS = ("public", "societies", "auditors")
"""Who may read the files of settlements. Societies open accounts themselves; auditors are the operator's choice."""
MAIL_MODES = MAIL_STARTTLS, MAIL_TLS, MAIL_NONE = ("starttls", "tls", "none")
"""How the conversation with the mail server is kept from others."""
_LOG_LEVELS = ("debug", "info", "warning", "error")
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_ORIGIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*")


def _text(value: str) -> str:
    if not value:
        raise ValueError("it is empty")
    return value


def _path(value: str) -> Path:
    return Path(_text(value)).expanduser().absolute()


def _bytes(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ValueError("write a whole number of bytes above 0")
    return int(value)


def _ppm(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) < 1_000_000):
        raise ValueError("write millionths as a whole number below 1000000, such as 90000 for 9 %")
    return int(value)


def _few(value: str) -> int:
    if value not in {str(n) for n in range(10)}:
        raise ValueError("write a number from 0 to 9")
    return int(value)


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value) or len(value) > 200:
        raise ValueError("write a host name in lower case, without https://, such as registry.example")
    return value


def _log_level(value: str) -> str:
    if value.lower() not in _LOG_LEVELS:
        raise ValueError(f"choose one of {', '.join(_LOG_LEVELS)}")
    return value.lower()


def _yes_no(value: str) -> bool:
    if value not in {"yes", "no"}:
        raise ValueError("write yes or no")
    return value == "yes"


def _readers(value: str) -> str:
    if value not in READERS:
        raise ValueError(f"choose one of {', '.join(READERS)}")
    return value


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 65_536):
        raise ValueError("write the number of a port, 1 to 65535")
    return int(value)


def _mail_mode(value: str) -> str:
    if value not in MAIL_MODES:
        raise ValueError(f"choose one of {', '.join(MAIL_MODES)}")
    return value


def _address(value: str) -> str:
    if not _MAIL_ADDRESS.fullmatch(value):
        raise ValueError("write one mail address, such as registry@example.org")
    return value


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise ValueError(f"it must begin with {' or '.join(s + '://' for s in schemes)}")
        return value

    return parse


def _option(parse: Callable[[str], Any], shown: str, sentence: str, default: Any = "") -> Any:
    return field(default=default, metadata={"parse": parse, "default": shown, "sentence": sentence})


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one registry. `Settings(home)` is a complete, working default."""

    home: Path = field(
        metadata={
            "parse": _path,
            "default": "the user's data folder",
            "sentence": "The folder in which everything lives that is not placed elsewhere: "
            "the SQLite file, the file store, the online keys.",
        }
    )
    database_url: str = _option(
        _url("sqlite", "postgresql+psycopg"),
        "`sqlite:///<home>/registry.sqlite`",
        "Where the database is, as an SQLAlchemy address.",
    )
    files_url: str = _option(
        _url("file", "s3"),
        "`file://<home>/files`",
        "Where published files and log tiles are kept: a folder, or `s3://bucket/prefix` "
        "(its credentials come from the AWS environment).",
    )
    origin: str = _option(
        _origin,
        "`localhost`",
        "The registry's name in the world: signed into its log and part of every id that leaves it. "
        "Choose it once; changing it begins a new log.",
        "localhost",
    )
    proxies: int = _option(
        _few,
        "0",
        "How many web servers stand in front, each of which sets `X-Forwarded-For`, `-Proto` and `-Host`. "
        "With 0 these headers are ignored: anybody could send them.",
        0,
    )
    max_upload_bytes: int = _option(
        _bytes, "64 MiB", "The largest request that brings files; larger ones are refused unread.", 64 << 20
    )
    max_json_bytes: int = _option(
        _bytes, "4 MiB", "The largest JSON request; larger ones are refused unread.", 4 << 20
    )
    rate_check: Quota = _option(
        Quota.parse, "600/minute", "How many checks one API key may ask for.", Quota(600, 60)
    )
    rate_read: Quota = _option(
        Quota.parse,
        "1200/minute",
        "How many other readings one API key, or address without a key, may ask for.",
        Quota(1200, 60),
    )
    rate_write: Quota = _option(
        Quota.parse, "300/minute", "How many changes one API key may send.", Quota(300, 60)
    )
    rate_register: Quota = _option(
        Quota.parse, "5000/hour", "How many works one account may register one by one.", Quota(5000, 3600)
    )
    rate_bulk: Quota = _option(
        Quota.parse, "30/hour", "How many lists of works one account may upload.", Quota(30, 3600)
    )
    rate_anonymous: Quota = _option(
        Quota.parse,
        "60/hour",
        "How many accounts, log-ins and checks without an API key one network address may ask for.",
        Quota(60, 3600),
    )
    rate_hidden: Quota = _option(
        Quota.parse,
        "1000/day",
        "How many hits on works of others that are in no snapshot one account may be told of.",
        Quota(1000, 86_400),
    )
    trust_holder: str = _option(
        _text, "none", "Who holds the account that payouts go out from, as the bank has the name."
    )
    trust_iban: str = _option(_text, "none", "The IBAN of that account: for rights money only, kept apart.")
    bank_key: Path | None = _option(
        _path,
        "`<home>/keys/bank.key`",
        "Where the key is that bank details are sealed with; `db upgrade` makes it.",
        None,
    )
    invoice_issuer: str = _option(
        _text, "none", "Who issues invoices to labs: the full name of the business."
    )
    invoice_address: str = _option(
        _text, "none", "Its address, with semicolons between the lines: `Musterweg 1; 10115 Berlin`."
    )
    invoice_country: str = _option(_text, "none", "Its country, two capital letters (ISO 3166-1).")
    invoice_vat_id: str = _option(_text, "none", "Its VAT number of the Union.")
    invoice_tax_number: str = _option(_text, "none", "Its tax number at home, if it has no VAT number.")
    invoice_small_business: bool = _option(
        _yes_no, "no", "Whether it is a small business that charges no tax (§ 19 UStG): `yes` or `no`.", False
    )
    deduct_management_ppm: int = _option(
        _ppm, "0", "Which part of all that labs owe is kept for management, in millionths, as was decided.", 0
    )
    deduct_social_ppm: int = _option(
        _ppm, "0", "Which part is kept for social and cultural ends, in millionths, as was decided.", 0
    )
    settlement_readers: str = _option(
        _readers,
        "`public`",
        "Who may read the files of settlements, which say what labs used: "
        "`public`; `societies`: they and auditors, with their API keys; or `auditors` alone, whose accounts you make. "
        "Anybody can open a society's account.",
        PUBLIC,
    )
    mail_host: str = _option(
        _text,
        "none",
        "The mail server (SMTP) that takes what people are told. Without it no mail is sent, and no address can be "
        "confirmed.",
    )
    mail_port: int = _option(_port, "587", "Its port.", 587)
    mail_tls: str = _option(
        _mail_mode,
        "`starttls`",
        "How the conversation is encrypted: `starttls`, `tls` from the first byte (port 465), or `none`, "
        "which is taken for a server on this machine only. The server's certificate is verified.",
        MAIL_STARTTLS,
    )
    mail_from: str = _option(_address, "none", "The sender of these mails: one address.")
    mail_user: str = _option(_text, "none", "By which name to sign in to the mail server, if it asks.")
    mail_password_file: Path | None = _option(
        _path, "none", "The file with the password, which only the server may read.", None
    )
    legal_folder: Path | None = _option(
        _path,
        "`<home>/legal`",
        "The folder with imprint, privacy notice and accessibility statement, filled in from the templates in "
        "`deploy/legal`: `imprint.de.md` and so on. Pages link to those that are whole.",
        None,
    )
    log_level: str = _option(_log_level, "`info`", "The least severe log line that is written.", "info")

    def __post_init__(self) -> None:
        """Addresses and the folder of notices follow the home folder unless they are given."""
        home = self.home.expanduser().absolute()
        object.__setattr__(self, "home", home)
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{home / 'registry.sqlite'}")
        if not self.files_url:
            object.__setattr__(self, "files_url", (home / "files").as_uri())
        if self.legal_folder is None:
            object.__setattr__(self, "legal_folder", home / "legal")

    @property
    def sends_mail(self) -> bool:
        """Whether there is a mail server, so that addresses can be confirmed."""
        return bool(self.mail_host)

    @property
    def mail_fault(self) -> str:
        """What is wrong with the settings of the mail server, in one sentence; empty if nothing is."""
        if self.mail_host and not self.mail_from:
            return "Mails need a sender: set VORBEHALT_MAIL_FROM."
        if self.mail_host and self.mail_tls == MAIL_NONE and not _is_here(self.mail_host):
            return (
                f"Mails and passwords are not sent in the clear to {self.mail_host}: set VORBEHALT_MAIL_TLS to "
                "starttls or tls. Only a server on this machine may go without."
            )
        return ""

    @classmethod
    def load(cls, environ: Mapping[str, str], home: Path | None = None) -> Settings:
        """The settings that the environment asks for; `home`, from the command line, wins over VORBEHALT_HOME.

        `InvalidInput` names the variable that is unknown or has a value we cannot use, or that mails lack.
        """
        options = {PREFIX + f.name.upper(): f for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in environ.items():
            if not name.startswith(PREFIX) or name in FOREIGN:
                continue
            if name not in options:
                raise InvalidInput(_unknown(name, [*options, *sorted(FOREIGN)]))
            try:
                values[options[name].name] = options[name].metadata["parse"](text)
            except ValueError as error:
                raise InvalidInput(f"{name}={text[:80]!r} cannot be used: {error}.") from None
        if home is not None:
            values["home"] = home
        values.setdefault("home", user_data_path("vorbehalt", appauthor=False))
        settings = cls(**values)
        if settings.mail_fault:
            raise InvalidInput(settings.mail_fault)
        return settings


def _is_here(host: str) -> bool:
    """Whether a server by this name is on this machine: a loopback address, or the name of one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return (
        f"There is no option {name}; did you mean {close[0]}? All options are in docs/reference/settings.md."
    )
