"""How a parquet file is laid out, so that another of the same kind can be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.sources.parquet_footer import is_encrypted
from crawler.sources.places import Place
from registry.core.errors import InvalidInput

_DICTIONARY = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}
_MOST_ROWS = 1 << 20
"""Of a row group, where the input does not say."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Schema with metadata, and the writer's options that give the same physical file schema."""

    schema: pa.Schema
    options: Mapping[str, Any]
    rows_per_group: int

    @classmethod
    def of(cls, place: Place, name: str) -> Layout | None:
        """That of an existing file; `None` if it cannot be opened as parquet.

        `InvalidInput` for a file whose types would come out as others: better none than a changed one.
        """
        try:
            with place.open() as raw, pq.ParquetFile(raw) as file:
                if is_encrypted(raw):
                    return None
                return cls(file.schema_arrow, _options(file, name), _rows_per_group(file))
        except (pa.ArrowException, OSError) as problem:
            if getattr(problem, "errno", None) is not None:
                raise
            return None

    def writer(self, sink: Any) -> pq.ParquetWriter:
        """A writer of such files."""
        return pq.ParquetWriter(sink, self.schema, **self.options)


def _rows_per_group(file: pq.ParquetFile) -> int:
    groups = (file.metadata.row_group(number).num_rows for number in range(file.num_row_groups))
    return max(1, min(_MOST_ROWS, max(groups, default=_MOST_ROWS)))


def _options(file: pq.ParquetFile, name: str) -> dict[str, Any]:
    """Compression and dictionaries per column, and whatever it takes to get the same types."""
    options = _per_column(file) | {"store_schema": b"ARROW:schema" in (file.metadata.metadata or {})}
    near: dict[str, Any] | None = None
    for more in _dialects(file.metadata.format_version):
        written = _empty(file.schema_arrow, {**options, **more})
        if written is None or not written.schema_arrow.equals(file.schema_arrow):
            continue
        if written.schema.equals(file.schema):
            return options | more
        near = near or options | more
    if near is None:
        raise InvalidInput(
            f"{name} has columns that would come out as other types. Rewrite it with pyarrow {pa.__version__} first."
        )
    return near  # annotations that Arrow does not know, such as that a string is JSON, are lost


def _per_column(file: pq.ParquetFile) -> dict[str, Any]:
    if not file.num_row_groups:
        return {}
    group = file.metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    dictionaries = [c.path_in_schema for c in columns if _DICTIONARY & set(c.encodings)]
    return {
        "compression": {c.path_in_schema: _codec(c.compression) for c in columns},
        "use_dictionary": dictionaries or False,
        "write_page_index": any(c.has_column_index for c in columns),
    }


def _codec(name: str) -> str:
    return "NONE" if name == "UNCOMPRESSED" else name


def _dialects(version: str) -> Iterator[dict[str, Any]]:
    """What writers do differently: today's way first, then those of older programs."""
    versions = ("2.6", "2.4", "1.0") if version != "1.0" else ("1.0", "2.6")
    for same, compliant, int96, narrow in product(versions, (True, False), (False, True), (False, True)):
        yield {
            "version": same,
            "use_compliant_nested_type": compliant,
            "use_deprecated_int96_timestamps": int96,
            "store_decimal_as_integer": narrow,
        }


def _empty(schema: pa.Schema, options: Mapping[str, Any]) -> pq.ParquetFile | None:
    """A file without rows, written so; `None` if Arrow refuses."""
    sink = pa.BufferOutputStream()
    try:
        with pq.ParquetWriter(sink, schema, **options):
            pass
        return pq.ParquetFile(pa.BufferReader(sink.getvalue()))
    except (pa.ArrowException, ValueError):
        return None
