"""Which items that a run kept may not be used any more, by a newer edition: from the run's papers, without the dataset.

Each item is judged again by its codes, as the run asked, for today. Where the run's own edition is still at hand, only
items whose codes come near a changed work are (`reach`); the outcome is the same. No server is asked: what a registry
leaves out of its own feed is found all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.filter import Judge, Reading, split_parts
from crawler.modes import mode_of
from crawler.runs.changes import changed_rows, lists_of_rows
from crawler.runs.codes_table import CodesTable
from crawler.runs.layout import VERDICTS
from crawler.runs.opening import open_edition, open_manifest
from crawler.runs.papers import Places, places_in
from crawler.runs.reach import Reach
from crawler.runs.rereading import check_file, joined, matcher_of, reading_of, request_of
from registry.core.decisions import Verdict
from registry.core.errors import InvalidInput, NotFound, VerificationFailed
from registry.core.fingerprints import MINHASH128, WINNOW32, Fingerprint
from registry.core.records.runs import RunManifest
from registry.core.snapshots import Snapshot

_BATCH = 512
_NO_COLOURS = "unchecked.no-colours"
_NO_SIGNATURE = "unchecked.no-signature"


@dataclass(frozen=True, slots=True)
class Denied:
    """An item that the run kept, and that it would not keep now."""

    shard: int
    row: int
    key: str
    was: str
    """For which reason it was kept."""
    verdict: Verdict
    reason: str
    works: tuple[str, ...]
    """Those that decide now."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What of a run holds no more."""

    manifest: RunManifest
    edition: int
    at: int
    """The moment for which permission was asked, POSIX seconds."""
    kept: int
    """Items that the run kept."""
    judged: int
    """How many of them were judged again: all, or those near a changed work."""
    denied: tuple[Denied, ...]
    """In the order of the run's papers."""


def changes_since(run: Path, snapshot: Path | None, new: Snapshot, *, at: int) -> Changes:
    """The items of a run that are denied by the edition `new`, asked for at `at` (POSIX seconds).

    `snapshot` is the folder where the run's own edition may be. `VerificationFailed` if the papers were changed;
    `InvalidInput` if the edition is older than the run's, was opened for another licensee, or compares what the run
    has no codes of.
    """
    manifest = open_manifest(run)
    check_file(run / VERDICTS, manifest.verdicts)
    codes = CodesTable(run, manifest.codes, indexed=False)
    _refuse_another_standing(run, manifest, new)
    kept = _kept(run)
    judged = _near(run, manifest, codes, snapshot, new, kept, at)
    denied = tuple(_denied(run, manifest, codes, new, judged, at)) if len(judged) else ()
    return Changes(manifest, new.sequence, at, len(kept), len(judged), denied)


def _refuse_another_standing(run: Path, manifest: RunManifest, new: Snapshot) -> None:
    if new.sequence < manifest.snapshot.sequence:
        raise InvalidInput(
            f"Edition {new.sequence} is older than edition {manifest.snapshot.sequence}, by which {run} was judged; "
            "run `vorbehalt sync`."
        )
    if manifest.licensee != (new.standing.licences and new.standing.licences.licensee):
        raise InvalidInput(
            f"{run} was made in the name of {manifest.licensee or 'nobody'}, and this snapshot has not the same "
            "licences, or they have expired. Sync it with the API key of the run's licensee, or without one if the run "
            "has none."
        )
    if unknown := sorted(new.lists.keys() - {used.id for used in manifest.algorithms}):
        raise InvalidInput(
            f"Edition {new.sequence} has codes by {unknown[0]}, which {run} did not make; run `vorbehalt filter` again."
        )


def _kept(run: Path) -> Places:
    """Which items the run kept."""
    try:
        with pq.ParquetFile(run / VERDICTS) as file:
            batches = file.iter_batches(columns=["shard", "row", "kept"])
            parts = [places_in(part.filter(part.column("kept"))) for part in batches]
    except (pa.ArrowException, KeyError) as error:
        raise VerificationFailed(f"{run / VERDICTS} cannot be read: {error}") from error
    kept = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    if (kept[1:] <= kept[:-1]).any():
        raise VerificationFailed("The verdicts are out of order.")
    return kept


def _near(
    run: Path,
    manifest: RunManifest,
    codes: CodesTable,
    snapshot: Path | None,
    new: Snapshot,
    kept: Places,
    at: int,
) -> Places:
    """The kept items that have to be judged again: all of them if the run's own edition is not at hand."""
    try:
        old = open_edition(run, manifest, snapshot)
    except NotFound:
        return kept
    changed = changed_rows(old, new, manifest.at, at)
    near = codes.near(Reach(lists_of_rows(edition, changed) for edition in (old, new)))
    return np.intersect1d(near, kept, assume_unique=True)


def _denied(
    run: Path, manifest: RunManifest, codes: CodesTable, new: Snapshot, places: Places, at: int
) -> Iterator[Denied]:
    judge = Judge(matcher_of(manifest, new), new, request_of(manifest, at), mode_of(manifest))
    rows = iter(joined(run, codes.rows(places), places))
    while part := list(islice(rows, _BATCH)):
        stored = [reading_of(*row) for row in part]
        missing = [_Missing(_lacks_signature(reading)) for reading in stored]
        readings = [_waiting(reading, later) for reading, later in zip(stored, missing, strict=True)]
        for (row, _), later, judgement in zip(part, missing, judge.judge(readings), strict=True):
            decision = judgement.decision
            if decision.kept and later.wanted is None:
                continue
            verdict, reason = decision.verdict, decision.reason
            if decision.kept and later.wanted is not None:
                verdict, reason = Verdict.REVIEW, later.wanted
            yield Denied(row["shard"], row["row"], row["key"], row["reason"], verdict, reason, decision.works)


def _lacks_signature(reading: Reading) -> bool:
    """Whether a text has fingerprints alone: the run left signatures for later, and did not need this one."""
    parts = ({f.algorithm for f in part} for part in split_parts(reading.fingerprints))
    return any(WINNOW32 in made and MINHASH128 not in made for made in parts)


@dataclass(slots=True)
class _Missing:
    """In place of codes that the run did not keep: remembers that they are wanted.

    A picture's colours are, where the outlines are those of a symmetric work that is new; a text's signature is, where
    it shares a phrase with a new work. Without them nobody can tell.
    """

    lacks_signature: bool
    wanted: str | None = None
    """The reason why nobody can tell."""

    def anchors(self) -> tuple[Fingerprint, ...]:
        """None besides those in the papers: of a kept item, the run made them."""
        return ()

    def colours(self) -> tuple[Fingerprint, ...]:
        """None, but somebody has asked."""
        self.wanted = _NO_COLOURS
        return ()

    def signature(self) -> tuple[Fingerprint, ...]:
        """The same for a text that has none."""
        if self.lacks_signature:
            self.wanted = _NO_SIGNATURE
        return ()


def _waiting(reading: Reading, missing: _Missing) -> Reading:
    """The reading, with `missing` to be asked for the codes that it lacks."""
    return replace(reading, later=((len(reading.fingerprints), missing),))
