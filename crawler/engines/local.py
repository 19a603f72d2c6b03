"""A run on this machine, in this process or dealt to worker processes that share one memory-mapped snapshot.

The parent alone decides in which order things are written, so the result does not depend on the number of workers,
on who finished first, or on how often the run was interrupted.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from crawler.editions import keep_for
from crawler.engines.pool import Task, run_in_pool
from crawler.engines.screen import Screen
from crawler.engines.shard import run_shard
from crawler.exits import ItemsFailed
from crawler.runs.finish import Tables, WorkedOff, finish
from crawler.runs.layout import RUN
from crawler.runs.partial import Marker, Partial
from crawler.runs.plan import Looked, Settings, look, make_plan
from crawler.sources.base import Shard, Source
from crawler.watching import Done, Tell, Unwatched, Watcher
from registry.core.durable import replace_file
from registry.core.errors import InvalidInput, OutputExists
from registry.core.records.runs import RunManifest
from registry.core.snapshots import Snapshot
from registry.core.snapshots.times import to_text


class Earlier(Protocol):
    """A finished run that this one goes on from."""

    @property
    def run_id(self) -> str:
        """Which run."""

    def take_over(self, number: int, source: Source, shard: Shard, partial: Partial) -> Marker | None:
        """Put what is kept of a shard into `partial` and keep its lines at hand; `None` if it has to be worked off."""

    @property
    def looked(self) -> Looked:
        """The inputs, of both."""

    def tables(self, partial: Partial) -> Tables:
        """The lines of all shards, when all are finished."""


class Engine(Protocol):
    """Works shards off elsewhere than in processes of this machine."""

    @property
    def name(self) -> str:
        """As the papers name it."""

    def work_off(
        self, tasks: Iterator[Task], screen: Screen, partial: Partial, under_way: Tell
    ) -> Iterator[tuple[Task, Marker]]:
        """All tasks, in whatever order they get finished; told is what was done so far in unfinished ones."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run: what to read, where to write, by which edition and settings."""

    sources: Sequence[Source]
    inputs: Sequence[Path]
    """Where those sources lie that are on this machine; only to see that the output is not among them."""
    out: Path
    snapshot: Snapshot
    settings: Settings
    workers: int = 1
    max_errors: int | None = None
    """Stop once more items than this had an `error.…`; `None`: report them, however many."""
    earlier: Earlier | None = None
    """A run over the same inputs, of which shards are taken over that the registry's changes do not touch."""
    engine: Engine | None = None
    """What works the shards off, if not processes of this machine."""

    def tasks(self) -> Iterator[Task]:
        """Every shard, numbered through all sources."""
        number = 0
        for index, source in enumerate(self.sources):
            for shard in source.shards(self.settings.items_per_shard):
                yield Task(number, index, shard)
                number += 1


def run_filter(job: Job, *, resume: bool, watcher: Watcher | None = None) -> RunManifest:
    """Filter everything into `job.out`; returns the manifest, which by then is on the disk.

    `OutputExists` if the folder holds anything that is not the beginning of this very run; `ItemsFailed` above
    `max_errors`. Whatever interrupts it, `resume` goes on after the last finished shard.
    """
    watcher = watcher or Unwatched()
    _refuse_overlap(job)
    started = datetime.now(UTC)
    looked = look(job.sources, job.settings) if job.earlier is None else job.earlier.looked
    plan = make_plan(looked, job.snapshot, job.settings)
    if resume and (complete := _complete(job.out, plan.sha256)):
        return complete
    partial = Partial(job.out)
    with partial.held(plan, resume=resume) as resumed:
        keep_for(partial.plan, job.snapshot.path)
        watcher.begin(plan.total_bytes)
        markers = _all_markers(job, _screen(job, partial), partial, watcher)
        runtime: dict[str, Any] = {
            "host_class": f"{sys.platform}-{os.uname().machine}",
            "plan_sha256": plan.sha256,
            "resumed": resumed,
            "snapshot": os.path.relpath(job.snapshot.path, job.out),
            "started": to_text(int(started.timestamp())),
            "ended": to_text(int(datetime.now(UTC).timestamp())),
            **({"workers": job.workers} if job.engine is None else {"engine": job.engine.name}),
        }
        if job.earlier is not None:
            runtime["refiltered"] = job.earlier.run_id
        with partial.without_workers():
            tables = WorkedOff(partial) if job.earlier is None else job.earlier.tables(partial)
            return finish(partial, tables, job.sources, markers, job.snapshot, job.settings, runtime)


