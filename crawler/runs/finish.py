"""The end of a run: the shards' tables become one each, everything is counted, and the manifest says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import PIL
import pyarrow as pa
import pyarrow.compute as pc

import registry
from crawler import durable
from crawler.modes import Mode
from crawler.runs import papers
from crawler.runs.layout import CODES, DATA, VERDICTS
from crawler.runs.partial import Facts, Marker, Partial
from crawler.runs.plan import Settings, licensee_of
from crawler.sources.base import Listing, Source
from registry.core import fingerprints
from registry.core.decisions import Grade, Verdict
from registry.core.fingerprints import ALGORITHMS
from registry.core.records.runs import AlgorithmUsed, Counts, FileUsed, RunManifest, SnapshotUsed, Tool
from registry.core.snapshots import Snapshot

_DECIDING = [grade.name.lower() for grade in Grade if grade is not Grade.TRACE]
_DECODERS = ("lxml", "numpy", "orjson", "pyarrow", "pypdfium2")


@dataclass(slots=True)
class Totals:
    """Counts over verdict rows; the same for making a manifest and for verifying one."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    media: Counter[str] = field(default_factory=Counter)
    distances: dict[str, Counter[str]] = field(default_factory=dict)
    licences: set[str] = field(default_factory=set)
    kept: int = 0

    def add(self, part: pa.RecordBatch) -> None:
        """Verdict rows."""
        for verdict, number in _tally(part, "verdict"):
            self.verdicts[Verdict(verdict).name.lower()] += number
        self.reasons.update(dict(_tally(part, "reason")))
        self.media.update({media or "other": number for media, number in _tally(part, "media")})
        for algorithm, distance, number in _distances(part):
            self.distances.setdefault(algorithm, Counter())[str(distance)] += number
        self.licences.update(pc.list_flatten(part.column("uses")).field("licence_id").to_pylist())
        self.kept += pc.sum(part.column("kept")).as_py() or 0

    def counts(self) -> Counts:
        """As they stand in the manifest."""
        seen = self.verdicts.total()
        left_out = seen - self.kept
        return Counts(seen, self.kept, left_out, self.verdicts, self.reasons, self.media, self.distances)


def _tally(part: pa.RecordBatch, name: str) -> Iterator[tuple[Any, int]]:
    """Each value of a column, with how often it is there."""
    for found in part.column(name).value_counts().to_pylist():
        yield found["values"], found["counts"]


def _distances(part: pa.RecordBatch) -> Iterator[tuple[str, int, int]]:
    """Algorithm, distance and number of the matches that decided; a trace decides nothing, a passage has no radius."""
    table = pa.Table.from_batches([part.select(["algorithm", "grade", "distance", "radius"])])
    deciding = pc.is_in(table.column("grade"), value_set=pa.array(_DECIDING))
    matched = table.filter(pc.and_(deciding, pc.is_valid(table.column("radius"))))
    for found in matched.group_by(["algorithm", "distance"]).aggregate([([], "count_all")]).to_pylist():
        yield found["algorithm"], found["distance"], found["count_all"]


@dataclass(slots=True)
class Files:
    """Digests over one source's files, read and kept."""

    read: Listing = field(default_factory=Listing)
    kept: Listing = field(default_factory=Listing)

    def add(self, part: pa.RecordBatch) -> None:
        """Verdict rows of a folder."""
        columns = (part.column(name).to_pylist() for name in ("key", "sha256", "bytes", "kept"))
        for key, digest, size, kept in zip(*columns, strict=True):
            self.read.add(key, digest, size)
            if kept:
                self.kept.add(key, digest, size)


class Tables(Protocol):
    """The lines of all shards."""

    def verdicts(self, number: int) -> Iterator[pa.RecordBatch]:
        """Those of one shard among the verdicts; asked for in ascending order."""

    def write_codes(self, path: Path, shards: int) -> int:
        """Write the table of the codes of so many shards; returns its rows."""


