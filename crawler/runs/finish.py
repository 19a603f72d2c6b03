"""The end of a run: the shards' tables become one each, everything is counted, and the manifest says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
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
from crawler.runs import code_index, papers
from crawler.runs.layout import CODES, DATA, INDEX, VERDICTS
from crawler.runs.partial import Facts, Marker, Partial
from crawler.runs.plan import Settings, licensee_of
from crawler.sources.base import Listing, Source
from registry.core import fingerprints
from registry.core.decisions import Grade, Verdict
from registry.core.errors import VerificationFailed
from registry.core.fingerprints import ALGORITHMS
from registry.core.records.runs import AlgorithmUsed, Counts, FileUsed, RunManifest, SnapshotUsed, Tool
from registry.core.snapshots import Snapshot

LISTED = ("key", "bytes", "sha256", "kept")
"""Columns of the verdict table that `Files` reads."""
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

    def begin_with(self, manifest: RunManifest) -> None:
        """The counts of a finished run."""
        counts = manifest.counts
        self.verdicts.update(counts.by_verdict)
        self.reasons.update(counts.by_reason)
        self.media.update(counts.by_media)
        for algorithm, distances in (counts.by_distance or {}).items():
            self.distances[algorithm] = Counter(distances)
        self.licences |= set(manifest.licences)
        self.kept += counts.kept

    def add(self, part: pa.RecordBatch) -> None:
        """Verdict rows."""
        self._count(part, 1)
        self.licences |= licences_in(part)

    def take_away(self, part: pa.RecordBatch) -> None:
        """Verdict rows that were counted; whether nobody else has their licences is not known here."""
        self._count(part, -1)

    def _count(self, part: pa.RecordBatch, sign: int) -> None:
        for verdict, number in _tally(part, "verdict"):
            self.verdicts[Verdict(verdict).name.lower()] += sign * number
        for reason, number in _tally(part, "reason"):
            self.reasons[reason] += sign * number
        for media, number in _tally(part, "media"):
            self.media[media or "other"] += sign * number
        for algorithm, distance, number in _distances(part):
            self.distances.setdefault(algorithm, Counter())[str(distance)] += sign * number
        self.kept += sign * (pc.sum(part.column("kept")).as_py() or 0)

    def counts(self) -> Counts:
        """As they stand in the manifest."""
        seen = self.verdicts.total()
        distances = {name: +found for name, found in self.distances.items() if +found}
        return Counts(
            seen, self.kept, seen - self.kept, +self.verdicts, +self.reasons, +self.media, distances
        )


def licences_in(part: pa.RecordBatch) -> set[str]:
    """Those that verdict rows rely on for what has to be reported."""
    return set(pc.list_flatten(part.column("uses")).field("licence_id").to_pylist())


def _tally(part: pa.RecordBatch, name: str) -> Iterator[tuple[Any, int]]:
    """Each value of a column, with how often it is there."""
    for found in part.column(name).value_counts().to_pylist():
        yield found["values"], found["counts"]


def _distances(part: pa.RecordBatch) -> Iterator[tuple[str, int, int]]:
    """Algorithm, distance and number of the matches that decided; a trace decides nothing, a passage has no radius."""
    if part.column("radius").null_count == part.num_rows:
        return
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
        columns = (part.column(name).to_pylist() for name in LISTED)
        for key, size, digest, kept in zip(*columns, strict=True):
            self.read.add(key, digest, size)
            if kept:
                self.kept.add(key, digest, size)


class Listings:
    """Digests over the files of each source that is a folder, from the verdicts of all sources in order."""

    def __init__(self, sources: Iterable[tuple[str | None, int]]) -> None:
        """Of each source the format, and how many items it has."""
        self._sources = list(sources)
        self.files = [Files() for _ in self._sources]
        self._at = 0

    def add(self, verdicts: pa.RecordBatch) -> None:
        """Some verdicts, of the first source that is not used up and those behind it."""
        begin = 0
        while begin < verdicts.num_rows:
            while (
                self._at < len(self.files) and self.files[self._at].read.files == self._sources[self._at][1]
            ):
                self._at += 1
            if self._at == len(self.files):
                raise VerificationFailed("There are more verdicts than the inputs have items.")
            (form, items), files = self._sources[self._at], self.files[self._at]
            part = verdicts.slice(begin, items - files.read.files)
            if form == "folder":
                files.add(part)
            else:
                files.read.files += part.num_rows
            begin += part.num_rows


class Tables(Protocol):
    """The lines of all shards."""

    def write_verdicts(self, path: Path, shards: int, totals: Totals, listings: Listings) -> FileUsed:
        """Write the table of the verdicts of so many shards, and count them."""

    def write_codes(self, path: Path, index: Path, shards: int) -> FileUsed:
        """Write the table of the codes of so many shards, and its index."""

    def signals(self, codes: Path) -> Mapping[str, int]:
        """How many items carry which opt-out signal, by family; asked when the table of codes is written."""


class WorkedOff:
    """The tables of shards that were all worked off."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial

    def write_verdicts(self, path: Path, shards: int, totals: Totals, listings: Listings) -> FileUsed:
        """See `Tables`."""
        parts = (p for n in range(shards) for p in self._partial.batches(self._partial.verdicts(n)))
        return write_verdicts(path, parts, totals, listings)

    def write_codes(self, path: Path, index: Path, shards: int) -> FileUsed:
        """See `Tables`."""
        parts = (p for n in range(shards) for p in self._partial.batches(self._partial.codes(n)))
        return write_codes(path, index, parts)

    def signals(self, codes: Path) -> Mapping[str, int]:
        """See `Tables`."""
        return papers.signals_in(codes)


