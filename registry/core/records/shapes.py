"""Typed records that are hashed: each member has one JSON name and one check, applied when made and when read.

    @dataclass(frozen=True)
    class Tool(Record):
        name: str = member("name", word)
        version: str = member("version", word)

A check takes a value and the place it stands, and gives the value to keep or raises `InvalidInput`. A member whose
value is `None` is left out of the JSON. Unknown names are refused: what a reader does not know, it must not drop
from something that was signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from typing import Any, Self, cast

from registry.core.errors import InvalidInput
from registry.core.records.canonical import LIMIT, canonical

Check = Callable[[Any, str], Any]

_WORD = re.compile(r"[!-~]{1,200}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# -- checks ------------------------------------------------------------------------------------------------
def text(value: Any, where: str) -> str:
    """A line of text: 1 to 1,000 characters, no control characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= 1000 or _CONTROL.search(value):
        raise InvalidInput(f"{where} must be one line of 1 to 1,000 characters.")
    return str(value)


def word(value: Any, where: str) -> str:
    """An id or a name: 1 to 200 printable ASCII characters without spaces."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise InvalidInput(f"{where} must be 1 to 200 ASCII characters without spaces.")
    return str(value)


def digest(value: Any, where: str) -> str:
    """A SHA-256 in 64 lower-case hexadecimal digits."""
    if not isinstance(value, str) or not _HEX64.fullmatch(value):
        raise InvalidInput(f"{where} must be a SHA-256 in 64 lower-case hexadecimal digits.")
    return value


def tagged_digest(value: Any, where: str) -> str:
    """A digest that names its algorithm, `sha256:` and 64 hexadecimal digits."""
    if not isinstance(value, str) or not value.startswith("sha256:"):
        raise InvalidInput(f"{where} must begin with sha256:.")
    return "sha256:" + digest(value[7:], where)


def count(value: Any, where: str) -> int:
    """A whole number from 0 up; also sizes in bytes, log indices, and times in POSIX seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LIMIT:
        raise InvalidInput(f"{where} must be a whole number from 0 to 2^53 - 1.")
    return int(value)


def one_of(*allowed: str) -> Check:
    """One of these words."""

    def check(value: Any, where: str) -> str:
        if value not in allowed:
            raise InvalidInput(f"{where} must be one of {', '.join(allowed)}.")
        return str(value)

    return check


def relative_uri(value: Any, where: str) -> str:
    """A path below the folder of the record that names it, so that a run reads the same on every machine."""
    path = text(value, where)
    if path.startswith("/") or "\\" in path or "://" in path or ".." in path.split("/"):
        raise InvalidInput(f"{where} is “{path[:100]}”; write it relative to the run, without .. and with /.")
    return path


def optional(check: Check) -> Check:
    """`None`, which is left out, or what the other check lets pass."""
    return lambda value, where: None if value is None else check(value, where)


def each(check: Check) -> Check:
    """A list, kept as a tuple, all of whose items pass."""

    def check_each(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise InvalidInput(f"{where} must be a list.")
        return tuple(check(item, f"{where}[{i}]") for i, item in enumerate(value))

    return check_each


def table(check: Check) -> Check:
    """A mapping from words to values that pass; kept sorted by key."""

    def check_table(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{where} must be an object.")
        return {
            word(key, f"{where}, key {key!r:.80},"): check(value[key], f"{where}.{key}")
            for key in sorted(value)
        }

    return check_table


def plain(value: Any, where: str) -> Any:
    """Anything that canonical JSON can hold."""
    try:
        canonical(value)
    except InvalidInput as problem:
        raise InvalidInput(f"{where}: {problem.message}") from problem
    return value


def record(kind: type[Record]) -> Check:
    """Such a record, or its JSON."""
    return lambda value, where: value if isinstance(value, kind) else kind.from_json(value, where)


# -- records -----------------------------------------------------------------------------------------------
def member(name: str, check: Check, *, default: Any = MISSING) -> Any:
    """A dataclass field with its JSON name and its check."""
    return field(default=default, metadata={"name": name, "check": check})


def _as_json(value: Any) -> Any:
    if isinstance(value, Record):
        return value.as_json()
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value


class Record:
    """The base of the frozen dataclasses that are made of members."""

    def __post_init__(self) -> None:
        """Check every member, also when the record is made by our own code."""
        for item in fields(cast("Any", self)):
            name, check = item.metadata["name"], item.metadata["check"]
            object.__setattr__(self, item.name, check(getattr(self, item.name), name))

    def as_json(self) -> dict[str, Any]:
        """The JSON object, members that are `None` left out."""
        found = {}
        for item in fields(cast("Any", self)):
            value = getattr(self, item.name)
            if value is not None:
                found[item.metadata["name"]] = _as_json(value)
        return found

    @classmethod
    def from_json(cls, data: Any, where: str) -> Self:
        """Inverse of `as_json`; `InvalidInput` names unknown, missing and wrong members."""
        if not isinstance(data, Mapping):
            raise InvalidInput(f"{where} must be an object.")
        members = {item.metadata["name"]: item for item in fields(cast("Any", cls))}
        unknown = sorted(set(data) - set(members))
        if unknown:
            raise InvalidInput(f"{where} has the unknown member “{unknown[0][:80]}”.")
        missing = [n for n, item in members.items() if item.default is MISSING and n not in data]
        if missing:
            raise InvalidInput(f"{where} lacks the member “{missing[0]}”.")
        nulls = [n for n in data if data[n] is None]
        if nulls:
            raise InvalidInput(f"{where}.{nulls[0]} is null; leave it out instead.")
        try:
            return cls(**{members[name].name: value for name, value in data.items()})
        except InvalidInput as problem:
            raise InvalidInput(f"In {where}: {problem.message}") from problem
