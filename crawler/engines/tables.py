"""A batch of rows that state what lies elsewhere, judged as columns.

Nearly all rows of such a table match nothing, and what is to be said of these is the same for all but for their key and
digest. So the codes of a batch are searched at once, the rows that match anything or are odd in any way are judged one
by one, as everything else is, and the others get their lines in the papers as columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import types

from crawler.filter import Judge, Judgement, Reading
from crawler.runs import papers
from crawler.sources.base import Sample
from crawler.sources.metadata import NO_ADDRESS, Stated
from crawler.sources.metadata_columns import Codes, ReadColumns, read_columns
from crawler.sources.parquet import Batch
from registry.core.fingerprints import ALGORITHMS, SHA256

Judged = Sequence[tuple[Sample, Reading, Judgement]]


@dataclass(frozen=True, slots=True)
class JudgedTable:
    """What the papers say of a batch, and which of its rows are kept."""

    verdicts: pa.RecordBatch
    codes: pa.RecordBatch
    kept: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    errors: int


def judge_table(number: int, rows: Batch, stated: Stated, judge: Judge) -> JudgedTable:
    """Judge a batch of the shard of this number."""
    read = read_columns(rows.batch, stated)
    alone = read.doubtful.copy()
    for codes in read.codes:
        alone[codes.rows[judge.matching(codes.algorithm, codes.codes)]] = True
    singles = np.flatnonzero(alone)
    samples = [rows.sample(int(index)) for index in singles]
    readings = [Reading(None, _sha256(s), s.stated or (), s.gap) for s in samples]
    judged = [(s, found.reading, found) for s, found in zip(samples, judge.judge(readings), strict=True)]
    plain = np.flatnonzero(~alone)
    verdicts, kept = _verdicts(number, rows, read, plain, judge)
    others = papers.batch([papers.verdict_row(number, *item) for item in judged], papers.VERDICTS)
    kept[singles] = [judgement.decision.kept for _, _, judgement in judged]
    sizes = read.sizes.copy()
    sizes[singles] = [sample.size for sample in samples]
    return JudgedTable(
        _in_order([verdicts, others], [plain, singles]),
        _codes(number, rows, read, alone, judged),
        kept,
        sizes,
        sum(reading.gap is not None and reading.gap.startswith("error.") for reading in readings),
    )


def _sha256(sample: Sample) -> str | None:
    return next((f.code.hex() for f in sample.stated or () if f.algorithm == SHA256), None)


def _in_order(batches: Sequence[pa.RecordBatch], rows: Sequence[NDArray[np.int64]]) -> pa.RecordBatch:
    """Lines about these rows as one batch, row by row; of one row in the order in which they are given."""
    some = [(lines, own) for lines, own in zip(batches, rows, strict=True) if len(own)]
    if len(some) < 2:
        return some[0][0] if some else batches[0]
    order = np.argsort(np.concatenate([own for _, own in some]), kind="stable")
    (joined,) = pa.Table.from_batches([lines for lines, _ in some]).combine_chunks().to_batches()
    return joined.take(pa.array(order))


# -- rows that match nothing ---------------------------------------------------------------------------------
def _verdicts(
    number: int, rows: Batch, read: ReadColumns, plain: NDArray[np.int64], judge: Judge
) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """Their lines among the verdicts, and of all rows of the batch which are kept."""
    kept = np.zeros(len(read.sizes), np.bool_)
    unplaced = read.unplaced[plain]
    two = papers.unmatched(judge, [None, NO_ADDRESS])
    kept[plain] = np.asarray(_spread(two.column("kept"), unplaced))
    own = {
        "shard": pa.repeat(pa.scalar(number, pa.uint32()), len(plain)),
        "row": pa.array(plain + rows.row, pa.uint32()),
        "key": rows.keys(plain),
        "bytes": pa.array(read.sizes[plain], pa.uint64()),
        "sha256": _hex_digests(read, plain),
    }
    columns = [
        own[name] if name in own else _spread(two.column(at), unplaced)
        for at, name in enumerate(papers.VERDICTS.names)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=papers.VERDICTS), kept


def _spread(two: pa.Array, second: NDArray[np.bool_]) -> pa.Array:
    """The first of two values, or where it is so said the second; nearly always one of them throughout."""
    if types.is_nested(two.type) or (second.any() and not second.all()):
        return two.take(pa.array(second.astype(np.int64)))
    value = two[int(second.any())]
    return pa.repeat(value, len(second)) if value.is_valid else pa.nulls(len(second), two.type)


def _hex_digests(read: ReadColumns, plain: NDArray[np.int64]) -> pa.Array:
    """The stated SHA-256 of these rows in hexadecimal, null where none is stated."""
    found = next((codes for codes in read.codes if codes.algorithm == SHA256), None)
    if found is None:
        return pa.nulls(len(plain), pa.string())
    digits = np.frombuffer(found.codes.tobytes().hex().encode(), np.uint8)
    texts = _packed(digits, len(found.rows), 64, pa.string())
    if len(texts) == len(plain) and np.array_equal(found.rows, plain):
        return texts
    where = np.full(len(read.sizes), -1, np.int64)
    where[found.rows] = np.arange(len(found.rows))
    return texts.take(pa.array(where[plain], mask=where[plain] < 0))


def _packed(data: NDArray[np.uint8], count: int, width: int, kind: Any) -> pa.Array:
    """Values of one width, out of their bytes."""
    offsets = np.arange(count + 1, dtype=np.int32) * width
    return pa.Array.from_buffers(
        kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    )


# -- codes ---------------------------------------------------------------------------------------------------
def _codes(
    number: int, rows: Batch, read: ReadColumns, alone: NDArray[np.bool_], judged: Judged
) -> pa.RecordBatch:
    """The lines of all rows in the table of codes, row by row."""
    parts, places = [], []
    for codes in read.codes:
        mine = ~alone[codes.rows]
        parts.append(_code_lines(number, rows, codes, mine))
        places.append(codes.rows[mine])
    parts.append(
        papers.batch([row for s, r, _ in judged for row in papers.code_rows(number, s, r)], papers.CODES)
    )
    places.append(np.asarray(parts[-1].column("row")).astype(np.int64) - rows.row)
    return _in_order(parts, places)


def _code_lines(number: int, rows: Batch, codes: Codes, mine: NDArray[np.bool_]) -> pa.RecordBatch:
    own, data = (codes.rows, codes.codes) if mine.all() else (codes.rows[mine], codes.codes[mine])
    count = len(own)
    constants: Mapping[str, pa.Scalar] = {
        "shard": pa.scalar(number, pa.uint32()),
        "algorithm": pa.scalar(codes.algorithm),
        "kind": pa.scalar(ALGORITHMS[codes.algorithm].kinds[0]),
    }
    columns = {name: pa.repeat(value, count) for name, value in constants.items()} | {
        "row": pa.array(own + rows.row, pa.uint32()),
        "key": rows.keys(own),
        "code": _packed(data.reshape(-1), count, data.shape[1], pa.binary()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in papers.CODES.names], schema=papers.CODES)
