"""A finished run's items as they were before the registry was asked, from its papers: to judge them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from crawler import durable
from crawler.filter import Reading
from crawler.runs import papers
from crawler.runs.layout import CODES, VERDICTS
from crawler.runs.papers import Places
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Corrupt, InvalidInput, VerificationFailed
from registry.core.fingerprints import SHA256, Fingerprint, check_code
from registry.core.matching import Matcher
from registry.core.records.runs import FileUsed, RunManifest
from registry.core.signals.summary import KIND, is_signal, said_from
from registry.core.snapshots import Snapshot

Row = dict[str, Any]
Place = tuple[int, int]
"""Shard and row: by which both tables are ordered."""


def check_tables(run: Path, manifest: RunManifest) -> None:
    """`VerificationFailed` unless verdicts and codes are the files that the manifest names."""
    check_file(run / VERDICTS, manifest.verdicts)
    check_file(run / CODES, manifest.codes)


def check_file(path: Path, used: FileUsed) -> None:
    """`VerificationFailed` unless it is the file that the papers name."""
    if not path.is_file():
        raise VerificationFailed(f"{path} is missing.")
    if durable.sha256_of(path) != used.sha256:
        raise VerificationFailed(f"{path} was changed after the run.")


def matcher_of(manifest: RunManifest, edition: Snapshot) -> Matcher:
    """The edition's indexes, with the run's own limit for quotations."""
    least = manifest.parameters.get("min_words")
    if not isinstance(least, int) or isinstance(least, bool) or least < 0:
        raise VerificationFailed("The manifest does not say from how many words on a passage counted.")
    return Matcher(edition.lists, edition.path / "index", min_words=least)


def joined(run: Path, rows_of_codes: Iterable[Row], places: Places) -> Iterator[tuple[Row, list[Row]]]:
    """The verdicts on these items, each with its codes.

    `VerificationFailed` if an order is broken or a code is left over.
    """
    codes = groupby(rows_of_codes, key=_place)
    waiting = next(codes, None)
    last: Place = (-1, -1)
    for row in papers.read_parquet(run / VERDICTS, papers.VERDICTS, places):
        place = _place(row)
        if place <= last:
            raise VerificationFailed(f"The verdicts are out of order at shard {place[0]}, row {place[1]}.")
        last = place
        own: list[Row] = []
        if waiting is not None and waiting[0] == place:
            own = list(waiting[1])
            waiting = next(codes, None)
        yield row, own
    if waiting is not None:
        raise VerificationFailed("There are codes of an item that has no verdict, or they are out of order.")


def _place(row: Row) -> Place:
    return row["shard"], row["row"]


def reading_of(row: Row, codes: list[Row]) -> Reading:
    """What the run knew about an item before it asked the registry."""
    plain = [code for code in codes if not is_signal(code["algorithm"])]
    found = tuple(Fingerprint(code["algorithm"], code["kind"], code["code"]) for code in plain)
    try:
        said = tuple(said_from(code["algorithm"], code["code"]) for code in codes if code["kind"] == KIND)
        for f in found:
            check_code(f.algorithm, f.kind, f.code)
    except (Corrupt, InvalidInput) as problem:
        raise VerificationFailed(f"A code of {row['key']} is none: {problem.message}") from problem
    if len(plain) + len(said) != len(codes) or list(said) != sorted({s.signal: s for s in said}.values()):
        raise VerificationFailed(f"The signals of {row['key']} are not as we write them.")
    digests = {f.code.hex() for f in found if f.algorithm == SHA256}
    if (digests and row["sha256"] not in digests) or any(code["key"] != row["key"] for code in codes):
        raise VerificationFailed(f"The codes of {row['key']} are those of another item.")
    if not found and row["error"] is None:
        raise VerificationFailed(f"The codes of {row['key']} are missing.")
    return Reading(row["media"], row["sha256"], found, row["error"], said)


def request_of(manifest: RunManifest, at: int | None = None) -> Request:
    """What the run asked for, or the same for another moment."""
    return Request(
        Purpose(manifest.purpose),
        Policy(manifest.policy),
        manifest.at if at is None else at,
        manifest.territory,
        manifest.parameters.get("research") is True,
    )
