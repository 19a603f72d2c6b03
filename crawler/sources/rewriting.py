"""A shard written again with other items kept, without looking at what they are."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crawler.sources.base import Sample, Shard, Sink, Written
from crawler.sources.jsonl import JsonLinesShard, JsonLinesSink
from crawler.sources.parquet import ParquetShard
from crawler.sources.parquet_sink import ParquetSink


def rewrite(
    shard: Shard, data: Path, kept: NDArray[np.bool_], max_bytes: int
) -> tuple[tuple[Written, ...], str]:
    """Write a whole file below `data` with the rows for which `kept` is true; what was written, and its own digest."""
    digest = sha256()
    with shard.sink(data) as sink:
        if isinstance(shard, ParquetShard) and shard.metadata_only and isinstance(sink, ParquetSink):
            _rewrite_table(shard, sink, kept, digest.update)
        elif isinstance(shard, JsonLinesShard) and not shard.attributes and isinstance(sink, JsonLinesSink):
            lines = shard.lines(max_bytes, digest.update)
            for line, stays in zip(lines, kept.tolist(), strict=False):  # of a changed file, the digest tells
                if stays:
                    sink.write_line(line)
        else:
            for sample in shard.read(max_bytes, digest.update):
                _put(sample, sink, kept)
    return sink.written, digest.hexdigest()


def _rewrite_table(
    shard: ParquetShard, sink: ParquetSink, kept: NDArray[np.bool_], watch: Callable[[bytes], object]
) -> None:
    for piece in shard.tables(watch):
        if isinstance(piece, Sample):
            _put(piece, sink, kept)
        else:
            rows = piece[0]
            sink.take(rows.batch, np.flatnonzero(kept[rows.row : rows.row + rows.batch.num_rows]))


def _put(sample: Sample, sink: Sink, kept: NDArray[np.bool_]) -> None:
    (sink.write if kept[sample.row] else sink.skip)(sample)
