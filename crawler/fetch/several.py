"""Do the same with many things, several at a time, and have the results in the order of the things."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 8
"""Results for each thread that may wait for an earlier one: a slow one holds the others up only then."""


def in_order(work: Callable[[T], R], things: Iterable[T], threads: int) -> Iterator[R]:
    """The results of `work`, in the order of the things; raises what `work` raises, at that thing's turn.

    The threads wait for the network, not for a processor. Whoever ends early leaves those behind that are under way:
    they take up nothing more, and an interrupted program does not wait for them.
    """
    jobs: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
    waiting: deque[Future[R]] = deque()
    for _ in range(threads):
        Thread(target=_serve, args=(work, jobs), daemon=True).start()
    try:
        for thing in things:
            future: Future[R] = Future()
            waiting.append(future)
            jobs.put((thing, future))
            if len(waiting) >= threads * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for _ in range(threads):
            jobs.put(None)


def _serve(work: Callable[[T], R], jobs: SimpleQueue[tuple[T, Future[R]] | None]) -> None:
    while (job := jobs.get()) is not None:
        thing, future = job
        if not future.set_running_or_notify_cancel():
            continue
        try:
            result = work(thing)
        except BaseException as problem:  # noqa: BLE001  # raised again where the result is waited for
            future.set_exception(problem)
        else:
            future.set_result(result)
