"""The two tables of a run: one verdict per item, and the codes of every item, the kept ones above all.

With the codes, anybody who has the snapshot can repeat the judgement without the dataset. Both are parquet, in the
order (shard, row), written by one process with fixed settings, so that equal runs are equal bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crawler.filter import Judge, Judgement, Reading
from crawler.sources.base import Sample
from registry.core.decisions import Verdict
from registry.core.errors import VerificationFailed
from registry.core.fingerprints import Fingerprint
from registry.core.matching.grades import radius
from registry.core.signals.summary import Said, is_signal, signal_of

_USE = pa.struct(
    [
        ("work_id", pa.string()),
        ("licence_id", pa.string()),
        ("tariff_id", pa.string()),
        ("how", pa.uint8()),
    ]
)

VERDICTS = pa.schema(
    [
        pa.field("shard", pa.uint32(), nullable=False),
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("media", pa.string()),
        pa.field("bytes", pa.uint64(), nullable=False),
        pa.field("sha256", pa.string()),
        pa.field("verdict", pa.uint8(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("mark", pa.string()),
        pa.field("algorithm", pa.string()),
        pa.field("variant", pa.string()),
        pa.field("grade", pa.string()),
        pa.field("distance", pa.uint16()),
        pa.field("radius", pa.uint16()),
        pa.field("shared_words", pa.uint32()),
        pa.field("shared_begin", pa.uint32()),
        pa.field("shared_end", pa.uint32()),
        pa.field("work_id", pa.string()),
        pa.field("licence_id", pa.string()),
        pa.field("tariff_id", pa.string()),
        pa.field("uses", pa.list_(_USE), nullable=False),
        pa.field("error", pa.string()),
    ]
)
"""`error` is the gap, also where a match decided in spite of it; `uses` is what has to be reported, each with
how it was recognised: 1 the very file, 2 a copy."""

CODES = pa.schema(
    [
        pa.field("shard", pa.uint32(), nullable=False),
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("algorithm", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("code", pa.binary(), nullable=False),
    ]
)

ROWS_PER_GROUP = 8_192
"""So few that a row group stays in the near caches: a table of sixteen times as many takes three times as long."""
BYTES_PER_GROUP = 16 * 2**20
"""Of the keys and codes in a row group, about: a book has half a megabyte of codes, and a group is held as a whole."""
_LONG = ("key", "code")
_LEVEL = 1
"""Of Zstandard. Digests and codes fill these tables: the third level takes twice the time and gains nothing."""
_CODES_PACKED = {name: "none" if name == "code" else "zstd" for name in CODES.names}
"""Codes are stored as they are: packing them would save a seventh, and writing and reading take three times as long."""
_CODES_LEVELS = {name: _LEVEL for name, packing in _CODES_PACKED.items() if packing == "zstd"}
_SOUGHT = ["shard", "row", "key"]
"""Columns by which lines are looked for: only they have statistics."""
_REPETITIVE = ["media", "reason", "mark", "algorithm", "kind", "variant", "grade", "work_id", "error"]


def verdict_row(shard: int, sample: Sample, reading: Reading, judgement: Judgement) -> dict[str, Any]:
    """One line of the verdict table."""
    decision = judgement.decision
    work, match = judgement.deciding or judgement.trace or (None, None)
    passage = match.passage if match else None
    relied = next((u for u in judgement.uses if u.work == work), None)
    open_grant = decision.grants[0] if decision.grants and decision.verdict is Verdict.ALLOW else None
    return {
        "shard": shard,
        "row": sample.row,
        "key": sample.key,
        "media": reading.media,
        "bytes": sample.size,
        "sha256": reading.sha256,
        "verdict": int(decision.verdict),
        "reason": decision.reason,
        "kept": decision.kept,
        "mark": decision.mark,
        "algorithm": match.algorithm if match else None,
        "variant": match.variant if match else None,
        "grade": match.grade.name.lower() if match else None,
        "distance": match.distance if match else None,
        "radius": radius(match.algorithm) if match and not passage else None,
        "shared_words": passage.words if passage else None,
        "shared_begin": passage.begin if passage else None,
        "shared_end": passage.end if passage else None,
        "work_id": work,
        "licence_id": relied.licence if relied else open_grant.licence if open_grant else None,
        "tariff_id": relied.tariff if relied else open_grant.tariff if open_grant else None,
        "uses": [
            {"work_id": u.work, "licence_id": u.licence, "tariff_id": u.tariff, "how": int(u.how)}
            for u in judgement.uses
        ],
        "error": reading.gap,
    }


OF_THE_ITEM = frozenset({"shard", "row", "key", "media", "bytes", "sha256", "error"})
"""Columns of the verdict table that tell of an item and not of the registry."""


def unmatched(judge: Judge, readings: Sequence[Reading]) -> pa.RecordBatch:
    """The verdicts on items that match nothing, by gap and signals. Of `OF_THE_ITEM`, only `error` means anything."""
    judged = zip(readings, judge.judge(readings), strict=True)
    return batch([verdict_row(0, Sample(0, "", b"", 0), *found) for found in judged], VERDICTS)


def code_rows(shard: int, sample: Sample, reading: Reading) -> list[dict[str, Any]]:
    """The lines of one item in the table of codes, its signals behind its codes; none if it could not be read."""
    lines: list[Fingerprint | Said] = [*reading.fingerprints, *reading.signals]
    return [
        {
            "shard": shard,
            "row": sample.row,
            "key": sample.key,
            "algorithm": f.algorithm,
            "kind": f.kind,
            "code": f.code,
        }
        for f in lines
    ]


def signals_in(path: Path) -> dict[str, int]:
    """How many items of a table of codes carry which opt-out signal, by family."""
    counts: Counter[str] = Counter()
    try:
        with pq.ParquetFile(path, read_dictionary=["algorithm"]) as file:
            for part in file.iter_batches(columns=["algorithm"]):
                for found in pc.value_counts(part.column("algorithm")).to_pylist():
                    if is_signal(found["values"]):
                        counts[signal_of(found["values"])] += found["counts"]
    except (pa.ArrowException, OSError) as error:
        raise VerificationFailed(f"{path} cannot be read: {error}") from error
    return dict(sorted(counts.items()))


def batch(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as columns."""
    return pa.RecordBatch.from_pylist(list(rows), schema=schema)


