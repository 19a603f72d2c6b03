"""A batch of rows that state what lies elsewhere, judged as columns.

Nearly all rows of such a table match nothing, and what is to be said of these is the same for all but for their key and
digest. So the codes of a batch are searched at once, the rows that match anything or are odd in any way are judged one
by one, as everything else is, and the others get their lines in the papers as columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import types

from crawler.filter import Judge, Judgement, Reading
from crawler.runs import papers
from crawler.sites.joining import NOWHERE, Heard, Hearing, joined
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


def judge_table(
    number: int, rows: Batch, stated: Stated, judge: Judge, sites: Hearing | None = None
) -> JudgedTable:
    """Judge a batch of the shard of this number, by what `sites` say of each address if that counts."""
    read = read_columns(rows.batch, stated)
    alone = read.doubtful.copy()
    for codes in read.codes:
        alone[codes.rows[judge.matching(codes.algorithm, codes.codes)]] = True
    singles, plain = np.flatnonzero(alone), np.flatnonzero(~alone)
    samples = [rows.sample(int(index)) for index in singles]
    judged = list(_judged(samples, judge, sites))
    cases = _cases(read, plain, sites)
    verdicts, kept = _verdicts(number, rows, read, plain, cases, judge)
    others = papers.batch([papers.verdict_row(number, *item) for item in judged], papers.VERDICTS)
    kept[singles] = [judgement.decision.kept for _, _, judgement in judged]
    sizes = read.sizes.copy()
    sizes[singles] = [sample.size for sample in samples]
    gaps = [reading.gap for _, reading, _ in judged]
    return JudgedTable(
        _in_order([verdicts, others], [plain, singles]),
        _codes(number, rows, read, alone, _signal_lines(number, rows, plain, cases), judged),
        kept,
        sizes,
        sum(gap is not None and gap.startswith("error.") for gap in gaps),
    )


def _judged(
    samples: Sequence[Sample], judge: Judge, sites: Hearing | None
) -> Iterator[tuple[Sample, Reading, Judgement]]:
    """Rows one by one."""
    readings = [Reading(None, _sha256(s), s.stated or (), s.gap) for s in samples]
    if sites is not None:
        readings = [sites.join(r, s.addresses) for r, s in zip(readings, samples, strict=True)]
    for sample, judgement in zip(samples, judge.judge(readings), strict=True):
        yield sample, judgement.reading, judgement


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
@dataclass(frozen=True, slots=True)
class _Cases:
    """Rows by what is known of them: all of one case have the same verdict."""

    readings: Sequence[Reading]
    of_rows: NDArray[np.int64]
    """For each row, which of these it is."""


def _cases(read: ReadColumns, plain: NDArray[np.int64], sites: Hearing | None) -> _Cases:
    unplaced = read.unplaced[plain]
    here, nowhere = Reading(None, None), Reading(None, None, gap=NO_ADDRESS)
    if sites is None:
        return _Cases([here, nowhere], unplaced.astype(np.int64))
    numbers: dict[Heard, int] = {}
    of_rows = np.empty(len(plain), np.int64)
    for at, row in enumerate(plain.tolist()):
        address = read.addresses.get(row)
        heard = NOWHERE if address is None else sites.of_address(address)
        of_rows[at] = numbers.setdefault(heard, len(numbers))
    return _Cases([joined(here, heard) for heard in numbers], of_rows)


def _verdicts(
    number: int, rows: Batch, read: ReadColumns, plain: NDArray[np.int64], cases: _Cases, judge: Judge
) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """Their lines among the verdicts, and of all rows of the batch which are kept."""
    kept = np.zeros(len(read.sizes), np.bool_)
    lines = papers.unmatched(judge, cases.readings)
    kept[plain] = np.asarray(_spread(lines.column("kept"), cases.of_rows))
    own = {
        "shard": pa.repeat(pa.scalar(number, pa.uint32()), len(plain)),
        "row": pa.array(plain + rows.row, pa.uint32()),
        "key": rows.keys(plain),
        "bytes": pa.array(read.sizes[plain], pa.uint64()),
        "sha256": _hex_digests(read, plain),
    }
    columns = [
        own[name] if name in own else _spread(lines.column(at), cases.of_rows)
        for at, name in enumerate(papers.VERDICTS.names)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=papers.VERDICTS), kept


def _spread(values: pa.Array, which: NDArray[np.int64]) -> pa.Array:
    """For each row the value of its case; nearly always one case throughout."""
    first = int(which[0]) if len(which) else 0
    if types.is_nested(values.type) or (which != first).any():
        return values.take(pa.array(which))
    value = values[first] if len(values) else pa.scalar(None, values.type)
    return pa.repeat(value, len(which)) if value.is_valid else pa.nulls(len(which), values.type)


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
_Lines = Sequence[tuple[pa.RecordBatch, NDArray[np.int64]]]
"""Lines of the table of codes, and which rows of the batch they are of."""


def _codes(
    number: int, rows: Batch, read: ReadColumns, alone: NDArray[np.bool_], signals: _Lines, judged: Judged
) -> pa.RecordBatch:
    """The lines of all rows in the table of codes, row by row, of each row its codes before its signals."""
    parts, places = [], []
    for codes in read.codes:
        mine = ~alone[codes.rows]
        parts.append(_code_lines(number, rows, codes, mine))
        places.append(codes.rows[mine])
    parts += [lines for lines, _ in signals]
    places += [own for _, own in signals]
    parts.append(
        papers.batch([row for s, r, _ in judged for row in papers.code_rows(number, s, r)], papers.CODES)
    )
    places.append(np.asarray(parts[-1].column("row")).astype(np.int64) - rows.row)
    return _in_order(parts, places)


def _code_lines(number: int, rows: Batch, codes: Codes, mine: NDArray[np.bool_]) -> pa.RecordBatch:
    own, data = (codes.rows, codes.codes) if mine.all() else (codes.rows[mine], codes.codes[mine])
    packed = _packed(data.reshape(-1), len(own), data.shape[1], pa.binary())
    return _lines(number, rows, own, codes.algorithm, ALGORITHMS[codes.algorithm].kinds[0], packed)


def _signal_lines(number: int, rows: Batch, plain: NDArray[np.int64], cases: _Cases) -> _Lines:
    """Of the rows that match nothing, what their sites say: of each row in order of families."""
    found = []
    for said in sorted({said for reading in cases.readings for said in reading.signals}):
        saying = np.array([said in reading.signals for reading in cases.readings], np.bool_)
        own = plain[saying[cases.of_rows]]
        code = pa.repeat(pa.scalar(said.code, pa.binary()), len(own))
        found.append((_lines(number, rows, own, said.algorithm, said.kind, code), own))
    return found


def _lines(
    number: int, rows: Batch, own: NDArray[np.int64], algorithm: str, kind: str, codes: pa.Array
) -> pa.RecordBatch:
    """A code for each of some rows, all by one algorithm."""
    columns = {
        "shard": pa.repeat(pa.scalar(number, pa.uint32()), len(own)),
        "row": pa.array(own + rows.row, pa.uint32()),
        "key": rows.keys(own),
        "algorithm": pa.repeat(pa.scalar(algorithm), len(own)),
        "kind": pa.repeat(pa.scalar(kind), len(own)),
        "code": codes,
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in papers.CODES.names], schema=papers.CODES)
