"""A run again by a newer edition, without working off what the registry's changes cannot touch.

The shards that hold no item near a changed work, as it was or as it is, are taken over: their lines in the papers are
the same, and so is what was kept, of which both runs then have the same files (hard links) where the disk can do that.
All others are worked off from the inputs as in any run. So the result is that of a run in full, its id included.

Whether the inputs, the settings and the program are those of the earlier run is not asked but proved: the plan that
they make, with the earlier edition, has to be the plan that stands in the earlier run's papers.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler import durable
from crawler.modes import Mode
from crawler.runs import papers
from crawler.runs.changes import changed_rows, lists_of_rows
from crawler.runs.finish import Totals, algorithms_used, decoders_used, tool_used
from crawler.runs.layout import CODES, DATA, VERDICTS
from crawler.runs.opening import open_edition, open_manifest
from crawler.runs.partial import Facts, Marker, Partial
from crawler.runs.plan import Settings, make_plan, settings_of
from crawler.runs.reach import Reach
from crawler.sources.base import Shard, Source
from crawler.watching import Done
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.runs import FileUsed, RunManifest
from registry.core.snapshots import Snapshot

_IN_FULL = "Filter in full with `vorbehalt filter`."


@dataclass(slots=True)
class EarlierRun:
    """A run whose shards can be taken over; made by `compare`."""

    folder: Path
    manifest: RunManifest
    touched: frozenset[int]
    """Shards with an item near a changed work."""
    changed_works: int
    near_items: int
    """In them, items near a changed work."""
    taken: int = 0
    """Shards that were taken over so far."""
    _outputs: dict[str, list[FileUsed] | None] = field(default_factory=dict)
    _inputs: dict[str, FileUsed] = field(default_factory=dict)
    _tables: tuple[_ByShard, _ByShard] = field(init=False)

    def __post_init__(self) -> None:
        self._tables = (
            _ByShard(self.folder / VERDICTS, papers.VERDICTS),
            _ByShard(self.folder / CODES, papers.CODES),
        )
        self._outputs = _outputs_by_input(self.manifest)
        self._inputs = {used.uri: used for used in self.manifest.inputs}

    @property
    def run_id(self) -> str:
        """Which run."""
        return self.manifest.run_id

    def take_over(self, number: int, source: Source, shard: Shard, partial: Partial) -> Marker | None:
        """Put a shard's results into `partial` as if it had been worked off; `None` if it has to be."""
        outputs = self._written(source, shard)
        if number in self.touched or outputs is None:
            return None
        verdicts, codes = (table.take(number) for table in self._tables)
        totals = Totals()
        for part in verdicts:
            totals.add(part)
        counts = totals.counts()
        size = sum(pc.sum(part.column("bytes")).as_py() or 0 for part in verdicts)
        loose = not shard.whole_file and not self.manifest.parameters["dry_run"]
        if loose:
            self._link_kept(shard, verdicts, partial)
        for used in outputs:
            _link(self.folder / used.uri, partial.data / used.uri.removeprefix(f"{DATA}/"), used.bytes)
        marker = Marker(
            state=shard.state(),
            verdicts_sha256=_write(partial.verdicts(number), papers.VERDICTS, verdicts),
            codes_sha256=_write(partial.codes(number), papers.CODES, codes),
            done=Done(counts.seen, counts.kept, size),
            errors=sum(n for reason, n in _gaps(verdicts).items() if reason.startswith("error.")),
            source=_facts(self._inputs[source.name]) if shard.whole_file else None,
            outputs={used.uri.removeprefix(f"{DATA}/"): _facts(used) for used in outputs},
            loose=loose,
        )
        durable.replace_file(partial.marker(number), marker.to_bytes())
        self.taken += 1
        return marker

    def _written(self, source: Source, shard: Shard) -> list[FileUsed] | None:
        """The files that the earlier run wrote for a whole file; `None` if that cannot be told."""
        if not shard.whole_file or self.manifest.parameters["dry_run"]:
            return []
        return self._outputs.get(f"{DATA}/{source.data_uri}")

    def _link_kept(self, shard: Shard, verdicts: Sequence[pa.RecordBatch], partial: Partial) -> None:
        for part in verdicts:
            kept = part.filter(part.column("kept"))
            rows, sizes = (kept.column(name).to_pylist() for name in ("row", "bytes"))
            for row, size in zip(rows, sizes, strict=True):
                _link(shard.kept_path(self.folder / DATA, row), shard.kept_path(partial.data, row), size)


