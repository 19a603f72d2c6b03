"""The unfinished part of a run, in OUT/.partial: nobody uses anything in it, and every piece can be checked.

plan.json               what the run is: inputs, edition, request; a resumed run must have the same
lock                    held by the process that works here, for as long as it lives
workers.lock            held, shared, by each worker process
licences.json           the lab's own licences, if it asks in its name
data/                   what is kept
shard-00000.verdicts    Arrow IPC; renamed into place when complete
shard-00000.codes       Arrow IPC
shard-00000.json        the shard's marker, written last
shard-00000.lock        held, on a cluster, by the one attempt that works on this shard
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from crawler import durable
from crawler.runs.layout import CODES, DATA, INDEX, LICENCES, RUN, VERDICTS
from crawler.runs.plan import Plan
from crawler.sources.base import Shard
from crawler.sources.folder import digest_of
from crawler.watching import Done
from registry.core.errors import InvalidInput, OutputExists
from registry.core.records.canonical import canonical, parse_canonical

_MOVED = (DATA, VERDICTS, CODES, INDEX, LICENCES)


@dataclass(frozen=True, slots=True)
class Facts:
    """Digest, size and items of a file that was read or written."""

    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Marker:
    """That a shard is finished, and what came out of it."""

    state: str
    """Of the shard's source when it was read (`Shard.state`)."""
    verdicts_sha256: str
    codes_sha256: str
    done: Done
    """Items seen, items kept, bytes read."""
    errors: int
    """Items with an `error.…`."""
    source: Facts | None
    """The input, where it is one file."""
    outputs: Mapping[str, Facts]
    """The files that were written, by their path below the data folder."""
    loose: bool
    """Whether what was kept lies in the data folder as files of its own instead, one per item."""

    def to_bytes(self) -> bytes:
        """The file's content."""
        return canonical(asdict(self))

    @classmethod
    def parse(cls, data: bytes) -> Marker:
        """Inverse of `to_bytes`; `InvalidInput` if it is anything else."""
        found = parse_canonical(data, "The marker")
        try:
            source = Facts(**found["source"]) if found["source"] else None
            outputs = {uri: Facts(**facts) for uri, facts in found["outputs"].items()}
            return cls(**{**found, "source": source, "outputs": outputs, "done": Done(*found["done"])})
        except (TypeError, KeyError, AttributeError) as problem:
            raise InvalidInput("The marker has other members than this version writes.") from problem


@dataclass(frozen=True, slots=True)
class Partial:
    """Where the pieces of an unfinished run lie."""

    out: Path

    @property
    def folder(self) -> Path:
        """OUT/.partial."""
        return self.out / ".partial"

    @property
    def plan(self) -> Path:
        """What the run is."""
        return self.folder / "plan.json"

    @property
    def data(self) -> Path:
        """What is kept so far."""
        return self.folder / DATA

    @property
    def licences(self) -> Path:
        """The lab's own licences."""
        return self.folder / LICENCES

    def verdicts(self, number: int) -> Path:
        """The verdicts of one shard."""
        return self.folder / f"shard-{number:05}.verdicts"

    def codes(self, number: int) -> Path:
        """The codes of one shard."""
        return self.folder / f"shard-{number:05}.codes"

    def marker(self, number: int) -> Path:
        """The marker of one shard."""
        return self.folder / f"shard-{number:05}.json"

    # -- beginning and going on ------------------------------------------------------------------------------
    @contextmanager
    def held(self, plan: Plan, *, resume: bool) -> Iterator[bool]:
        """Work on this run alone; gives whether it goes on with an earlier attempt.

        `OutputExists` if something else is in the folder, if `resume` was not asked for, if the earlier attempt
        was another run, or if another process is at it.
        """
        self._refuse_foreign(resume=resume)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as lock:
            _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, self.out)
            with (self.folder / "workers.lock").open("ab") as workers:
                _lock(workers, fcntl.LOCK_EX, self.out)  # waits for orphans of a killed run to notice and end
            known = self.plan.is_file()
            if known and not plan.continues(self.plan.read_bytes()):
                raise OutputExists(
                    f"{self.out} holds the beginning of another run: its inputs, licences or options differ "
                    "from those given now. Choose another folder, or delete this one."
                )
            if known:
                self._take_back()
            durable.replace_file(self.plan, plan.text)
            self.data.mkdir(exist_ok=True)
            yield known

    def _refuse_foreign(self, *, resume: bool) -> None:
        if not self.out.exists() or (self.out.is_dir() and not any(self.out.iterdir())):
            return
        if not self.out.is_dir() or not self.folder.is_dir():
            raise OutputExists(
                f"{self.out} already exists, and nothing was changed in it. Choose another folder."
            )
        if not resume:
            raise OutputExists(f"{self.out} holds an unfinished run. Add --resume to go on with it.")

    def _take_back(self) -> None:
        """Undo a completion that was interrupted before `run.json` declared it complete."""
        for name in _MOVED:
            if (self.out / name).exists():
                if name == DATA and self.data.exists():
                    shutil.rmtree(self.data)
                (self.out / name).replace(self.folder / name)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Held by a worker process while it may write here."""
        with (self.folder / "workers.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def without_workers(self) -> Iterator[None]:
        """Waits for those that are still at work, and lets nobody begin: a repeated attempt may come late."""
        with (self.folder / "workers.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def alone(self, number: int) -> Iterator[None]:
        """Held by the attempt that works on this shard, where another may still be at it."""
        with (self.folder / f"shard-{number:05}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # -- finished shards -------------------------------------------------------------------------------------
    def finished(self, number: int, shard: Shard) -> Marker | None:
        """The shard's marker, if it and everything it vouches for is intact and the input untouched since."""
        try:
            marker = Marker.parse(self.marker(number).read_bytes())
            intact = (
                marker.state == shard.state()
                and durable.sha256_of(self.verdicts(number)) == marker.verdicts_sha256
                and durable.sha256_of(self.codes(number)) == marker.codes_sha256
                and self._kept_intact(number, shard, marker)
            )
        except (OSError, InvalidInput):
            return None
        return marker if intact else None

    def _kept_intact(self, number: int, shard: Shard, marker: Marker) -> bool:
        """After a power cut, files that were written may be empty: compare them with their digests."""
        files = marker.outputs.items()
        if any(digest_of(self.data, uri) != facts.sha256 for uri, facts in files):
            return False
        return not marker.loose or all(
            durable.sha256_of(shard.kept_path(self.data, row["row"])) == row["sha256"]
            for row in self.rows(self.verdicts(number))
            if row["kept"]
        )

    def batches(self, path: Path) -> Iterator[pa.RecordBatch]:
        """The batches of one of a shard's tables."""
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
            for index in range(file.num_record_batches):
                yield file.get_batch(index)

    def rows(self, path: Path) -> Iterator[dict[str, Any]]:
        """The rows of one of a shard's tables."""
        for part in self.batches(path):
            yield from part.to_pylist()

    # -- completion ------------------------------------------------------------------------------------------
    def complete(self, manifest: bytes) -> None:
        """Put everything in its place, then `run.json`, whose presence is what makes the run complete."""
        os.sync()  # the kept files were not flushed one by one
        for name in _MOVED:
            if (self.folder / name).exists():
                (self.folder / name).replace(self.out / name)
        durable.replace_file(self.out / RUN, manifest)
        shutil.rmtree(self.folder)


def _lock(file: BinaryIO, how: int, out: Path) -> None:
    try:
        fcntl.flock(file, how)
    except BlockingIOError as problem:
        raise OutputExists(f"Another process is filtering into {out} right now.") from problem
