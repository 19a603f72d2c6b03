"""Datasets of metadata: each row names a picture or page that lies elsewhere. Nothing is fetched and nothing decoded.

What a row says of its item is compared as it stands: the address that it was found at, the digests of its original
file, codes of another run. A row that has no readable address, although there is a column for it, was not checked in
full and is never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson

from registry.core.errors import InvalidInput
from registry.core.fingerprints import (
    ALGORITHMS,
    MD5,
    PHASH64,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    WHOLE,
    Fingerprint,
    check_code,
    fingerprint_url,
)
from registry.core.fingerprints.addresses import domain_code, parse_domain, scopes_of
from registry.core.fingerprints.frequencies import is_ordinary64, may_be_code64

URLS: Final = ("url", "image_url", "source_url")
"""Columns that hold the address of the item itself, as LAION, DataComp, COYO, FineWeb, C4 and others call it."""
BESIDE: Final = ("metadata", "meta")
"""Where datatrove, Dolma, RedPajama and others keep what else they know of an item."""
CODES: Final[Mapping[str, str]] = {"sha256": SHA256, "md5": MD5, "phash256": PHASH256, "phash64": PHASH64} | {
    name: name for name in (SHA256, MD5, PHASH256, PHASH64)
}
"""Columns that hold a code, in hexadecimal or as bytes, by name: that of the algorithm or its middle part.

Others call what pHash.org makes `phash` or `image_phash`, which is another algorithm: such a column counts only if it
is said to hold ours (`phash64=phash`), and then each code has to be one that ours can have made.
"""

DOMAIN, URL = "domain", "url"
KINDS: Final = (URL, DOMAIN, *CODES)
"""What a column can be said to hold: `--column sha256=original_hash,url=link`."""

METADATA: Final = "metadata-only"
"""How runs call it that only what rows state is compared."""
MALFORMED: Final = "error.malformed"
NO_ADDRESS: Final = "unchecked.no-address"


@dataclass(frozen=True, slots=True)
class Stated:
    """The columns of a table that say something about its items, as they are written there."""

    urls: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    """(column, algorithm)."""
    domains: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Those that say where the item lies."""
        return (*self.urls, *self.domains)

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.places, *(column for column, _ in self.codes))

    def __str__(self) -> str:
        """For people: which column is read as what."""
        read_as = [
            *((column, "address") for column in self.urls),
            *((column, "domain") for column in self.domains),
            *self.codes,
        ]
        return ", ".join(f"{column} ({what})" for column, what in read_as)


@lru_cache(maxsize=64)
def stated_columns(names: tuple[str, ...], asked: tuple[str, ...] = ()) -> Stated:
    """Those of the columns that are known by name, in upper or lower case; or those asked for.

    A column that is asked for may be said to hold something, `md5=hash`; one of any other name holds addresses. A
    domain counts by itself only where there is no address. None at all is no error here: rows differ.
    """
    if asked:
        wanted = [_asked(part, names) for part in asked]
        kinds = {name: kind or _kind(name) or URL for kind, name in wanted if name in names}
    else:
        kinds = {name: kind for name in names if (kind := _kind(name)) is not None}
        if URL in kinds.values():
            kinds = {name: kind for name, kind in kinds.items() if kind != DOMAIN}
    return Stated(
        tuple(name for name, kind in kinds.items() if kind == URL),
        tuple((name, CODES[kind]) for name, kind in kinds.items() if kind in CODES),
        tuple(name for name, kind in kinds.items() if kind == DOMAIN),
    )


def _kind(name: str) -> str | None:
    """What a column of this name holds, if that is known."""
    lower = name.lower()
    return URL if lower in URLS else lower if lower in KINDS else None


def _asked(part: str, names: Sequence[str]) -> tuple[str | None, str]:
    """What is asked for: what a column holds, if that is said, and its name."""
    kind, equals, name = part.partition("=")
    if part in names or not equals or kind.lower() not in KINDS:
        return None, part
    return kind.lower(), name


