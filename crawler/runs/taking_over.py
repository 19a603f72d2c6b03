"""What of a finished run goes into another one as it is: its lines in the papers, and the files that it kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crawler.runs import papers
from crawler.runs.by_shard import ByShard
from crawler.runs.layout import DATA, VERDICTS
from crawler.runs.linking import IN_FULL, link, link_folder
from crawler.runs.partial import Facts, Marker, Partial
from crawler.runs.pieces import Pieces
from crawler.runs.plan import Looked, Settings
from crawler.runs.revising import Revised
from crawler.sources.base import Shard, Source
from crawler.sources.img2dataset import FORMAT as ITEMS
from crawler.sources.places import unwatched
from crawler.sources.rewriting import rewrite
from crawler.watching import Done
from registry.core.errors import VerificationFailed
from registry.core.records.runs import FileUsed, RunManifest


@dataclass(slots=True)
class EarlierRun:
    """A run that another one goes on from; made by `refilter.compare`."""

    folder: Path
    manifest: RunManifest
    settings: Settings
    """Of the run that goes on."""
    looked: Looked
    """The inputs, as they are for both."""
    revised: Revised
    changed_works: int
    taken: set[int] = field(default_factory=set)
    """Numbers of the shards that were taken over so far."""
    rewritten: int = 0
    """Files in which other items are kept now, so far."""
    _outputs: dict[str, list[FileUsed] | None] = field(init=False)
    _inputs: dict[str, FileUsed] = field(init=False)
    _facts: ByShard = field(init=False)

    def __post_init__(self) -> None:
        has_folders = any(used.format == "folder" for used in self.manifest.inputs)
        facts = ["kept", "bytes", *(["sha256"] if has_folders else [])]
        self._facts = ByShard(self.folder / VERDICTS, papers.VERDICTS, facts)
        self._outputs = _outputs_by_input(self.manifest)
        self._inputs = {used.uri: used for used in self.manifest.inputs}

    @property
    def run_id(self) -> str:
        """Which run."""
        return self.manifest.run_id

    def take_over(self, number: int, source: Source, shard: Shard, partial: Partial) -> Marker | None:
        """Put what is kept of a shard into `partial`; `None` if the shard has to be worked off.

        Its lines stay here, see `Pieces`. Nobody writes the marker: an interrupted run takes over once more.
        """
        outputs = self._written(source, shard)
        if outputs is None or number in self.revised.unclear:
            return None
        if outputs and number not in self.revised.verdicts:
            self._link(outputs, partial)
            return self._taken(number, source, shard, outputs, self._done(source, outputs))
        lines = _Lines.of(self._facts.take(number))
        now = self.revised.kept(number, lines.kept)
        if not shard.whole_file:
            self._keep_loose(shard, lines, now, partial)
        elif outputs and (now != lines.kept).any():
            outputs = self._rewrite(source, shard, now, outputs, partial)
        else:
            self._link(outputs, partial)
        done = Done(len(now), int(now.sum()), int(lines.sizes.sum()))
        return self._taken(number, source, shard, outputs, done)

    def _link(self, outputs: Sequence[FileUsed], partial: Partial) -> None:
        for used in outputs:
            path = partial.folder / used.uri
            path.parent.mkdir(parents=True, exist_ok=True)
            (link_folder if used.format == ITEMS else link)(self.folder / used.uri, path, used.bytes)

    def _done(self, source: Source, outputs: Sequence[FileUsed]) -> Done:
        """What was done with a file of which no line is another one."""
        used = self._inputs[source.name]
        return Done(used.rows, outputs[0].rows, used.bytes)

    def _taken(
        self, number: int, source: Source, shard: Shard, outputs: Sequence[FileUsed], done: Done
    ) -> Marker:
        self.taken.add(number)
        return Marker(
            state=shard.state(),
            verdicts_sha256="",
            codes_sha256="",
            done=done,
            errors=0,  # the earlier run has reported them
            source=_facts(self._inputs[source.name]) if shard.whole_file else None,
            outputs={used.uri.removeprefix(f"{DATA}/"): _facts(used) for used in outputs},
            loose=not shard.whole_file and not self.settings.dry_run,
        )

    def tables(self, partial: Partial) -> Pieces:
        """See `finish.Tables`."""
        return Pieces(self.folder, self.manifest, self.revised, self.taken, partial)

    def _written(self, source: Source, shard: Shard) -> list[FileUsed] | None:
        """The files that the earlier run wrote for a whole file; `None` if that cannot be told."""
        if not shard.whole_file or self.settings.dry_run:
            return []
        return self._outputs.get(f"{DATA}/{source.data_uri}")

    def _keep_loose(self, shard: Shard, lines: _Lines, now: NDArray[np.bool_], partial: Partial) -> None:
        """The files of one shard of a folder: links to those that were kept, and the others from the input."""
        if self.settings.dry_run:
            return
        old, new = self.folder / DATA, partial.data
        here, made = len(str(old)), set[str]()
        for row, size in zip(*_chosen(now & lines.kept, lines.sizes), strict=True):
            known = str(shard.kept_path(old, row))
            path = f"{new}{known[here:]}"
            folder = path.rpartition("/")[0]
            if folder not in made:
                Path(folder).mkdir(parents=True, exist_ok=True)
                made.add(folder)
            link(known, path, size)
        if (wanted := now & ~lines.kept).any():
            with shard.sink(new) as sink:
                for sample in shard.read(self.settings.limits.max_file_bytes, unwatched):
                    if wanted[sample.row]:
                        if sha256(sample.raw).hexdigest() != lines.digest(sample.row):
                            raise VerificationFailed(f"{sample.key} was changed after the run. {IN_FULL}")
                        sink.write(sample)

    def _rewrite(
        self, source: Source, shard: Shard, now: NDArray[np.bool_], outputs: list[FileUsed], partial: Partial
    ) -> list[FileUsed]:
        """The outputs of one file, with other items kept."""
        for used in outputs:
            if used.format != ITEMS:  # whose sink begins anew
                (partial.folder / used.uri).unlink(missing_ok=True)  # never write into the earlier run's file
        written, digest = rewrite(shard, partial.data, now, self.settings.limits.max_file_bytes)
        if digest != self._inputs[source.name].sha256:
            raise VerificationFailed(f"{source.name} was changed after the run. {IN_FULL}")
        self.rewritten += 1
        kept, form = int(now.sum()), source.format
        return [FileUsed(f"{DATA}/{w.uri}", w.bytes, w.sha256, kept, form) for w in written]


def _chosen(rows: NDArray[np.bool_], sizes: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Numbers and sizes of some rows."""
    return np.flatnonzero(rows).tolist(), sizes[rows].tolist()


@dataclass(frozen=True, slots=True)
class _Lines:
    """What taking over needs to know of the items of a shard."""

    kept: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    digests: pa.ChunkedArray | None
    """Only where files lie loose."""

    def digest(self, row: int) -> str | None:
        """Of one item."""
        return None if self.digests is None else self.digests[row].as_py()

    @classmethod
    def of(cls, parts: Iterator[pa.RecordBatch]) -> _Lines:
        some = list(parts)
        table = pa.Table.from_batches(some) if some else papers.VERDICTS.empty_table()
        return cls(
            np.asarray(table.column("kept")),
            np.asarray(table.column("bytes")).astype(np.int64),
            table.column("sha256") if "sha256" in table.column_names else None,
        )


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
