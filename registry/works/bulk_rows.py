"""The rows of a list of works: JSON lines or parquet, one work a row, read one batch at a time.

A row has the members of `POST /v1/works` with fingerprints; only shares are stated work by work afterwards. Rows are
read by hand: a schema library would take longer over a row than the database does.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

import orjson

from registry.core.errors import InvalidInput, VorbehaltError
from registry.core.fingerprints import Fingerprint
from registry.core.ids import parse_id
from registry.works.identifiers import Scheme, normalise
from registry.works.rules import (
    ClientCodes,
    Content,
    Disclosure,
    Kind,
    MadeBy,
    check_origin,
    check_source_url,
    check_title,
    default_disclosure,
    read_content,
)

JSON_LINES = "application/jsonl"
PARQUET = "application/vnd.apache.parquet"
MAX_ROWS = 100_000

_MAX_LINKS = 100
_MAX_FINGERPRINTS = 32
_MAX_PROMPT = 10_000
_MAX_SIZE = 2**53 - 1
_MEMBERS = frozenset(
    {
        "title",
        "kind",
        "fingerprints",
        "media_type",
        "size",
        "made_by",
        "tool",
        "prompt",
        "disclosure",
        "persons_depicted",
        "identifiers",
        "source_urls",
        "on_behalf_of",
    }
)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A work as a row states it, checked as far as the row alone can tell."""

    n: int
    title: str
    content: Content
    made_by: MadeBy
    tool: str | None
    prompt: str | None
    disclosure: Disclosure
    persons_depicted: bool
    identifiers: tuple[tuple[str, str], ...]
    source_urls: tuple[str, ...]
    owner: bytes | None
    """Public id of the principal that the row names."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row is refused."""

    n: int
    code: str
    message: str

    @classmethod
    def of(cls, n: int, error: VorbehaltError) -> BadRow:
        """With the code that a single registration would have been refused by."""
        return cls(n, error.code, error.message)


# -- the list -----------------------------------------------------------------------------------------------
def count_rows(data: bytes, media_type: str) -> int:
    """How many rows the list has; `InvalidInput` if it is none, empty or too long."""
    rows = _parquet(data).metadata.num_rows if media_type == PARQUET else data.count(b"\n") + _last_line(data)
    if not 0 < rows <= MAX_ROWS:
        raise InvalidInput(f"A list has 1 to {MAX_ROWS:,} rows, this one {rows:,}; cut it into several.")
    return int(rows)


def batches(data: bytes, media_type: str, start: int, size: int) -> Iterator[list[NewRow | BadRow]]:
    """The rows from `start` on, `size` at a time, in their order."""
    items = _parquet_items(data, start) if media_type == PARQUET else _json_items(data, start)
    numbered = enumerate(items, start)
    while batch := [_row(n, item) for n, item in islice(numbered, size)]:
        yield batch


def _last_line(data: bytes) -> int:
    return 0 if data.endswith(b"\n") or not data else 1


def _json_items(data: bytes, start: int) -> Iterator[Any]:
    for line in islice(io.BytesIO(data), start, None):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield InvalidInput(f"The line is not JSON: {error}.")


def _parquet(data: bytes) -> Any:
    import pyarrow as pa  # takes long to import, and few processes need it
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(f"This is no parquet file: {str(error)[:200]}") from None
    unknown = sorted(set(file.schema_arrow.names) - _MEMBERS)
    if unknown:
        raise InvalidInput(
            f"The column “{unknown[0][:40]}” is not known; there are {', '.join(sorted(_MEMBERS))}."
        )
    return file


def _parquet_items(data: bytes, start: int) -> Iterator[Any]:
    """Rows as JSON would have them; a column that is null is left out."""
    file, seen = _parquet(data), 0
    for batch in file.iter_batches(batch_size=1_000):
        if seen + batch.num_rows > start:
            for item in batch.slice(max(0, start - seen)).to_pylist():
                yield {name: value for name, value in item.items() if value is not None}
        seen += batch.num_rows


# -- one row ------------------------------------------------------------------------------------------------
def _row(n: int, item: Any) -> NewRow | BadRow:
    try:
        if isinstance(item, InvalidInput):
            raise item
        return _read(n, item)
    except VorbehaltError as error:
        return BadRow.of(n, error)


