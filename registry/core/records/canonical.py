"""Canonical JSON (RFC 8785), and the only subset of it that is ever hashed or signed here.

No floating point, because two machines may print the same number differently after computing it differently;
no integer of 2^53 or more, because JavaScript cannot read it back (RFC 7493 section 2.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

from registry.core.errors import InvalidInput

LIMIT = 2**53
"""Integers are strictly between -LIMIT and LIMIT."""

_MAX_DEPTH = 64


def _plain(value: object, where: str, depth: int) -> Any:
    """The value as dicts, lists and scalars; `InvalidInput` names the place of what cannot be hashed."""
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"{where} is nested more than {_MAX_DEPTH} deep.")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if not -LIMIT < value < LIMIT:
            raise InvalidInput(f"{where} is {value}; integers must stay below 2^53, write it as a string.")
        return int(value)
    if isinstance(value, float):
        raise InvalidInput(f"{where} is the fraction {value}; hashed JSON holds integers and strings only.")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidInput(f"{where} has the key {key!r}, which is not a string.")
        return {str(key): _plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    raise InvalidInput(f"{where} is a {type(value).__name__}, which JSON cannot hold.")


def canonical(value: object) -> bytes:
    """The one byte string for this value: sorted keys, no spaces, UTF-8. `InvalidInput` if it cannot be hashed."""
    try:
        return rfc8785.dumps(_plain(value, "$", 0))
    except rfc8785.CanonicalizationError as problem:
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
    return _plain(value, what, 0)


def parse_canonical(data: bytes, what: str) -> Any:
    """Read JSON that must already be in its canonical form, so that what is read is exactly what was hashed."""
    value = parse(data, what)
    if canonical(value) != data:
        raise InvalidInput(f"{what} is not in canonical form (RFC 8785): sorted keys, no spaces.")
    return value
