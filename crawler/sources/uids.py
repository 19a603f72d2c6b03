"""DataComp's way to name a subset: a `.npy` with the uids of its items, sorted, each as a pair of 64-bit numbers.

Its resharder takes such a file and copies out the items of the subset. So a table of metadata that has DataComp's
column `uid` comes out with the list of what is left beside it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.sources.base import Written
from crawler.sources.columns import is_text
from crawler.sources.names import stem
from crawler.sources.places import Output

UID: Final = "uid"
PAIR: Final = np.dtype("u8,u8")
_BYTES = 16


def uids_name(table: str) -> str:
    """`part-0.npy` for `part-0.parquet`."""
    return stem(table) + ".npy"


def write_uids(data: Path, table: str) -> Iterator[Written]:
    """Write the list of a table that is finished; nothing for one whose `uid`, if it has any, is not DataComp's."""
    schema = pq.read_schema(data / table)
    if UID not in schema.names or not is_text(schema.field(UID).type):
        return
    pieces: list[bytes] = []
    with pq.ParquetFile(data / table) as file:
        for batch in file.iter_batches(columns=[UID]):
            found = _packed(batch.column(0))
            if found is None:
                return
            pieces.append(found)
    pairs = np.frombuffer(b"".join(pieces), ">u8").reshape(-1, 2).astype("<u8")
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(pairs[order]).view(PAIR).reshape(-1))
    name = uids_name(table)
    out = Output(data, name)
    out.write(content.getvalue())
    yield out.close()


def _packed(uids: pa.Array) -> bytes | None:
    """Uids as bytes, one after the other; `None` if one is not 32 hexadecimal digits."""
    texts = uids.to_pylist()
    try:
        codes = [bytes.fromhex(text) for text in texts]
    except (TypeError, ValueError):
        return None
    return b"".join(codes) if all(len(code) == _BYTES for code in codes) else None