def write_parquet(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    each_group: Callable[[pa.Table], None] | None = None,
) -> int:
    """Write batches in row groups that do not depend on how they were cut; returns the number of rows.

    `each_group` is shown the rows of each row group.
    """
    rows = 0
    with open_writer(path, schema) as writer:
        for group in _row_groups(batches, schema):
            writer.write_table(group, row_group_size=group.num_rows)
            if each_group is not None:
                each_group(group)
            rows += group.num_rows
    return rows


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of all batches, cut by `ROWS_PER_GROUP` and `BYTES_PER_GROUP`."""
    waiting, rows, held = list[pa.RecordBatch](), 0, 0
    for part in batches:
        while part.num_rows:
            ends = held + np.cumsum(_sizes(part))
            fitting = int(np.searchsorted(ends, BYTES_PER_GROUP, side="right"))
            taken = min(fitting, ROWS_PER_GROUP - rows, part.num_rows)
            if not rows:
                taken = max(taken, 1)  # a row that is larger than a group has one of its own
            if taken:
                waiting.append(part.slice(0, taken))
                rows, held, part = rows + taken, int(ends[taken - 1]), part.slice(taken)
            if part.num_rows:
                yield pa.Table.from_batches(waiting, schema).combine_chunks()
                waiting, rows, held = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting, schema).combine_chunks()


def _sizes(part: pa.RecordBatch) -> NDArray[np.int64]:
    """Of each row, the bytes of what may be long. None of it depends on the registry: no group moves with a verdict."""
    sizes = np.zeros(part.num_rows, np.int64)
    for name in _LONG:
        if name in part.schema.names:
            sizes += pc.binary_length(part.column(name)).to_numpy()
    return sizes


def open_writer(sink: Path | pa.NativeFile, schema: pa.Schema) -> pq.ParquetWriter:
    """What writes one of the tables: equal rows in equal groups are equal bytes."""
    return pq.ParquetWriter(
        sink,
        schema,
        version="2.6",
        compression="zstd" if schema is VERDICTS else _CODES_PACKED,
        compression_level=_LEVEL if schema is VERDICTS else _CODES_LEVELS,
        use_dictionary=[name for name in schema.names if name in _REPETITIVE],
        write_statistics=_SOUGHT,
    )


Places = NDArray[np.uint64]
"""Items, ascending: number of the shard in the upper 32 bits, number of the row in the lower."""


def places_in(part: pa.RecordBatch) -> Places:
    """Of which item each row is."""
    shard, row = (part.column(name).to_numpy().astype(np.uint64) for name in ("shard", "row"))
    places: Places = shard << np.uint64(32) | row
    return places


def _are_among(asked: Places, places: Places) -> NDArray[np.bool_]:
    """Which of them are places; the number of places hardly counts."""
    after = np.searchsorted(places, asked, side="right")
    return after > np.searchsorted(places, asked)


def read_parquet(
    path: Path, schema: pa.Schema, places: Places | None = None, check: Callable[[int], None] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a table that `write_parquet` wrote, a batch at a time in memory. With `places` only these items'.

    `check` is told the number of each row group before it is read.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if not file.schema_arrow.equals(schema):
                raise VerificationFailed(f"{path} does not have the columns of this version.")
            groups = range(file.num_row_groups) if places is None else groups_with(file.metadata, places)
            for number in groups:
                if check is not None:
                    check(number)
                for part in file.iter_batches(ROWS_PER_GROUP, [number], use_threads=False):
                    if places is not None:
                        part = part.filter(pa.array(_are_among(places_in(part), places)))
                    yield from part.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise VerificationFailed(f"{path} cannot be read: {error}") from error


def groups_with(metadata: pq.FileMetaData, places: Places) -> Iterator[int]:
    """The row groups in which some of these items, in ascending order, may be."""
    for number in range(metadata.num_row_groups):
        if _may_hold(metadata.row_group(number), places):
            yield number


def shards_in(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """The first and the last shard of which a row group has lines, or may have if it does not say."""
    stated = group.column(0).statistics
    if stated is None or not stated.has_min_max:
        return 0, 0xFFFFFFFF
    return stated.min, stated.max


def _may_hold(group: pq.RowGroupMetaData, places: Places) -> bool:
    """Whether one of these items may be in a row group, by the least and the largest that its columns state."""
    shard, last_shard = shards_in(group)
    row = group.column(1).statistics
    rows = (0, 0xFFFFFFFF)
    if shard == last_shard and row is not None and row.has_min_max:
        rows = row.min, row.max
    first, last = np.uint64(shard << 32 | rows[0]), np.uint64(last_shard << 32 | rows[1])
    return bool(np.searchsorted(places, first) < np.searchsorted(places, last, side="right"))
