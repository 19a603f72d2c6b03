"""A run on a Spark cluster: each shard is one task, and runs what it would run on one machine.

What Spark passes around are numbers and markers. Shards, results and what is kept lie in the run's folder, which all
machines share; snapshot and inputs are opened by their paths, or at s3://. So nothing depends on where a task runs, on
how often it is repeated, or on what becomes of the process that it began in.
"""

from __future__ import annotations

import gc
import os
import pickle
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import registry
from crawler.engines.pool import Task
from crawler.engines.screen import Screen
from crawler.engines.shard import run_shard
from crawler.exits import ItemsFailed
from crawler.runs.finish import decoders_used
from crawler.runs.partial import Marker, Partial
from crawler.sources.s3 import SCHEME
from crawler.watching import Done, Tell
from registry.core.errors import Conflict, InvalidInput, MissingExtra, VorbehaltError
from registry.core.fingerprints import selftest

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

_WAVE = 10_000
"""Shards in one Spark job: what the driver holds of them at a time."""
_LOOK_EVERY = 1.0
"""Seconds between two looks at which shards are finished."""
_TASKS = pa.schema([("task", pa.binary())])
_ANSWERS = pa.schema([("position", pa.int64()), ("answer", pa.binary())])
_SQL = "position long, answer binary"


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """Deals a run's shards to the executors of this session."""

    session: SparkSession
    name: str = "spark"

    def work_off(
        self, tasks: Iterator[Task], screen: Screen, partial: Partial, under_way: Tell
    ) -> Iterator[tuple[Task, Marker]]:
        """All tasks, in whatever order they get finished. What a task refuses, it refuses for the run."""
        del under_way  # what is under way elsewhere is not known here; Spark's own pages show it
        while wave := list(islice(tasks, _WAVE)):
            yield from self._work_off(wave, screen, partial)

    def _work_off(self, wave: list[Task], screen: Screen, partial: Partial) -> Iterator[tuple[Task, Marker]]:
        """One Spark job. Which shards are finished is seen in the run's folder before Spark tells it at the end."""
        open_tasks = dict(enumerate(wave))
        with _written(wave, partial) as tasks, ThreadPoolExecutor(1) as thread:
            orders = _Orders(screen, partial, sha256(partial.plan.read_bytes()).hexdigest(), tasks, _tools())
            tag = f"vorbehalt-{secrets.token_hex(8)}"
            job = thread.submit(self._collect, orders, len(wave), tag)
            try:
                while not wait([job], _LOOK_EVERY).done:
                    for position in [p for p, t in open_tasks.items() if partial.marker(t.number).is_file()]:
                        task = open_tasks.pop(position)
                        yield task, Marker.parse(partial.marker(task.number).read_bytes())
                answers = _result(job)
            finally:
                if not job.done():
                    self.session.interruptTag(tag)
        for row in answers:
            answer = pickle.loads(row.answer)  # noqa: S301  # made by our own code in our own executors
            if isinstance(answer, VorbehaltError):
                raise answer
            if row.position in open_tasks:
                yield open_tasks.pop(row.position), answer
        assert not open_tasks

    def _collect(self, orders: _Orders, tasks: int, tag: str) -> list[Row]:
        """One task a partition. What is spread over the cluster are positions in the file of tasks."""
        self.session.addTag(tag)
        frame = self.session.range(0, tasks, 1, tasks)
        return frame.mapInArrow(partial(_in_executor, orders), _SQL).collect()