def _read(n: int, item: Any) -> NewRow:
    if not isinstance(item, dict):
        raise InvalidInput("A row is a JSON object.")
    if unknown := item.keys() - _MEMBERS:
        raise InvalidInput(f"“{min(unknown)[:40]}” is not known; a row has {', '.join(sorted(_MEMBERS))}.")
    made_by = _choice(item, "made_by", MadeBy) or MadeBy.HUMAN
    tool, prompt = _line(item, "tool", 200), _text(item, "prompt", _MAX_PROMPT)
    check_origin(made_by, tool, prompt)
    persons = _typed(item, "persons_depicted", bool) or False
    content = read_content(_choice(item, "kind", Kind), _codes(item))
    return NewRow(
        n=n,
        title=check_title(_line(item, "title", 500) or ""),
        content=content,
        made_by=made_by,
        tool=tool,
        prompt=prompt,
        disclosure=_choice(item, "disclosure", Disclosure) or default_disclosure(persons_depicted=persons),
        persons_depicted=persons,
        identifiers=tuple(dict.fromkeys(_identifier(i) for i in _list(item, "identifiers", _MAX_LINKS))),
        source_urls=tuple(dict.fromkeys(_url(u) for u in _list(item, "source_urls", _MAX_LINKS))),
        owner=_owner(item),
    )


def _codes(item: Mapping[str, Any]) -> ClientCodes:
    codes = _list(item, "fingerprints", _MAX_FINGERPRINTS)
    size = _typed(item, "size", int)
    if size is not None and not 0 < size <= _MAX_SIZE:
        raise InvalidInput("size is the number of bytes of the file.")
    return ClientCodes(tuple(_fingerprint(c) for c in codes), _line(item, "media_type", 100), size)


def _fingerprint(item: Any) -> Fingerprint:
    if not isinstance(item, dict) or item.keys() != {"algorithm", "kind", "code"}:
        raise InvalidInput("A fingerprint has exactly algorithm, kind and code.")
    algorithm, kind, code = item["algorithm"], item["kind"], item["code"]
    if not isinstance(algorithm, str) or not isinstance(kind, str):
        raise InvalidInput("algorithm and kind are texts.")
    if isinstance(code, bytes):
        return Fingerprint(algorithm, kind, code)
    try:
        return Fingerprint(algorithm, kind, bytes.fromhex(code))
    except (TypeError, ValueError):
        raise InvalidInput(f"The code of {algorithm[:40]} is not hexadecimal.") from None


def _identifier(item: Any) -> tuple[str, str]:
    if not isinstance(item, dict) or item.keys() != {"scheme", "value"} or not isinstance(item["value"], str):
        raise InvalidInput("An identifier has exactly scheme and value.")
    scheme = _choice(item, "scheme", Scheme)
    assert scheme is not None
    return scheme.value, normalise(scheme, item["value"])


def _url(item: Any) -> str:
    if not isinstance(item, str):
        raise InvalidInput("source_urls are texts.")
    return check_source_url(item)


def _owner(item: Mapping[str, Any]) -> bytes | None:
    text = _typed(item, "on_behalf_of", str)
    return None if text is None else parse_id("party", text)


def _list(item: Mapping[str, Any], name: str, longest: int) -> list[Any]:
    found: list[Any] = _typed(item, name, list) or []
    if len(found) > longest:
        raise InvalidInput(f"{name} has at most {longest} items.")
    return found


def _line(item: Mapping[str, Any], name: str, longest: int) -> str | None:
    found = _text(item, name, longest)
    if found is not None and not (found.strip() and found.isprintable()):
        raise InvalidInput(f"{name} is one line that is not blank, without control characters.")
    return found


def _text(item: Mapping[str, Any], name: str, longest: int) -> str | None:
    found = _typed(item, name, str)
    if found is not None and (not 0 < len(found) <= longest or "\0" in found):
        raise InvalidInput(f"{name} has 1 to {longest:,} characters.")
    return found


T = TypeVar("T")


def _typed(item: Mapping[str, Any], name: str, kind: Callable[..., T]) -> T | None:
    found = item.get(name)
    if found is not None and type(found) is not kind:
        raise InvalidInput(f"{name} is of type {type(found).__name__}; see POST /v1/works.")
    return found


def _choice(item: Mapping[str, Any], name: str, kind: type[E]) -> E | None:
    found = item.get(name)
    if found is None:
        return None
    try:
        return kind(found)
    except ValueError:
        raise InvalidInput(f"{name} is one of {', '.join(kind)}, not “{str(found)[:40]}”.") from None
