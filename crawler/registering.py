"""Put files on record: what is said about each, and the two ways to send it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from crawler.client import Client
from crawler.fingerprinting import as_document, fingerprint_file, read_file
from registry.core.errors import Conflict, InvalidInput, VorbehaltError

_LISTS = {"source_urls", "identifiers", "shares"}
COLUMNS = (
    "file",
    "title",
    "made_by",
    "tool",
    "prompt",
    "disclosure",
    "persons_depicted",
    "source_urls",
    "identifiers",
    "shares",
    "on_behalf_of",
)
"""Of a manifest. Lists are separated by spaces: `isbn:…`, `party_…:500000`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file with what its maker says about it, in the words of the API."""

    path: Path
    statements: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """As stated, else the file's name without its ending."""
        return str(self.statements.get("title") or self.path.stem)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    path: Path
    title: str
    work: str | None = None
    contested: bool = False
    exists: bool = False
    """It was on record before; nothing was changed."""
    notes: tuple[str, ...] = ()
    error: VorbehaltError | None = None


def statements(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the API takes, from words as they stand in options and in a manifest; empty ones are left out."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value in (None, "", (), False):
            continue
        if name in _LISTS:
            parts = value.split() if isinstance(value, str) else list(value)
            found[name] = [_PARSERS[name](part) for part in parts]
        elif name == "persons_depicted":
            found[name] = _yes(value)
        else:
            found[name] = value
    return found


def _identifier(text: str) -> dict[str, str]:
    scheme, colon, value = text.partition(":")
    if not colon or not value:
        raise InvalidInput(f"“{text[:80]}” is no identifier; write it as isbn:978-3-….")
    return {"scheme": scheme.lower(), "value": value}


def _share(text: str) -> dict[str, Any]:
    party, colon, ppm = text.partition(":")
    if not colon or not ppm.isdecimal():
        raise InvalidInput(f"“{text[:80]}” is no share; write party_…:500000, in millionths.")
    return {"party": party, "ppm": int(ppm)}


_PARSERS: dict[str, Any] = {"identifiers": _identifier, "shares": _share, "source_urls": str}


def _yes(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise InvalidInput(f"“{str(value)[:40]}” must be yes or no.") from None


def read_manifest(path: Path) -> list[Entry]:
    """The entries of a CSV file with a header; files are found relative to it. `InvalidInput` names the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_entries(path, csv.DictReader(file, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InvalidInput(f"{path} cannot be read as CSV in UTF-8: {problem}.") from problem


def _entries(path: Path, rows: csv.DictReader[str]) -> Iterator[Entry]:
    header = rows.fieldnames or []
    unknown = sorted(set(header) - set(COLUMNS))
    if "file" not in header or unknown:
        wrong = f"the unknown column “{unknown[0]}”" if unknown else "no column “file”"
        raise InvalidInput(f"{path} has {wrong}; known are {', '.join(COLUMNS)}.")
    for row in rows:
        if None in row or None in row.values() or not row["file"]:
            raise InvalidInput(
                f"{path}, line {rows.line_num}: it has too many or too few columns, or no file."
            )
        try:
            said = statements({name: value for name, value in row.items() if name != "file"})
        except InvalidInput as problem:
            raise InvalidInput(f"{path}, line {rows.line_num}: {problem.message}") from problem
        yield Entry(path.parent / row["file"], said)


def register(client: Client, entry: Entry, *, upload: bool) -> Outcome:
    """Register one file. What is wrong with it, or with what was said about it, is in the outcome's `error`.

    With `upload` the registry computes the fingerprints itself and does not keep the file; otherwise they are
    computed here, and the file stays where it is.
    """
    document = {**entry.statements, "title": entry.title}
    try:
        if upload:
            content = (entry.path.name, read_file(entry.path), "application/octet-stream")
            metadata = ("metadata.json", orjson.dumps(document), "application/json")
            answer = client.post_form("/v1/works", {"file": content, "metadata": metadata})
        else:
            found = as_document(fingerprint_file(entry.path))
            sides = {name: found["facts"][name] for name in ("width", "height") if name in found["facts"]}
            answer = client.post(
                "/v1/works",
                {
                    **document,
                    "kind": found["media"],
                    "media_type": found["media_type"],
                    "size": found["size"],
                    **sides,
                    "fingerprints": found["fingerprints"],
                },
            )
            answer["notes"] = found["notes"]
    except (Conflict, InvalidInput) as problem:
        known = problem.details.get("work") if isinstance(problem, Conflict) else None
        if isinstance(known, str):  # the registry names the work that this file belongs to
            return Outcome(entry.path, entry.title, work=known, exists=True)
        return Outcome(entry.path, entry.title, error=problem)
    notes = answer.get("notes") or [n for version in answer.get("versions", []) for n in version["notes"]]
    return Outcome(
        entry.path,
        entry.title,
        work=str(answer["id"]),
        contested=bool(answer.get("contested")),
        notes=tuple(n["message"] for n in notes),
    )
