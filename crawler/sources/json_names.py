"""Names that come twice in a JSON object: of such, most programs read the last value, and some the first.

RFC 8259, section 4, leaves that open, and parsers that are fast do not tell. So a line in which a name may come twice
is looked at again, slowly; all others cost two searches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

_SPELT = re.compile(rb"\\u00[2-7]")
"""A letter that needs no escape, and has one: a name may be written so."""


class _Twice(Exception):
    """There is one."""


def has_twice(line: bytes, names: Collection[str]) -> bool:
    """Whether in a valid JSON document an object, at whatever depth, has two values of one of these names."""
    quoted = [_quoted(name) for name in names]
    if None not in quoted and not any(line.count(q) > 1 for q in quoted if q) and not _SPELT.search(line):
        return False

    def look(pairs: list[tuple[str, Any]]) -> None:
        found = [name for name, _ in pairs if name in names]
        if len(found) > len(set(found)):
            raise _Twice

    try:
        json.loads(line, object_pairs_hook=look, parse_int=str, parse_float=str)
    except (_Twice, RecursionError):
        return True
    return False


@lru_cache(maxsize=1_024)
def _quoted(name: str) -> bytes | None:
    """As it stands in a line; `None` if there are several ways that are usual."""
    plain = name.isascii() and name.isprintable() and not set(name) & {'"', "\\", "/"}
    return f'"{name}"'.encode() if plain else None