def write_verdicts(
    path: Path, parts: Iterable[pa.RecordBatch], totals: Totals, listings: Listings
) -> FileUsed:
    """All verdicts as one table, counted on the way."""

    def counted() -> Iterator[pa.RecordBatch]:
        for part in parts:
            totals.add(part)
            listings.add(part)
            yield part

    return table_used(path, VERDICTS, papers.write_parquet(path, papers.VERDICTS, counted()))


def write_codes(path: Path, index: Path, parts: Iterable[pa.RecordBatch]) -> FileUsed:
    """All codes as one table, and its index."""
    with code_index.writing(index) as written:
        rows = papers.write_parquet(path, papers.CODES, parts, written.add)
        written.finish(path)
    return table_used(path, CODES, rows)


def table_used(path: Path, name: str, rows: int) -> FileUsed:
    """A table that lies at this path and will have this name."""
    return FileUsed(name, path.stat().st_size, durable.sha256_of(path), rows, "parquet")


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
    listings = Listings(
        (source.format, sum(marker.done.seen for marker in done))
        for source, done in zip(sources, markers, strict=True)
    )
    shards = sum(map(len, markers))
    with durable.replacing(partial.folder / VERDICTS) as path:
        verdicts = tables.write_verdicts(path, shards, totals, listings)
    with (
        durable.replacing(partial.folder / CODES) as path,
        durable.replacing(partial.folder / INDEX) as index,
    ):
        codes = tables.write_codes(path, index, shards)
    inputs, outputs = list[FileUsed](), list[FileUsed]()
    for source, done, files in zip(sources, markers, listings.files, strict=True):
        read, written = _files_of(source, done, files, partial, settings)
        inputs.append(read)
        outputs.extend(written)
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
        verdicts=verdicts,
        codes=codes,
        counts=totals.counts(),
        signals=tables.signals(partial.folder / CODES),
        runtime=runtime,
        licensee=licensee_of(snapshot),
        licences=tuple(sorted(totals.licences)),
    )
    partial.complete(manifest.to_bytes())
    return manifest


def _files_of(
    source: Source, done: Sequence[Marker], files: Files, partial: Partial, settings: Settings
) -> tuple[FileUsed, list[FileUsed]]:
    """What was read and written of one source, as the manifest states it."""
    whole = done[0] if source.format != "folder" else None
    read = whole.source if whole else None
    used = _file_used(source.name, source.format, read or _listed(files.read))
    if whole is not None or not _writes_data(settings):
        return used, list(chain.from_iterable(_files_written(source, m, settings) for m in done))
    (partial.data / source.data_uri).mkdir(parents=True, exist_ok=True)
    uri = f"{DATA}/{source.data_uri}".rstrip("/")
    return used, [_file_used(uri, source.format, _listed(files.kept))]


def tool_used() -> Tool:
    """The program that is running."""
    return Tool("vorbehalt", registry.__version__)


def decoders_used() -> dict[str, str]:
    """The libraries that turn bytes into pixels or text, with the versions that are installed."""
    return {"Pillow": PIL.__version__, **_versions()}


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _DECODERS}


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