class WorkedOff:
    """The tables of shards that were all worked off."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial

    def verdicts(self, number: int) -> Iterator[pa.RecordBatch]:
        """See `Tables`."""
        return self._partial.batches(self._partial.verdicts(number))

    def write_codes(self, path: Path, shards: int) -> int:
        """See `Tables`."""
        partial = self._partial
        parts = (part for n in range(shards) for part in partial.batches(partial.codes(n)))
        return papers.write_parquet(path, papers.CODES, parts)


def finish(
    partial: Partial,
    tables: Tables,
    sources: Sequence[Source],
    markers: Sequence[Sequence[Marker]],
    snapshot: Snapshot,
    settings: Settings,
    runtime: dict[str, Any],
) -> RunManifest:
    """Write the two tables and the manifest, and put everything in its place. `markers`: per source, per shard."""
    totals = Totals()
    inputs, outputs = list[FileUsed](), list[FileUsed]()
    numbers = iter(range(sum(map(len, markers))))

    def all_batches() -> Iterator[pa.RecordBatch]:
        for source, done in zip(sources, markers, strict=True):
            files = Files()
            for _ in done:
                for part in tables.verdicts(next(numbers)):
                    totals.add(part)
                    if source.format == "folder":
                        files.add(part)
                    yield part
            whole = done[0] if source.format != "folder" else None
            read = whole.source if whole else None
            inputs.append(_file_used(source.name, source.format, read or _listed(files.read)))
            if whole is not None or not _writes_data(settings):
                outputs.extend(chain.from_iterable(_files_written(source, m, settings) for m in done))
                continue
            (partial.data / source.data_uri).mkdir(parents=True, exist_ok=True)
            uri = f"{DATA}/{source.data_uri}".rstrip("/")
            outputs.append(_file_used(uri, source.format, _listed(files.kept)))

    with durable.replacing(partial.folder / VERDICTS) as path:
        verdict_rows = papers.write_parquet(path, papers.VERDICTS, all_batches())
    with durable.replacing(partial.folder / CODES) as path:
        code_rows = tables.write_codes(path, sum(map(len, markers)))
    request = settings.request
    manifest = RunManifest(
        tool=tool_used(),
        decoders=decoders_used(),
        algorithms=algorithms_used(),
        snapshot=snapshot_used(snapshot),
        purpose=request.purpose.value,
        policy=request.policy.value,
        territory=request.territory,
        at=request.at,
        parameters=settings.parameters(snapshot),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        verdicts=_table_used(partial.folder / VERDICTS, verdict_rows),
        codes=_table_used(partial.folder / CODES, code_rows),
        counts=totals.counts(),
        signals=papers.signals_in(partial.folder / CODES),
        runtime=runtime,
        licensee=licensee_of(snapshot),
        licences=tuple(sorted(totals.licences)),
    )
    partial.complete(manifest.to_bytes())
    return manifest


def tool_used() -> Tool:
    """The program that is running."""
    return Tool("vorbehalt", registry.__version__)


def decoders_used() -> dict[str, str]:
    """The libraries that turn bytes into pixels or text, with the versions that are installed."""
    return {"Pillow": PIL.__version__, **{name: version(name) for name in _DECODERS}}


def algorithms_used() -> tuple[AlgorithmUsed, ...]:
    """The fingerprint algorithms of this program, with the digest of their vectors."""
    vectors = sha256(resources.files(fingerprints).joinpath("vectors.json").read_bytes()).hexdigest()
    return tuple(AlgorithmUsed(name, vectors) for name in sorted(ALGORITHMS))


def snapshot_used(snapshot: Snapshot) -> SnapshotUsed:
    """The edition as the manifest names it."""
    return SnapshotUsed(
        sequence=snapshot.sequence,
        created=snapshot.created,
        change_seq=snapshot.change_seq,
        works_root=snapshot.works_root.hex(),
        log_size=snapshot.manifest.log_size,
        log_root=snapshot.manifest.log_root.hex(),
        lists=snapshot.digests,
        stale_override=snapshot.standing.stale_override,
    )


def _listed(listing: Listing) -> Facts:
    return Facts(listing.hexdigest(), listing.bytes, listing.files)


def _writes_data(settings: Settings) -> bool:
    return settings.mode is not Mode.ANNOTATE and not settings.dry_run


def _files_written(source: Source, marker: Marker, settings: Settings) -> Iterator[FileUsed]:
    """The file that holds what was kept, and those that only describe it. None for an input that was no such file."""
    beside = "index" if _writes_data(settings) else "attributes"
    for uri, facts in sorted(marker.outputs.items()):
        yield _file_used(f"{DATA}/{uri}", source.format if uri == source.data_uri else beside, facts)


def _file_used(uri: str, form: str, facts: Facts) -> FileUsed:
    return FileUsed(uri=uri, bytes=facts.bytes, sha256=facts.sha256, rows=facts.rows, format=form)


def _table_used(path: Path, rows: int) -> FileUsed:
    return FileUsed(path.name, path.stat().st_size, durable.sha256_of(path), rows, "parquet")
