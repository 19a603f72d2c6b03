"""What was decided about a column of codes as an Arrow IPC stream: a row an item, no cost by the row in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.checking.columns import CheckedColumn

ARROW = "application/vnd.apache.arrow.stream"

SCHEMA = pa.schema(
    [
        pa.field("verdict", pa.uint8(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("reason", pa.dictionary(pa.int16(), pa.string()), nullable=False),
        pa.field("work", pa.dictionary(pa.int32(), pa.string())),
        pa.field("distance", pa.uint16()),
        pa.field("grade", pa.dictionary(pa.int16(), pa.string())),
        pa.field("licences", pa.list_(pa.string())),
    ]
)


def write_answer(answer: CheckedColumn) -> bytes:
    """A row an item, in the order in which they came; only hits have a work: the surest of each item."""
    found = answer.found
    hits = np.fromiter(found, np.int64, len(found))
    best = [checked.matches[0] if checked.matches else None for checked in found.values()]
    columns = {
        "verdict": pa.array(answer.verdicts()),
        "kept": pa.array(answer.kept()),
        "reason": _spread(
            answer.count,
            hits,
            [checked.decision.reason for checked in found.values()],
            pa.string(),
            answer.unmatched.reason,
        ).dictionary_encode(),
        "work": _spread(answer.count, hits, [b and b[0] for b in best], pa.string()).dictionary_encode(),
        "distance": _spread(answer.count, hits, [b and b[1].distance for b in best], pa.uint16()),
        "grade": _spread(
            answer.count, hits, [b and b[1].grade.name.lower() for b in best], pa.string()
        ).dictionary_encode(),
        "licences": _spread(
            answer.count,
            hits,
            [[grant.licence for grant in checked.decision.grants] for checked in found.values()],
            pa.list_(pa.string()),
        ),
    }
    schema = SCHEMA.with_metadata({"change_seq": str(answer.change_seq)})
    batch = pa.record_batch([columns[field.name].cast(field.type) for field in schema], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _spread(count: int, hits: NDArray[np.int64], values: list[Any], kind: Any, otherwise: Any = None) -> Any:
    """(count,) `otherwise`, but for the hits, which have these values."""
    places = np.full(count, len(values), np.int64)
    places[hits] = np.arange(len(values))
    return pa.array([*values, otherwise], kind).take(pa.array(places))
