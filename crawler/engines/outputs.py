"""What one shard leaves in the run's data folder: what is kept, or what is said of each item, or nothing."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crawler.modes import Mode
from crawler.sources.attributes import AttributesFile, attributes_name
from crawler.sources.base import Sample, Shard, Sink, Written
from crawler.sources.parquet_sink import ParquetSink
from registry.core.decisions import Decision


class Outlet(Protocol):
    """Takes every item of a shard with its decision; a context manager. Leaving it without error completes it."""

    @property
    def written(self) -> tuple[Written, ...]:
        """The files, known after leaving without error; none of a folder, whose digest is that of its list."""

    def put(self, sample: Sample, decision: Decision) -> None:
        """The next item."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class TakesTables(Protocol):
    """An outlet that also takes rows of a table, all at once."""

    def take(self, batch: pa.RecordBatch, kept: NDArray[np.bool_]) -> None:
        """The next rows, and which of them are kept."""


def outlet(number: int, shard: Shard, data: Path, mode: Mode, *, dry_run: bool) -> Outlet:
    """Where the items of this shard go."""
    if dry_run:
        return _Nothing()
    if mode is Mode.ANNOTATE:
        own = shard.name if shard.whole_file else f"{shard.name}/{number:05}".removeprefix("/")
        return AttributesFile(data, attributes_name(own))
    return _Kept(shard.sink(data))


class _Kept:
    """What is kept goes to the format's own sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def written(self) -> tuple[Written, ...]:
        """The sink's files."""
        return self._sink.written

    def put(self, sample: Sample, decision: Decision) -> None:
        """Written back or left out."""
        (self._sink.write if decision.kept else self._sink.skip)(sample)

    def take(self, batch: pa.RecordBatch, kept: NDArray[np.bool_]) -> None:
        """The rows that are kept."""
        assert isinstance(self._sink, ParquetSink)
        self._sink.take(batch, np.flatnonzero(kept))

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the sink, or abandon it."""
        self._sink.__exit__(kind, error, trace)


class _Nothing:
    """A dry run writes no data."""

    written: tuple[Written, ...] = ()

    def put(self, sample: Sample, decision: Decision) -> None:
        """Nothing."""

    def take(self, batch: pa.RecordBatch, kept: NDArray[np.bool_]) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""
