"""Claim: on Spark, digests are looked up where the rows are in a fraction of what joining them with the list takes.

    python benchmarks/spark_digests.py [--rows 10000000] [--registered 10000000] [--matches 1000]

Both ways find which rows of a table have a registered SHA-256, on one machine with two threads. The first is what
`filter --engine spark` does: each process opens the list by its path, mapped into memory, and looks the digests up as
they come by (`DigestIndex`; opening it is part of the figure). The peer is Spark's own join without a broadcast, as it
would be for a list that fits into no memory: a left-semi join, which finds the rows that have to be judged. An
anti-join costs the same. Figures are processor time of Java and all Python processes, after a small job that does not
count. Needs `pip install 'vorbehalt[spark]'` and Java.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks._measuring import machine
from registry.core.matching import DigestIndex

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WIDTH = 32
_FILES = 16


def make(folder: Path, rows: int, registered: int, matches: int) -> None:
    """The table, in some files, and the list as both ways take it."""
    random = np.random.default_rng(7)
    known = random.integers(0, 256, (registered, _WIDTH), np.uint8)
    asked = random.integers(0, 256, (rows, _WIDTH), np.uint8)
    asked[random.choice(rows, matches, replace=False)] = known[:matches]
    np.save(folder / "list.npy", known)
    _write(folder / "list", known)
    _write(folder / "rows", asked)


def _write(folder: Path, digests: NDArray[np.uint8]) -> None:
    folder.mkdir()
    for number, part in enumerate(np.array_split(digests, _FILES)):
        column = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(_WIDTH), len(part), [None, pa.py_buffer(np.ascontiguousarray(part))]
        )
        table = pa.table({"digest": column.cast(pa.binary())})
        pq.write_table(table, folder / f"{number:03}.parquet", compression="none", use_dictionary=False)


@cache
def _opened(path: str) -> DigestIndex:
    """Once a process."""
    return DigestIndex(np.load(path, mmap_mode="r"))


def look_up(path: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """In a Python process of Spark: the rows whose digest is in the list."""
    for batch in batches:
        column = batch.column(0)
        offsets = np.frombuffer(column.buffers()[1], np.int32)[
            column.offset : column.offset + len(column) + 1
        ]
        data = np.frombuffer(column.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        found = np.unique(_opened(path).search(data.reshape(-1, _WIDTH)).query)
        yield batch.take(pa.array(found))


def _where_the_rows_are(session: SparkSession, folder: Path) -> int:
    from benchmarks.spark_digests import look_up  # by its name, which other processes know, too

    rows = session.read.parquet(str(folder / "rows"))
    return rows.mapInArrow(partial(look_up, str(folder / "list.npy")), "digest binary").count()


def _by_join(session: SparkSession, folder: Path) -> int:
    rows, known = (session.read.parquet(str(folder / name)) for name in ("rows", "list"))
    return rows.join(known, "digest", "left_semi").count()


def _session() -> SparkSession:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise SystemExit("This needs PySpark: pip install 'vorbehalt[spark]'") from None
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])
    )
    builder = SparkSession.builder.master("local[2]").appName("spark_digests")
    for name, value in (
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.memory", "4g"),
        ("spark.sql.autoBroadcastJoinThreshold", "-1"),
        ("spark.sql.execution.arrow.maxRecordsPerBatch", "50000"),
        ("spark.sql.shuffle.partitions", str(_FILES)),
        ("spark.ui.enabled", "false"),
        ("spark.ui.showConsoleProgress", "false"),
        ("spark.log.level", "ERROR"),
    ):
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _processor_time() -> float:
    """Of this process and all that it has started."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def main() -> None:
    """Print both figures and their ratio."""
    parser = argparse.ArgumentParser()
    for option, default in (("rows", 10_000_000), ("registered", 10_000_000), ("matches", 1_000)):
        parser.add_argument(f"--{option}", type=int, default=default)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="vorbehalt-spark-"))
    try:
        for name, sizes in (
            ("small", (10_000, 10_000, 10)),
            ("large", (asked.rows, asked.registered, asked.matches)),
        ):
            (home / name).mkdir()
            make(home / name, *sizes)
        print(machine().replace("one is used", "two are used"))
        print(
            f"{asked.rows:,} rows, {asked.registered:,} registered digests, {asked.matches:,} rows have one"
        )
        ways: dict[str, Callable[[SparkSession, Path], int]] = {
            "looked up where the rows are": _where_the_rows_are,
            "Spark's join": _by_join,
        }
        taken = {}
        for name, way in ways.items():
            session = _session()
            way(session, home / "small")
            begin = _processor_time()
            found = way(session, home / "large")
            taken[name] = _processor_time() - begin
            session.stop()
            if found != asked.matches:
                raise SystemExit(f"{name}: {found} rows instead of {asked.matches}.")
            print(
                f"{name:30} {taken[name]:8.1f} s {1e6 * taken[name] / asked.rows:8.2f} us a row", flush=True
            )
        ours, theirs = taken.values()
        print(f"The join takes {theirs / ours:.1f} times as long.")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