def compare(
    run: Path, sources: Sequence[Source], snapshot: Path, new: Snapshot, *, at: int
) -> tuple[EarlierRun, Settings]:
    """What of a run holds by a newer edition, and the settings to go on with.

    `InvalidInput`, with the advice to filter in full, unless the inputs, the program and all settings are the same;
    `VerificationFailed` if the run's papers were changed.
    """
    manifest = open_manifest(run)
    for used in (manifest.verdicts, manifest.codes):
        if not (run / used.uri).is_file() or durable.sha256_of(run / used.uri) != used.sha256:
            raise VerificationFailed(f"{run / used.uri} is missing or was changed after the run. {_IN_FULL}")
    _refuse_another_program(manifest)
    old = open_edition(run, manifest, snapshot)
    if new.sequence < old.sequence:
        raise InvalidInput(
            f"Edition {new.sequence} is older than edition {old.sequence}, by which {run} was judged."
        )
    if manifest.licensee != (new.standing.licences and new.standing.licences.licensee):
        raise InvalidInput(f"{run} was made in the name of another licensee. {_IN_FULL}")
    settings = settings_of(manifest, at=at)
    if settings.mode is Mode.ANNOTATE:
        raise InvalidInput(f"{run} annotates, so that every file says something of each item. {_IN_FULL}")
    before = settings_of(manifest, at=manifest.at)
    if make_plan(sources, old, before).sha256 != manifest.runtime.get("plan_sha256"):
        raise InvalidInput(
            f"These are not the inputs of {run} as they were, or a setting has another meaning now: names, sizes, "
            f"times of change, and all settings have to be the same. {_IN_FULL}"
        )
    changed = changed_rows(old, new, manifest.at, at)
    reach = Reach(lists_of_rows(edition, changed) for edition in (old, new))
    places = reach.places(run / CODES)
    near = sum(map(len, places.values()))
    return EarlierRun(run, manifest, frozenset(places), int(changed.sum()), near), settings


def _refuse_another_program(manifest: RunManifest) -> None:
    same = (
        manifest.tool == tool_used()
        and dict(manifest.decoders) == decoders_used()
        and manifest.algorithms == algorithms_used()
    )
    if not same:
        raise InvalidInput(
            "The run was made by another version of this program, of its algorithms or of a library that decodes. "
            + _IN_FULL
        )


# -- what the earlier run wrote ------------------------------------------------------------------------------
def _outputs_by_input(manifest: RunManifest) -> dict[str, list[FileUsed] | None]:
    """What was written for each file, by its address; `None` where an index beside it could belong to two."""
    files = [used for used in manifest.outputs if used.format not in {"folder", "index"}]
    beside: dict[str, list[FileUsed]] = defaultdict(list)
    for used in manifest.outputs:
        if used.format == "index":
            beside[_stem(used.uri)].append(used)
    owners = Counter(_stem(used.uri) for used in files)
    doubtful = {stem for stem in beside if owners[stem] != 1}
    return {
        used.uri: None if _stem(used.uri) in doubtful else [used, *beside[_stem(used.uri)]] for used in files
    }


def _stem(uri: str) -> str:
    """`attributes/quality/0.json.gz` and `documents/0.json.gz` belong together, as do `0.tar` and `0.idx`."""
    return PurePosixPath(uri).name.partition(".")[0]


def _facts(used: FileUsed) -> Facts:
    return Facts(used.sha256, used.bytes, used.rows)


def _link(old: Path, new: Path, size: int) -> None:
    """The same file in both runs, or a copy where the disk has no such links."""
    if old.is_symlink() or not old.is_file() or old.stat().st_size != size:
        raise VerificationFailed(f"{old} is missing or was changed after the run. {_IN_FULL}")
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


# -- tables, shard by shard ----------------------------------------------------------------------------------
class _ByShard:
    """A table of a finished run, whose shards are asked for in ascending order."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._batches = self._read()
        self._held: list[pa.RecordBatch] = []

    def take(self, number: int) -> list[pa.RecordBatch]:
        """The rows of one shard; those before it are let go."""
        mine: list[pa.RecordBatch] = []
        while (part := self._held.pop() if self._held else next(self._batches, None)) is not None:
            shards = part.column("shard").to_numpy()
            begin, end = np.searchsorted(shards, [number, number + 1]).tolist()
            if end > begin:
                mine.append(part.slice(begin, end - begin))
            if end < len(shards):
                self._held.append(part.slice(end))
                break
        return mine

    def _read(self) -> Iterator[pa.RecordBatch]:
        try:
            with pq.ParquetFile(self._path) as file:
                if not file.schema_arrow.equals(self._schema):
                    raise VerificationFailed(f"{self._path} does not have the columns of this version.")
                for part in file.iter_batches(batch_size=16_384):
                    yield pa.RecordBatch.from_arrays(part.columns, schema=self._schema)
        except pa.ArrowException as error:
            raise VerificationFailed(f"{self._path} cannot be read: {error}") from error


def _write(path: Path, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> str:
    """A shard's table; its digest."""
    with (
        durable.replacing(path) as rough,
        pa.OSFile(str(rough), "wb") as file,
        pa.ipc.new_file(file, schema) as out,
    ):
        for part in batches:
            out.write_batch(part)
    return durable.sha256_of(path)


def _gaps(verdicts: Sequence[pa.RecordBatch]) -> Counter[str]:
    gaps: Counter[str] = Counter()
    for part in verdicts:
        found = part.column("error").value_counts()
        for value, number in zip(
            found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True
        ):
            if value is not None:
                gaps[value] += number
    return gaps
