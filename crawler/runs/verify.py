"""Repeat a finished run's judgement from its codes and the edition, and compare everything that can be compared.

No item is decoded again, so this takes a fraction of the run's time and needs neither the dataset nor, with
`papers_only`, what was kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crawler import durable
from crawler.filter import Judge, Reading
from crawler.modes import mode_of
from crawler.runs import papers
from crawler.runs.finish import Listings, Totals
from crawler.runs.layout import DATA, LICENCES
from crawler.runs.opening import open_edition, open_manifest
from crawler.runs.reach import Reach
from crawler.runs.rereading import Row, check_file, check_tables, matcher_of, reading_of, request_of
from crawler.runs.signing import check_signature
from crawler.runs.stretches import stretches
from crawler.sources.base import Listing, Sample
from crawler.sources.folder import listing_of
from crawler.sources.img2dataset import FORMAT as ITEMS
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.runs import FileUsed, RunManifest
from registry.core.signals.summary import Said
from registry.core.snapshots import Snapshot
from registry.core.tlog.notes import VerifierKey

_BATCH = 512
_STATED = [name for name in papers.VERDICTS.names if name not in papers.OF_THE_ITEM]
"""Columns that say what the registry makes of an item."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A run of which everything holds."""

    manifest: RunManifest
    checked: tuple[str, ...]
    """What was compared, in words."""
    signed_by: VerifierKey | None
    """Whose key signed it; `None` if it is not signed."""


def verify_run(
    run: Path,
    snapshot: Path | None = None,
    *,
    papers_only: bool = False,
    key: VerifierKey | None = None,
) -> Verified:
    """`VerificationFailed`, with the first difference, unless the run's papers follow from codes and edition.

    With a `key`, the run has to be signed by it; else a signature is checked if there is one.
    """
    manifest = open_manifest(run)
    checked = ["the run's id is the digest of its manifest"]
    signed_by = check_signature(run, manifest.run_id, key)
    if signed_by is not None:
        checked.append(f"it is signed by {signed_by}")
    check_tables(run, manifest)
    checked.append("verdicts and codes are the files that the manifest names")
    edition = open_edition(run, manifest, snapshot)
    _same_licences(run, manifest)
    checked.append(f"the registry's edition {edition.sequence} is the one that the manifest names")
    _repeat(run, manifest, edition)
    seen = f"{manifest.counts.seen:,}"
    checked.append(f"all {seen} verdicts follow from the codes and the edition, and all counts add up")
    if not papers_only:
        for used in manifest.outputs:
            _same_output(run, used)
        _nothing_else(run, manifest)
        checked.append("what was kept is exactly what the papers say")
    return Verified(manifest, tuple(checked), signed_by)


# -- files -------------------------------------------------------------------------------------------------
def _same_licences(run: Path, manifest: RunManifest) -> None:
    wanted = manifest.parameters.get("licences_sha256")
    if wanted is not None and durable.sha256_of(run / LICENCES) != wanted:
        raise VerificationFailed(f"{run / LICENCES} was changed after the run.")


def _same_output(run: Path, used: FileUsed) -> None:
    path = run / used.uri
    if used.format not in ("folder", ITEMS):
        check_file(path, used)
        return
    if not path.is_dir() and used.rows:
        raise VerificationFailed(f"{path} is missing; with --papers-only its absence is not looked at.")
    try:
        uri = used.uri.removeprefix(DATA).removeprefix("/")
        listing = listing_of(run / DATA, uri) if path.is_dir() else Listing()
    except OSError as problem:
        raise VerificationFailed(str(problem)) from problem
    if listing.hexdigest() != used.sha256 or (used.format == "folder" and listing.files != used.rows):
        raise VerificationFailed(
            f"{path} does not hold what the run kept: a file was added, removed or changed ({listing.files:,} files, "
            f"{used.rows:,} items were kept)."
        )


def _nothing_else(run: Path, manifest: RunManifest) -> None:
    """The data folder holds the outputs, the folders that they lie in, and no other name."""
    outputs = {used.uri for used in manifest.outputs}
    above = {str(parent) for uri in outputs for parent in PurePosixPath(uri).parents}
    waiting = [] if DATA in outputs else [DATA]
    while waiting:
        folder = waiting.pop()
        for path in sorted((run / folder).iterdir()):
            uri = f"{folder}/{path.name}"
            if uri in above and path.is_dir() and not path.is_symlink():
                waiting.append(uri)
            elif uri not in outputs:
                raise VerificationFailed(f"{path} is not from this run.")


