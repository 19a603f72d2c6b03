"""What roles, keys, passwords and mandates allow: pure functions, all facts are arguments."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from registry.base.actor import Role, Scope
from registry.core.errors import Forbidden, InvalidInput, Unauthenticated
from registry.core.ids import format_id, parse_id

# -- roles and scopes --------------------------------------------------------------------------------------
_MAKER_SCOPES = frozenset(
    {
        Scope.WORKS_READ,
        Scope.WORKS_WRITE,
        Scope.LICENCES_WRITE,
        Scope.SNAPSHOT_READ,
        Scope.CHECK,
        Scope.STATEMENTS_READ,
        Scope.ACCOUNT,
    }
)
_LAB_SCOPES = (_MAKER_SCOPES - {Scope.WORKS_WRITE}) | {Scope.CLAIMS_WRITE}
_AUDITOR_SCOPES = frozenset(
    {Scope.AUDIT, Scope.SNAPSHOT_READ, Scope.CHECK, Scope.STATEMENTS_READ, Scope.ACCOUNT}
)
_OPERATOR_SCOPES = frozenset(
    {
        Scope.WORKS_READ,
        Scope.SNAPSHOT_READ,
        Scope.CHECK,
        Scope.STATEMENTS_READ,
        Scope.ACCOUNT,
        Scope.OPERATE,
    }
)

#: The most that a key of a party in this role can do. Nobody who registers works can report their use, and the
#: operator can do neither: the sides of the counter stay apart. An auditor only reads.
SCOPES_OF_ROLE: Mapping[Role, frozenset[Scope]] = {
    Role.CREATOR: _MAKER_SCOPES,
    Role.SOCIETY: _MAKER_SCOPES,
    Role.LAB: _LAB_SCOPES,
    Role.OPERATOR: _OPERATOR_SCOPES,
    Role.AUDITOR: _AUDITOR_SCOPES,
}

#: Those that open an account by themselves; the others' accounts are made on the server.
OPEN_ROLES = (Role.CREATOR, Role.LAB, Role.SOCIETY)

#: Organisations act in public under their names; a creator's name is for the creator.
NAMED_IN_PUBLIC = frozenset({Role.LAB, Role.SOCIETY, Role.OPERATOR, Role.AUDITOR})


def check_key_scopes(role: Role, held: Collection[Scope], wanted: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes of a new key. `held` are those of the credential that asks for it; a password holds all of its role.

    `Forbidden` if the role does not allow one of them, or if the new key could do more than the asking one.
    """
    scopes = frozenset(wanted)
    if not scopes:
        raise InvalidInput("A key needs at least one scope.")
    allowed = SCOPES_OF_ROLE[role]
    if scopes - allowed:
        raise Forbidden(
            f"{role.one} cannot have {_names(scopes - allowed)}; choose from {_names(allowed)}.",
            not_allowed=sorted(scopes - allowed),
        )
    if scopes - frozenset(held):
        raise Forbidden(
            f"A key cannot make one that can do more: this one lacks {_names(scopes - frozenset(held))}. "
            "Log in with your password instead.",
            not_allowed=sorted(scopes - frozenset(held)),
        )
    return scopes


def _names(scopes: Iterable[Scope]) -> str:
    return ", ".join(sorted(scopes))


# -- API keys ----------------------------------------------------------------------------------------------
KEY_PREFIX = "vbk_"
_KEY = re.compile(r"vbk_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{4})")

#: One message for every reason, so that an answer tells nothing about which keys exist.
KEY_REFUSED = "This API key is not valid: it is mistyped, unknown, expired or revoked. Make a new one."


def format_key(secret: bytes) -> str:
    """The key of 32 random bytes: `vbk_`, 43 characters base64url, and a checksum of 4 that catches typing errors."""
    if len(secret) != 32:
        raise ValueError("a key is made of 32 random bytes")
    body = KEY_PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return body + _checksum(body)


