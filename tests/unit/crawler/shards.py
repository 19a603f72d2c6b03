"""Datasets in single files, made by the programs that make them: `tarfile`, as `webdataset` uses it, and pyarrow."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.crawler import lab

Members = Iterable[tuple[str, bytes]]

HUGGING_FACE = json.dumps(
    {"info": {"features": {"image": {"_type": "Image"}, "label": {"dtype": "int64", "_type": "Value"}}}}
)


def jpeg(seed: int) -> bytes:
    """A small picture, encoded; 1 to 4 are copies of works (`lab.WORKS`)."""
    return lab.encoded(lab.picture(seed, side=96), "JPEG", quality=85)


def tar(members: Members, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive of plain files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members:
            facts = tarfile.TarInfo(name)
            facts.size = len(data)
            archive.addfile(facts, io.BytesIO(data))
    return out.getvalue()


def samples(pictures: Mapping[str, bytes], caption: bytes = b"A caption.") -> list[tuple[str, bytes]]:
    """Members as img2dataset writes them: picture, caption, metadata."""
    return [
        member
        for key, picture in pictures.items()
        for member in (
            (f"{key}.jpg", picture),
            (f"{key}.txt", caption),
            (f"{key}.json", json.dumps({"key": key, "status": "success"}).encode()),
        )
    ]


def hugging_face(pictures: Sequence[bytes | None]) -> pa.Table:
    """A table as `datasets` writes one of pictures."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [None if p is None else {"bytes": p, "path": f"{n}.jpg"} for n, p in enumerate(pictures)]
    schema = pa.schema([("image", kind), ("label", pa.int64())], metadata={"huggingface": HUGGING_FACE})
    return pa.table([pa.array(cells, kind), pa.array(range(len(cells)), pa.int64())], schema=schema)


def write(path: Path, content: bytes | pa.Table, **options: Any) -> Path:
    """Bytes as they are, a table as parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path, **options)
    return path
