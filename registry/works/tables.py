"""An owner's works as a table for spreadsheets; and a table of new works as the list that a bulk registration takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.spreadsheets import Line, guarded, read_table, write_table
from registry.core.fingerprints import ALGORITHMS, DHASH256, PHASH256, SHA256
from registry.core.ids import format_id
from registry.works.models import SourceUrl, StoredFingerprint, Work, WorkVersion
from registry.works.overview import State

_CHUNK = 500
_ONE_LINE: Final = (
    "title",
    "kind",
    "made_by",
    "tool",
    "prompt",
    "disclosure",
    "persons_depicted",
    "media_type",
    "size",
    "identifiers",
    "source_urls",
    "on_behalf_of",
)
IMPORTED: Final = (*_ONE_LINE, *(a for a in ALGORITHMS if not a.startswith("source.")))
"""Columns of a table of new works: members of a bulk registration, and a column of hexadecimal codes an algorithm."""
EXPORTED: Final = (
    "work",
    "title",
    "state",
    "kind",
    "made_by",
    "tool",
    "disclosure",
    "persons_depicted",
    "on_record_since",
    "withdrawn_at",
    "source_urls",
    SHA256,
    PHASH256,
    DHASH256,
)


# -- out ----------------------------------------------------------------------------------------------------
def to_csv(session: Session, found: Iterable[tuple[Work, State]]) -> str:
    """A line a work, RFC 4180; what a maker wrote begins no formula."""
    rows = list(found)
    ids = [work.id for work, _ in rows]
    codes, urls = _first_codes(session, ids), _urls(session, ids)
    return write_table(
        EXPORTED,
        (
            {
                "work": format_id("work", work.public_id),
                "title": guarded(work.title),
                "state": state.value,
                "kind": work.kind,
                "made_by": work.made_by,
                "tool": guarded(work.tool or ""),
                "disclosure": work.disclosure,
                "persons_depicted": "yes" if work.persons_depicted else "no",
                "on_record_since": f"{work.created_at:%Y-%m-%dT%H:%M:%SZ}",
                "withdrawn_at": f"{work.withdrawn_at:%Y-%m-%dT%H:%M:%SZ}" if work.withdrawn_at else "",
                "source_urls": guarded(" ".join(urls.get(work.id, ()))),
                **codes.get(work.id, {}),
            }
            for work, state in rows
        ),
    )


def _first_codes(session: Session, work_ids: list[int]) -> dict[int, dict[str, str]]:
    """Of the first file of each work the digest and the codes of its whole frame, in hexadecimal."""
    found: dict[int, dict[str, str]] = {}
    columns = (
        WorkVersion.work_id,
        StoredFingerprint.algorithm,
        StoredFingerprint.kind,
        StoredFingerprint.code,
    )
    query = select(*columns).join(StoredFingerprint, StoredFingerprint.version_id == WorkVersion.id)
    query = query.where(
        WorkVersion.number == 1, StoredFingerprint.algorithm.in_((SHA256, PHASH256, DHASH256))
    )
    for start in range(0, len(work_ids), _CHUNK):
        part = query.where(WorkVersion.work_id.in_(work_ids[start : start + _CHUNK]))
        for key, algorithm, kind, code in session.execute(part):
            if kind == ALGORITHMS[algorithm].kinds[0]:
                found.setdefault(key, {})[algorithm] = code.hex()
    return found


def _urls(session: Session, work_ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for start in range(0, len(work_ids), _CHUNK):
        query = select(SourceUrl.work_id, SourceUrl.url)
        query = query.where(SourceUrl.work_id.in_(work_ids[start : start + _CHUNK])).order_by(SourceUrl.id)
        for key, url in session.execute(query):
            found.setdefault(key, []).append(url)
    return found


# -- in -----------------------------------------------------------------------------------------------------
def to_json_lines(data: bytes) -> bytes:
    """The rows of a table as `registry.works.bulk_rows` reads them; what is wrong with a row is said by that.

    `InvalidInput` if it is no table at all, or has a column that is not in `IMPORTED`.
    """
    lines = read_table(data, ("title",), [name for name in IMPORTED if name != "title"])
    return b"".join(orjson.dumps(_item(line)) + b"\n" for line in lines)


def _item(line: Line) -> dict[str, Any]:
    if not line.whole:
        return {"(another number of columns than the header)": None}
    item: dict[str, Any] = {}
    codes = []
    for name, text in line.cells.items():
        if not text:
            continue
        if name in ALGORITHMS:
            codes.append({"algorithm": name, "kind": ALGORITHMS[name].kinds[0], "code": text})
        else:
            item[name] = _value(name, text)
    return item | {"fingerprints": codes}


def _value(name: str, text: str) -> Any:
    """As JSON has it; what cannot be is left as it stands, and refused with its row."""
    if name == "persons_depicted":
        return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(
            text.lower(), text
        )
    if name == "size":
        return int(text) if text.isdecimal() and len(text) < 16 else text
    if name == "source_urls":
        return text.split()
    if name == "identifiers":
        return [dict(zip(("scheme", "value"), part.split(":", 1), strict=False)) for part in text.split()]
    return text
