"""Canonical JSON (RFC 8785), and the only subset of it that is ever hashed or signed here.

No floating point, because two machines may print the same number differently after computing it differently;
no integer of 2^53 or more, because JavaScript cannot read it back (RFC 7493 section 2.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from registry.core.errors import InvalidInput

LIMIT = 2**53
"""Integers are strictly between -LIMIT and LIMIT."""

_MAX_DEPTH = 64


class _Refused(Exception):
    """Something cannot be hashed; on its way up it learns where that stands."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.steps: list[str] = []

    def problem(self, where: str) -> InvalidInput:
        """The same for who gave us the whole, which is named `where`."""
        return InvalidInput(f"{where}{''.join(reversed(self.steps))} {self.what}")


def _plain(value: object, depth: int, *, ordered: bool) -> Any:
    """The value as dicts, lists and scalars, members in the order of RFC 8785 if asked; `_Refused` if it has others."""
    if depth > _MAX_DEPTH:
        raise _Refused(f"is nested more than {_MAX_DEPTH} deep.")
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if not -LIMIT < value < LIMIT:
            raise _Refused(f"is {value}; integers must stay below 2^53, write it as a string.")
        return int(value)
    if isinstance(value, float):
        raise _Refused(f"is the fraction {value}; hashed JSON holds integers and strings only.")
    if isinstance(value, dict | Mapping):
        return _plain_members(value, depth, ordered=ordered)
    if isinstance(value, list | tuple | Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        items = []
        for number, item in enumerate(value):
            try:
                items.append(_plain(item, depth + 1, ordered=ordered))
            except _Refused as refused:
                refused.steps.append(f"[{number}]")
                raise
        return items
    raise _Refused(f"is a {type(value).__name__}, which JSON cannot hold.")


def _plain_members(value: Mapping[Any, object], depth: int, *, ordered: bool) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise _Refused(f"has the key {key!r}, which is not a string.")
    members: dict[str, Any] = {}
    for key in sorted(value, key=_utf_16) if ordered else value:
        try:
            members[str(key)] = _plain(value[key], depth + 1, ordered=ordered)
        except _Refused as refused:
            refused.steps.append(f".{key}")
            raise
    return members


def _utf_16(key: str) -> bytes:
    """By which members are ordered: a character outside the Basic Multilingual Plane comes before some inside."""
    return key.encode("utf-16-be")


def canonical(value: object) -> bytes:
    """The one byte string for this value: sorted keys, no spaces, UTF-8. `InvalidInput` if it cannot be hashed.

    Of what may stand in it, orjson writes all as RFC 8785 does; the tests compare it with a library for that.
    """
    try:
        return orjson.dumps(_plain(value, 0, ordered=True))
    except _Refused as refused:
        raise refused.problem("$") from refused
    except (UnicodeEncodeError, orjson.JSONEncodeError) as problem:
        raise InvalidInput(f"This cannot be written as canonical JSON: {problem}.") from problem


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for key, value in pairs:
        if key in keys:
            raise ValueError(f"the key “{key[:80]}” occurs twice in one object")
        keys[key] = value
    return keys


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def parse(data: bytes | str, what: str) -> Any:
    """Read JSON strictly: UTF-8, each key once, nothing that `canonical` refuses. `what` names it in messages."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise InvalidInput(f"{what} is not valid JSON: {str(problem)[:200]}.") from problem
    try:
        return _plain(value, 0, ordered=False)
    except _Refused as refused:
        raise refused.problem(what) from refused


def parse_canonical(data: bytes, what: str) -> Any:
    """Read JSON that must already be in its canonical form, so that what is read is exactly what was hashed."""
    value = parse(data, what)
    if canonical(value) != data:
        raise InvalidInput(f"{what} is not in canonical form (RFC 8785): sorted keys, no spaces.")
    return value
