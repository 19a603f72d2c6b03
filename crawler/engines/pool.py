"""Worker processes that may be killed at any time, and that never outlive their parent by more than a moment.

A pool that lost a worker (out of memory, an impatient operator, a decoder that crashes) is replaced, and what was
not finished is dealt again. Only a shard on which workers die again and again ends the run.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import SynchronizedArray
from multiprocessing.synchronize import Event

from crawler.engines.screen import Screen
from crawler.engines.shard import run_shard
from crawler.exits import ItemsFailed
from crawler.runs.partial import Marker, Partial
from crawler.sources.base import Shard
from crawler.watching import Done, Tell
from registry.core.processes import keep_to_one_processor

_GIVE_UP_AFTER = 3
_AHEAD = 2
"""Shards dealt per worker: enough that none is idle, few enough that the list of them stays short."""
_LOOK_EVERY = 0.25
"""Seconds between two looks at what the workers have done."""


@dataclass(frozen=True, slots=True)
class Task:
    """A shard with its number in the run and the position of its source."""

    number: int
    source: int
    shard: Shard


def run_in_pool(
    tasks: Iterator[Task], workers: int, screen: Screen, partial: Partial, under_way: Tell
) -> Iterator[tuple[Task, Marker]]:
    """Work off all tasks, in whatever order they get finished.

    `under_way` is told now and then what has been done in shards that are not finished yet.
    """
    open_tasks: dict[int, Task] = {}
    strikes = 0
    while True:
        with _pool(workers, screen, partial) as (pool, counters):
            finished_here, futures = Done(), dict[Future[Marker], Task]()
            try:
                for task in open_tasks.values():
                    futures[pool.submit(_work, task)] = task
                while True:
                    while len(futures) < _AHEAD * workers and (new := next(tasks, None)) is not None:
                        open_tasks[new.number] = new
                        futures[pool.submit(_work, new)] = new
                    if not futures:
                        return
                    finished, _ = wait(futures, _LOOK_EVERY, FIRST_COMPLETED)
                    under_way(Done(counters[0], counters[1], counters[2]).minus(finished_here))
                    for future in finished:
                        task = futures.pop(future)
                        marker = future.result()
                        del open_tasks[task.number]
                        strikes = 0
                        finished_here = finished_here.plus(marker.done)
                        yield task, marker
            except BrokenProcessPool as problem:
                strikes += 1
                if strikes >= _GIVE_UP_AFTER:
                    numbers = ", ".join(map(str, sorted(open_tasks)))
                    raise ItemsFailed(
                        f"Worker processes were killed {strikes} times over shards {numbers}; this machine may be "
                        "out of memory. Go on with --resume and fewer --workers.",
                        shards=sorted(open_tasks),
                    ) from problem


@contextmanager
def _pool(
    workers: int, screen: Screen, partial: Partial
) -> Iterator[tuple[ProcessPoolExecutor, SynchronizedArray[int]]]:
    """Fresh processes; on leaving, they stop at the end of the batch they are at, and are waited for."""
    keep_to_one_processor()
    context = get_context("spawn")
    counters, stop = context.Array("Q", 3), context.Event()
    pool = ProcessPoolExecutor(workers, context, _enter, (screen, partial, counters, stop))
    try:
        yield pool, counters
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


# -- in the worker process ---------------------------------------------------------------------------------
class _Stopped(Exception):
    """The run was ended from outside; this shard is to be dealt again another time."""


@dataclass(frozen=True, slots=True)
class _Post:
    """What a worker process has been given."""

    screen: Screen
    partial: Partial
    counters: SynchronizedArray[int]
    stop: Event
    held: ExitStack

    def tell(self, share: Done) -> None:
        """Add to the common counters; the place where a worker notices that it should stop."""
        if self.stop.is_set():
            raise _Stopped
        with self.counters.get_lock():
            for index, amount in enumerate(share):
                self.counters[index] += amount


_POST: list[_Post] = []
"""One entry, in a worker process."""


def _enter(screen: Screen, partial: Partial, counters: SynchronizedArray[int], stop: Event) -> None:
    """Settle in: leave interrupts to the parent, go when it goes, and say that somebody may be writing.

    What is loaded by now stays for good, so the collector of garbage need not look at it again and again: among short
    texts, that was a third of all work.
    """
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    held = ExitStack()
    held.enter_context(partial.working())
    _POST.append(_Post(screen, partial, counters, stop, held))


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task) -> Marker:
    post = _POST[0]
    return run_shard(task.number, task.shard, post.screen, post.partial, post.tell)
