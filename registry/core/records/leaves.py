"""The entries of the usage log: small canonical JSON objects, one dataclass for each type `t`.

A log entry is public and stays for ever, so it holds no personal data: where it must bind a person or a secret, it
holds a salted commitment, and whoever erases salt and value has erased the fact while the tree stays valid.
Times (`ts`) are POSIX seconds and the registry's own statement; only a witness or a time-stamp proves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, get_args

from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.records.shapes import (
    Record,
    count,
    digest,
    member,
    one_of,
    optional,
    tagged_digest,
    text,
    word,
)
from registry.core.tlog.tiles import MAX_ENTRY_BYTES

VERSION = 1

COMMITMENT_TAG = b"vorbehalt-commit-v1\n"
SALT_BYTES = 32


def commitment(salt: bytes, value: object) -> str:
    """A digest (hexadecimal) that binds a value and tells nothing about it without the 32 random bytes of salt."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return sha256(COMMITMENT_TAG + salt + canonical(value)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Leaf(Record):
    """What all types have in common."""

    TYPE: ClassVar[str]

    at: int = member("ts", count)

    def body(self) -> bytes:
        """The entry: what is hashed into the tree."""
        body = canonical({"t": self.TYPE, "v": VERSION, **self.as_json()})
        if len(body) > MAX_ENTRY_BYTES:
            raise InvalidInput(f"A log entry has at most {MAX_ENTRY_BYTES:,} bytes, this one {len(body):,}.")
        return body


@dataclass(frozen=True, kw_only=True)
class UseLeaf(Leaf):
    """A claim batch: a lab says how often which works were used for one model."""

    TYPE = "use"

    dataset: str = member("ds", tagged_digest)
    """`sha256:` and the id of the filter run whose output was used."""
    lab: str = member("lab", word)
    model: str = member("model", word)
    rows: int = member("n", count)
    root: str = member("root", digest)
    """Over the rows of the batch (`claims.rows_root`)."""
    who: str = member("who", digest)
    """Commitment to who reported it, for whom."""
    licence: str | None = member("lic", optional(word), default=None)
    """Given if the whole batch is under one; the rows name theirs in any case."""


@dataclass(frozen=True, kw_only=True)
class OptOutLeaf(Leaf):
    """A published edition: these works were reserved, or licensed, in this way at this time."""

    TYPE = "optout"

    sequence: int = member("seq", count)
    works: int = member("n", count)
    root: str = member("root", digest)
    """The works root, under which one work is provable."""
    change_seq: int = member("chg", count)


@dataclass(frozen=True, kw_only=True)
class LicenceLeaf(Leaf):
    """An offer or agreement came into force or ended; its contents stay between the parties."""

    TYPE = "licence"

    act: str = member("act", one_of("offer", "agree", "revoke", "end"))
    licence: str = member("lic", word)
    terms: str = member("terms", digest)
    """Digest of the canonical terms, the tariff version among them."""
    who: str = member("who", digest)
    """Commitment to the parties."""


@dataclass(frozen=True, kw_only=True)
class TariffLeaf(Leaf):
    """A version of a tariff; prices of a past version can never be changed unseen."""

    TYPE = "tariff"

    tariff: str = member("tariff", word)
    version: int = member("ver", count)
    terms: str = member("terms", digest)
    """Digest of its canonical components."""


@dataclass(frozen=True, kw_only=True)
class DeclarationLeaf(Leaf):
    """A lab declared a figure that a tariff's component is priced by. A later entry corrects it; none is changed."""

    TYPE = "declaration"

    licence: str = member("lic", word)
    period: str = member("period", word)
    figure: str = member("fig", one_of("net_income", "model_versions", "downstream_income"))
    value: str = member("value", digest)
    """Commitment to what was declared: incomes are a lab's own business."""
    number: int = member("n", count)
    """From 1; whatever is above corrects the one before it."""


@dataclass(frozen=True, kw_only=True)
class SettlementLeaf(Leaf):
    """A settlement: which claims were turned into which lines."""

    TYPE = "settlement"

    settlement: str = member("set", word)
    period: str = member("period", word)
    from_index: int = member("from", count)
    to_index: int = member("to", count)
    """Claims with a log index in [from, to) that no earlier settlement took."""
    inputs: str = member("in", digest)
    """Root over the claims, prices and shares that it rests on, in the tree of RFC 6962."""
    lines: int = member("n", count)
    root: str = member("root", digest)
    """Over the lines, in the same kind of tree."""


@dataclass(frozen=True, kw_only=True)
class PayoutLeaf(Leaf):
    """A payment file was made for the bank; so no second one can be put in its place unseen."""

    TYPE = "payout"

    payout: str = member("pay", word)
    file: str = member("file", digest)
    """SHA-256 of the file's bytes."""
    payments: int = member("n", count)


@dataclass(frozen=True, kw_only=True)
class TitleLeaf(Leaf):
    """A person decided about two titles in conflict, or looked at a hint; which ones, and why, the owners know.

    A hint is put aside (`dismiss`), or open again (`reopen`); nothing else follows from that.
    """

    TYPE = "title"

    act: str = member("act", one_of("uphold", "release", "reverse", "dismiss", "reopen"))
    case: str = member("case", digest)
    """Commitment to both works and the reason."""


@dataclass(frozen=True, kw_only=True)
class KeyLeaf(Leaf):
    """A key of the registry came into force, or will sign no more. No key comes back.

    A key of the log signs the trees that hold its beginning and do not hold its end.
    """

    TYPE = "key"

    act: str = member("act", one_of("begin", "end"))
    role: str = member("role", one_of("log", "root", "targets", "publisher", "snapshot", "timestamp"))
    key: str = member("key", text)
    """Of the log its verifier key (`name+id+base64`), else the id that signed metadata knows it by."""


AnyLeaf = (
    UseLeaf
    | OptOutLeaf
    | LicenceLeaf
    | TariffLeaf
    | DeclarationLeaf
    | SettlementLeaf
    | PayoutLeaf
    | TitleLeaf
    | KeyLeaf
)

TYPES: dict[str, type[AnyLeaf]] = {kind.TYPE: kind for kind in get_args(AnyLeaf)}


def parse_leaf(body: bytes) -> AnyLeaf:
    """Read an entry strictly: canonical, a type and version that we know, no unknown member; else `InvalidInput`."""
    if len(body) > MAX_ENTRY_BYTES:
        raise InvalidInput(f"A log entry has at most {MAX_ENTRY_BYTES:,} bytes, this one {len(body):,}.")
    members = parse_canonical(body, "The log entry")
    if not isinstance(members, dict):
        raise InvalidInput("The log entry must be an object.")
    kind, version = members.pop("t", None), members.pop("v", None)
    if not isinstance(kind, str) or kind not in TYPES or version != VERSION or isinstance(version, bool):
        raise InvalidInput(
            f"This program does not know log entries of type {kind!r:.40}, version {version!r:.40}."
        )
    return TYPES[kind].from_json(members, f"The log entry of type {kind}")
