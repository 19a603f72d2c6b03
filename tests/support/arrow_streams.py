"""Codes as Arrow streams, as a lab's own program writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def stream(*batches: Any, name: str = "hash", compression: str | None = None) -> bytes:
    """One column, in these batches."""
    sink, schema = pa.BufferOutputStream(), pa.schema([(name, batches[0].type)])
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(pa.record_batch([batch], schema=schema))
    return bytes(sink.getvalue().to_pybytes())


def column(codes: Sequence[bytes | None], width: int = 32) -> Any:
    """Codes of one width."""
    return pa.array(codes, pa.binary(width))