# -- verdicts ----------------------------------------------------------------------------------------------
def _repeat(run: Path, manifest: RunManifest, edition: Snapshot) -> None:
    """Judge every item again, in order, and count: those that come near no work as columns, the others one by one."""
    judge = Judge(matcher_of(manifest, edition), edition, request_of(manifest), mode_of(manifest))
    reach = Reach([edition.lists], edition.path / "index")
    totals, listings = Totals(), Listings((used.format, used.rows) for used in manifest.inputs)
    signals, unmatched = Counter[str](), _Unmatched(judge)
    for part in stretches(run):
        said = part.said()
        alone = np.ones(part.verdicts.num_rows, np.bool_)
        if not part.is_odd():
            alone = part.near(reach) | said.odd
        others = ~alone
        stated = part.verdicts.select([*_STATED, "error"])
        if not others.all():
            stated = stated.filter(pa.array(others))
        if not unmatched.is_stated(stated, said.cases, said.of_items[others]):
            alone[:] = True  # to say which one
        _judge_singly(part.items(alone), judge)
        totals.add(part.verdicts)
        listings.add(part.verdicts)
        signals += part.signals()
    try:
        counts = totals.counts()
    except InvalidInput as problem:
        raise VerificationFailed(problem.message) from problem
    if manifest.counts.by_distance is None:  # of an earlier release, which did not count them
        counts = replace(counts, by_distance=None)
    if counts.as_json() != manifest.counts.as_json() or sorted(totals.licences) != list(manifest.licences):
        raise VerificationFailed("The manifest's counts or licences are not those of the verdicts.")
    if signals != dict(manifest.signals):
        raise VerificationFailed("The manifest's counts of signals are not those of the codes.")
    _compare_inputs(manifest, listings)


class _Unmatched:
    """What has to be said of items that match nothing."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._numbers: dict[Reading, int] = {}
        self._lines = papers.batch([], papers.VERDICTS)

    def is_stated(
        self, verdicts: pa.RecordBatch, cases: Sequence[tuple[Said, ...]], of_rows: NDArray[np.int64]
    ) -> bool:
        """Whether these lines all say that; of each line it is known which case of signals its item is."""
        errors = verdicts.column("error").dictionary_encode()
        gaps = [*errors.dictionary.to_pylist(), None]
        gap_of_rows = errors.indices.fill_null(len(gaps) - 1).to_numpy().astype(np.int64)
        pairs, of_pairs = np.unique(gap_of_rows * len(cases) + of_rows, return_inverse=True)
        found = (divmod(pair, len(cases)) for pair in pairs.tolist())
        numbers = [self._number(Reading(None, None, (), gaps[gap], cases[case])) for gap, case in found]
        if len(self._numbers) > self._lines.num_rows:
            self._lines = papers.unmatched(self._judge, list(self._numbers))
        which, lines = pa.array(np.array(numbers, np.int64)[of_pairs]), self._lines
        return all(verdicts.column(name).equals(lines.column(name).take(which)) for name in _STATED)

    def _number(self, reading: Reading) -> int:
        return self._numbers.setdefault(reading, len(self._numbers))


def _judge_singly(items: Iterable[tuple[Row, list[Row]]], judge: Judge) -> None:
    """`VerificationFailed` with the first item of which the papers say something else."""
    rows = iter(items)
    while part := list(islice(rows, _BATCH)):
        readings = [reading_of(row, codes) for row, codes in part]
        for (row, _), reading, judgement in zip(part, readings, judge.judge(readings), strict=True):
            sample = Sample(row["row"], row["key"], b"", row["bytes"])
            again = papers.verdict_row(row["shard"], sample, reading, judgement)
            if again != row:
                raise VerificationFailed(_difference(row, again), key=row["key"])


def _difference(row: Row, again: Row) -> str:
    name = next(name for name in row if row[name] != again[name])
    return (
        f"{row['key']}: the papers say {name} {row[name]!r}, the codes and the edition give {again[name]!r}."
    )


def _compare_inputs(manifest: RunManifest, listings: Listings) -> None:
    """`VerificationFailed` if an input's digest or number of items is not that of its verdicts."""
    for used, files in zip(manifest.inputs, listings.files, strict=True):
        same = used.format != "folder" or files.read.hexdigest() == used.sha256
        if files.read.files != used.rows or not same:
            raise VerificationFailed(f"The verdicts are not those of the input {used.uri}.")