def fingerprints_of_row(row: Mapping[str, Any], columns: Stated) -> tuple[Fingerprint, ...]:
    """Everything that a row states, addresses first; a value that is null or empty states nothing.

    Nor does the 64-bit hash of a picture without features, which it shares with all others of the kind. `InvalidInput`
    if a value is not what its column should hold.
    """
    found: list[Fingerprint] = []
    for column in columns.urls:
        if (value := _text(row.get(column), column)) is not None:
            found += fingerprint_url(value)
    for column in columns.domains:
        if (value := _text(row.get(column), column)) is not None:
            scopes = scopes_of(parse_domain(value))
            found += (Fingerprint(SOURCE_DOMAIN, WHOLE, domain_code(scope)) for scope in scopes)
    for column, algorithm in columns.codes:
        if (code := _code(row.get(column), column, algorithm)) is not None:
            found.append(Fingerprint(algorithm, ALGORITHMS[algorithm].kinds[0], code))
    return tuple(_distinct(found))


def read_row(row: Mapping[str, Any], columns: Stated) -> tuple[tuple[Fingerprint, ...], str | None]:
    """The same, with the reason why it is not all that should be known (a gap) instead of an error."""
    try:
        found = fingerprints_of_row(row, columns)
    except InvalidInput:
        return _readable(row, columns), MALFORMED
    placed = any(row.get(column) not in (None, "") for column in columns.places)
    return found, None if placed or (found and not columns.places) else NO_ADDRESS


def addresses_of_row(row: Mapping[str, Any], columns: Stated) -> tuple[str, ...]:
    """Where the item of a row lies, as it is written there."""
    return tuple(value for column in columns.urls if isinstance(value := row.get(column), str) and value)


def addresses_in(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a record says that its item was found: in one of `URLS`, or there in its `metadata` or `meta`.

    So do img2dataset's JSON and what datatrove and Dolma write. What is no text is no address, and comes as what it is.
    """
    inner = [record.get(name) for name in BESIDE]
    records = [record, *(one for one in inner if isinstance(one, dict))]
    return tuple(dict.fromkeys(address for one in records for address in _named_addresses(one)))


def addresses_in_json(data: bytes) -> tuple[str, ...]:
    """The same of a file of JSON that lies beside an item; none of what is no object."""
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ()
    return addresses_in(record) if isinstance(record, dict) else ()


def _named_addresses(record: Mapping[Any, Any]) -> list[str]:
    values = (value for name, value in record.items() if isinstance(name, str) and name.lower() in URLS)
    return [str(value) for value in values if value not in (None, "")]


def require_columns(names: Sequence[str], asked: tuple[str, ...], where: str) -> Stated:
    """The columns of a table, the same for every row; `InvalidInput` if one is missing, or there twice."""
    single = tuple(name for name in names if names.count(name) == 1)
    found = stated_columns(single, asked)
    missing = [name for _, name in (_asked(part, single) for part in asked) if name not in single]
    if missing or not found.columns:
        wanted = f"column {missing[0]}" if missing else f"column of addresses ({', '.join(URLS)}) or digests"
        raise InvalidInput(
            f"{where} has no {wanted}; it has {', '.join(names) or 'no column at all'}. Name the column with the "
            "addresses with --column."
        )
    return found


def _readable(row: Mapping[str, Any], columns: Stated) -> tuple[Fingerprint, ...]:
    """What the good values of a row with a bad one state: a work that is found is found."""
    each = [Stated(urls=(column,)) for column in columns.urls]
    each += [Stated(domains=(column,)) for column in columns.domains]
    each += [Stated(codes=(code,)) for code in columns.codes]
    found: list[Fingerprint] = []
    for one in each:
        try:
            found += fingerprints_of_row(row, one)
        except InvalidInput:
            continue
    return tuple(_distinct(found))


def _distinct(found: Iterable[Fingerprint]) -> list[Fingerprint]:
    return list(dict.fromkeys(found))


def _text(value: Any, column: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidInput(f"{column} should hold an address; it holds {type(value).__name__}.")
    return value


def _code(value: Any, column: str, algorithm: str) -> bytes | None:
    if value is None or value in ("", b""):
        return None
    try:
        code = value if isinstance(value, bytes) else bytes.fromhex(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{column} should hold {algorithm} in hexadecimal.") from None
    check_code(algorithm, ALGORITHMS[algorithm].kinds[0], code)
    if algorithm != PHASH64:
        return code
    one = np.frombuffer(code, np.uint8).reshape(1, -1)
    if not may_be_code64(one).all():
        raise InvalidInput(f"{column} should hold {algorithm}; another program made what it holds.")
    return code if is_ordinary64(one).all() else None