@contextmanager
def spark_engine() -> Iterator[SparkEngine]:
    """By the session that `spark-submit` or Spark's own configuration describes; ended on leaving.

    `MissingExtra` without PySpark or Java, which says what to install.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as problem:
        raise MissingExtra(
            "`--engine spark` needs PySpark; install it: pip install 'vorbehalt[spark]'"
        ) from problem
    if not _has_java():
        raise MissingExtra(
            "Spark needs Java 17 or later, and there is none: apt-get install default-jre-headless, or set JAVA_HOME."
        )
    try:
        session = SparkSession.builder.appName("vorbehalt filter").getOrCreate()
    except PySparkException as problem:
        raise InvalidInput(f"Spark did not start: {_last_words(str(problem))}") from problem
    try:
        yield SparkEngine(session)
    finally:
        session.stop()


def for_all_machines(inputs: Iterable[str]) -> tuple[str, ...]:
    """The same inputs by names that mean the same wherever they are opened."""
    return tuple(name if name.startswith(SCHEME) else str(Path(name).absolute()) for name in inputs)


def _has_java() -> bool:
    """Whether there is one to start; a session that `spark-submit` has started brings its own."""
    home = os.environ.get("JAVA_HOME")
    beside = bool(home) and Path(str(home), "bin", "java").is_file()
    return "PYSPARK_GATEWAY_PORT" in os.environ or beside or shutil.which("java") is not None


def _tools() -> Mapping[str, str]:
    """What decides about codes besides our own parameters; equal on all machines, or the papers would be wrong."""
    return {"vorbehalt": registry.__version__, **decoders_used()}


@contextmanager
def _written(wave: Iterable[Task], partial: Partial) -> Iterator[Path]:
    """The tasks as a file of the run's folder, each a record of its own; earlier markers of theirs are void."""
    path = (
        partial.folder / f"tasks-{secrets.token_hex(8)}.arrow"
    )  # a new name: no machine has an old one in mind
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, _TASKS) as tasks:
        for task in wave:
            partial.marker(task.number).unlink(missing_ok=True)
            tasks.write_batch(pa.record_batch([pa.array([pickle.dumps(task)], pa.binary())], _TASKS))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _result(job: Future[list[Row]]) -> list[Row]:
    """What Spark has collected; `ItemsFailed` if it gave up."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return job.result()
    except (PySparkException, Py4JError) as problem:
        raise ItemsFailed(
            f"Spark gave up: {_last_words(str(problem))} What is finished stays; go on with --resume."
        ) from problem


def _last_words(text: str) -> str:
    """The exception of ours or Python's that ended a task, out of two languages' traces; else the first line."""
    named = re.findall(r"^(?:\w+\.)*\w+(?:Error|Exception): .*", text, re.MULTILINE)
    first = text.strip().partition("\n")[0] or "it does not say why."
    return str(named[-1] if named else first)[:300]


# -- in an executor's Python process -----------------------------------------------------------------------
@dataclass(frozen=True)
class _Orders:
    """What a task is told; a few kilobytes."""

    screen: Screen
    partial: Partial
    plan_sha256: str
    tasks: Path
    tools: Mapping[str, str]


def _in_executor(orders: _Orders, positions: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Works off the shards at these positions. What we can name is an answer; for all else Spark tries again."""
    for batch in positions:
        for position in batch.column(0).to_pylist():
            answer: Any
            try:
                answer = _work(orders, position)
            except VorbehaltError as error:
                answer = error
            row = [pa.array([position], pa.int64()), pa.array([pickle.dumps(answer)], pa.binary())]
            yield pa.record_batch(row, _ANSWERS)


def _work(orders: _Orders, position: int) -> Marker:
    """One shard, unless an earlier attempt has finished it. Only one attempt at a time writes."""
    pieces = orders.partial
    _check_folder(orders)
    _settle_in(orders.plan_sha256, orders.screen, tuple(orders.tools.items()))
    with pa.OSFile(str(orders.tasks)) as file, pa.ipc.open_file(file) as tasks:
        task: Task = pickle.loads(tasks.get_batch(position).column(0)[0].as_py())  # noqa: S301  # written by the driver
    with pieces.working(), pieces.alone(task.number):
        _check_folder(orders)  # the run may have ended while this attempt waited for another
        known = pieces.finished(task.number, task.shard)
        return known or run_shard(task.number, task.shard, orders.screen, pieces, _tell_nobody)


def _check_folder(orders: _Orders) -> None:
    try:
        found = sha256(orders.partial.plan.read_bytes()).hexdigest()
    except FileNotFoundError:
        found = ""
    if found != orders.plan_sha256:
        raise InvalidInput(
            f"{orders.partial.out} is not the same folder on all machines; --out has to lie where all of them write."
        )


@lru_cache(maxsize=1)
def _settle_in(plan_sha256: str, screen: Screen, tools: tuple[tuple[str, str], ...]) -> None:
    """Once per process: the same program, the same decoders, the same edition. What is loaded by then stays."""
    del plan_sha256  # a process that serves another run looks again
    here = _tools()
    for name, wanted in tools:
        if here.get(name) != wanted:
            raise Conflict(
                f"{name} is {here.get(name)} on an executor and {wanted} on the driver; install the same everywhere."
            )
    selftest()
    screen.check_files()
    screen.open()
    gc.freeze()


def _tell_nobody(share: Done) -> None:
    """Nobody asks before the shard is finished."""