def check_key(text: str) -> bytes:
    """The SHA-256 under which a well-formed key is stored; `Unauthenticated` if it cannot be one."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(text[:-4]) != match[2]:
        raise Unauthenticated(KEY_REFUSED)
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest()[:3]).decode()


# -- names, e-mail addresses, passwords --------------------------------------------------------------------
def check_name(text: str, *, longest: int = 200) -> str:
    """A name as it is stored: NFC, one line, not blank. `InvalidInput` says what is wrong with it."""
    name = unicodedata.normalize("NFC", text.strip())
    if not 1 <= len(name) <= longest:
        raise InvalidInput(f"A name has 1 to {longest} characters.")
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in name):
        raise InvalidInput("A name is one line without control characters.")
    return name


_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+")

PASSWORD_MIN = 12
PASSWORD_MAX = 256
_COMMON = frozenset(
    {
        *("password", "passwort", "kennwort", "letmein", "iloveyou", "administrator", "changeme", "welcome"),
        *("willkommen", "1q2w3e4r5t6y", "1qaz2wsx3edc", "correcthorsebatterystaple", "vorbehalt"),
    }
)
_ROWS = (
    "0123456789" * 4,
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)


def normalise_email(text: str) -> str:
    """An address as it is stored and compared: NFC, lower case. `InvalidInput` if nothing could be sent there."""
    email = unicodedata.normalize("NFC", text.strip()).lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InvalidInput("This is no e-mail address; it looks like name@example.org.")
    return email


def normalise_password(text: str) -> str:
    """NFKC (NIST SP 800-63B, 5.1.1.2), so that one password is the same on every keyboard."""
    return unicodedata.normalize("NFKC", text)


def check_password(text: str, *, personal: Iterable[str] = ()) -> str:
    """The normalised password; `InvalidInput` if it would be guessed first.

    Length and a list of what everybody tries, no rules about kinds of characters (NIST SP 800-63B, 5.1.1.2).
    `personal` are the account's own words (its name, its address): a password made of one of them is refused.
    """
    password = normalise_password(text)
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidInput(
            f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters; several words are good."
        )
    known = _COMMON | {normalise_password(word).casefold() for word in personal}
    if _is_easy(password.casefold(), known) or _is_easy(password.casefold().strip(" .!?0123456789"), known):
        raise InvalidInput("This password is among the first that are tried; choose another.")
    return password


def _is_easy(text: str, known: Collection[str]) -> bool:
    """Whether this is one known word or two characters over and over, or a row of keys in either direction."""
    end = (text + text).find(text, 1)
    unit = text[:end] if end > 0 else text
    in_a_row = len(text) > 2 and any(text in row or text[::-1] in row for row in _ROWS)
    return unit in known or 0 < len(unit) < 3 or in_a_row


# -- mandates ----------------------------------------------------------------------------------------------
class May(StrEnum):
    """What an agent may do for its principal."""

    REGISTER = "register"
    GRANT = "grant"
    WITHDRAW = "withdraw"
    COLLECT = "collect"


#: Who can be represented, and by whom. A lab that could grant for makers would license itself, the operator too.
PRINCIPALS = frozenset({Role.CREATOR, Role.SOCIETY})
AGENTS = frozenset({Role.CREATOR, Role.SOCIETY})


@dataclass(frozen=True, slots=True)
class WorkRef:
    """As much of a work as a mandate's repertoire asks for; a work that is being registered has no id yet."""

    media: str
    public_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Repertoire:
    """Which works of the principal a mandate is about: all, those of some media kinds, or named ones."""

    all: bool = False
    media: frozenset[str] = frozenset()
    works: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        """Exactly one of the three, and never an empty list."""
        if sum((self.all, bool(self.media), bool(self.works))) != 1:
            raise InvalidInput("A repertoire is either all works, or some media kinds, or a list of works.")

    def contains(self, work: WorkRef) -> bool:
        """Whether the mandate is about this work."""
        return self.all or work.media in self.media or work.public_id in self.works

    def as_json(self) -> dict[str, Any]:
        """The stored and published form."""
        if self.all:
            return {"all": True}
        if self.media:
            return {"media": sorted(self.media)}
        return {"works": [format_id("work", w) for w in sorted(self.works)]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Repertoire:
        """Inverse of `as_json`; `InvalidInput` for anything else."""
        match dict(data):
            case {"all": True, **rest} if not rest:
                return cls(all=True)
            case {"media": [*media], **rest} if not rest and all(m in MEDIA for m in media):
                return cls(media=frozenset(media))
            case {"works": [*works], **rest} if not rest and all(isinstance(w, str) for w in works):
                return cls(works=frozenset(parse_id("work", w) for w in works))
        raise InvalidInput(
            'A repertoire is {"all": true}, {"media": ["image", "text"]} or {"works": ["work_…"]}.'
        )


MEDIA = ("image", "text")


@dataclass(frozen=True, slots=True)
class Authority:
    """What one mandate allows, and when: [valid_from, valid_to)."""

    may: frozenset[May]
    repertoire: Repertoire
    valid_from: datetime
    valid_to: datetime | None

    def covers(self, action: May, works: WorkRef | None, at: datetime) -> bool:
        """Whether the agent may do this with the work then; `None` asks for everything the principal has."""
        in_time = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        in_repertoire = self.repertoire.all if works is None else self.repertoire.contains(works)
        return in_time and action in self.may and in_repertoire


def authorised(authorities: Iterable[Authority], action: May, works: Sequence[WorkRef], at: datetime) -> bool:
    """Whether these mandates together cover the action for each of the works; no work named means all of them."""
    held = tuple(authorities)
    asked: Sequence[WorkRef | None] = works or (None,)
    return all(any(a.covers(action, work, at) for a in held) for work in asked)


def check_mandate(principal: Role, agent: Role, may: Iterable[May]) -> frozenset[May]:
    """The actions of a new mandate; `InvalidInput` names what is wrong with the roles."""
    actions = frozenset(may)
    if not actions:
        raise InvalidInput(f"A mandate allows at least one of {', '.join(May)}.")
    if principal not in PRINCIPALS:
        raise InvalidInput(f"{principal.one} has no works, so nobody can act for it.")
    if agent not in AGENTS:
        raise InvalidInput(f"{agent.one} cannot act for makers.")
    return actions


def check_period(valid_from: datetime | None, valid_to: datetime | None, now: datetime) -> datetime:
    """When a new mandate begins; nothing can be back-dated, and a period must not be empty."""
    begin = valid_from if valid_from is not None else now
    if begin < now:
        raise InvalidInput("A mandate cannot begin in the past; leave out valid_from to begin now.")
    if valid_to is not None and valid_to <= begin:
        raise InvalidInput("A mandate must end after it begins.")
    return begin


def check_end(
    valid_from: datetime, valid_to: datetime | None, at: datetime | None, now: datetime
) -> datetime:
    """When a mandate ends early: now, or later; before it began, it never holds. It cannot be prolonged."""
    end = at if at is not None else now
    if end < now:
        raise InvalidInput("A mandate cannot end in the past; leave out “at” to end it now.")
    if valid_to is not None and end >= valid_to:
        raise InvalidInput("This mandate ends before that already.")
    return max(end, valid_from)