def _refuse_overlap(job: Job) -> None:
    out = job.out.resolve()
    for path in map(Path.resolve, job.inputs):
        if out == path or out in path.parents or path in out.parents:
            raise InvalidInput(
                f"Output {job.out} and input {path} lie in each other; choose a folder elsewhere."
            )


def _complete(out: Path, plan_sha256: str) -> RunManifest | None:
    """The manifest, if this run is already complete; `OutputExists` if another one is."""
    if not (out / RUN).is_file():
        return None
    manifest = RunManifest.parse((out / RUN).read_bytes())
    if manifest.runtime.get("plan_sha256") != plan_sha256:
        raise OutputExists(f"{out} holds another run, which is complete. Choose another folder.")
    shutil.rmtree(Partial(out).folder, ignore_errors=True)  # left by a kill after run.json was written
    return manifest


class _Ledger:
    """What is finished, as it comes in; stops the run above the limit of errors."""

    def __init__(self, job: Job, watcher: Watcher) -> None:
        self.markers: list[dict[int, Marker]] = [{} for _ in job.sources]
        self._done = Done()
        self._errors = 0
        self._limit = job.max_errors
        self._watcher = watcher

    def add(self, task: Task, marker: Marker) -> None:
        """One finished shard."""
        self.markers[task.source][task.number] = marker
        self._done = self._done.plus(marker.done)
        self._errors += marker.errors
        self._watcher.update(self._done)
        if self._limit is not None and self._errors > self._limit:
            raise ItemsFailed(
                f"{self._errors} items could not be checked, more than the {self._limit} that --max-errors allows. "
                "What is finished stays; go on with --resume and a higher limit.",
                errors=self._errors,
            )

    def under_way(self, more: Done) -> None:
        """Tell of work in shards that are not finished."""
        self._watcher.update(self._done.plus(more))


def _screen(job: Job, partial: Partial) -> Screen:
    """What judges the items; opened here once, to build what the workers share and to fail before they start."""
    licences = job.snapshot.standing.licences
    if licences is not None:
        replace_file(partial.licences, licences.to_bytes())
    screen = Screen.of(job.snapshot, partial.licences if licences else None, job.settings)
    screen.open()
    return screen


def _all_markers(job: Job, screen: Screen, partial: Partial, watcher: Watcher) -> list[list[Marker]]:
    """Finish every shard that is not finished; all markers, per source in order of their shards."""
    ledger = _Ledger(job, watcher)
    fresh = _unfinished(job, partial, ledger)
    if job.engine is None:
        finished = _work_off(fresh, job.workers, screen, partial, ledger)
    else:
        finished = job.engine.work_off(fresh, screen, partial, ledger.under_way)
    for task, marker in finished:
        ledger.add(task, marker)
    return [[found[number] for number in sorted(found)] for found in ledger.markers]


def _unfinished(job: Job, partial: Partial, ledger: _Ledger) -> Iterator[Task]:
    """The tasks that an earlier attempt or run left; what is finished goes straight to the ledger."""
    for task in job.tasks():
        marker = partial.finished(task.number, task.shard)
        if marker is None and job.earlier is not None:
            source = job.sources[task.source]
            marker = job.earlier.take_over(task.number, source, task.shard, partial)
        if marker is None:
            yield task
        else:
            ledger.add(task, marker)


def _work_off(
    tasks: Iterator[Task], workers: int, screen: Screen, partial: Partial, ledger: _Ledger
) -> Iterator[tuple[Task, Marker]]:
    """In this process if one worker is asked for or one shard is left, else in a pool."""
    head = list(islice(tasks, 2))
    if workers == 1 or len(head) < 2:
        for task in chain(head, tasks):
            under_way = _Summing(ledger)
            yield task, run_shard(task.number, task.shard, screen, partial, under_way)
    else:
        checked = replace(screen, is_checked=True)
        yield from run_in_pool(chain(head, tasks), workers, checked, partial, ledger.under_way)


class _Summing:
    """Adds up the shares that one shard reports."""

    def __init__(self, ledger: _Ledger) -> None:
        self._ledger = ledger
        self._sum = Done()

    def __call__(self, share: Done) -> None:
        """One more batch."""
        self._sum = self._sum.plus(share)
        self._ledger.under_way(self._sum)
