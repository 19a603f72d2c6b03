"""Which columns of a table are compared, and their cells as parts of an item.

A picture is what Hugging Face `datasets` writes, `struct<bytes, path>`, or plain bytes (as img2dataset writes); a
text is a string. Lists of these count with all their elements. What a cell holds is told from its bytes, as in a
folder; what a table calls it does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from crawler.sources.base import Part
from registry.core.errors import InvalidInput

TEXT = "text"
"""The column of that name is taken where several hold texts."""
_NOT_PICTURES = {"Audio", "Video"}
"""Features of Hugging Face `datasets` that lie in a table just as pictures do."""

Cells = Callable[[int, int], list[Part]]
"""The parts that one row has, given its index and the most bytes of a part."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is compared."""

    name: str
    type: Any

    def cells(self, batch: pa.RecordBatch) -> Cells:
        """The column in a batch."""
        return _cells(batch.column(batch.schema.get_field_index(self.name)))


def comparable_columns(schema: pa.Schema) -> list[str]:
    """The names of all columns of pictures, bytes or texts."""
    hidden = _other_features(schema)
    return [
        field.name
        for field in schema
        if field.name not in hidden and any(k(_element(field.type)) for k in (_is_struct, _is_bytes, is_text))
    ]


def find_columns(schema: pa.Schema, asked: Sequence[str], where: str) -> list[Column]:
    """The columns asked for, or the only one that can be meant.

    Pictures go before bytes, and bytes before texts. `InvalidInput`, with what there is, if a column is missing, is
    of a type that cannot be compared, or if several could be meant.
    """
    if asked:
        return [_asked(schema, name, where) for name in asked]
    hidden = _other_features(schema)
    fields = [f for f in schema if schema.names.count(f.name) == 1 and f.name not in hidden]
    for kind in (_is_struct, _is_bytes, is_text):
        found = [f for f in fields if kind(_element(f.type))]
        if len(found) == 1:
            return [Column(found[0].name, found[0].type)]
        if kind is is_text and (plain := [f for f in found if f.name == TEXT]):
            return [Column(plain[0].name, plain[0].type)]
        if found:
            names = ", ".join(f.name for f in found)
            raise InvalidInput(
                f"{where}: any of the columns {names} could be meant. Say which to compare with --column; several "
                "are given as --column a,b."
            )
    raise InvalidInput(f"{where} has no column of pictures or texts; it has {_listed(schema)}.")


def plain_values(batch: pa.RecordBatch, name: str) -> list[str | bytes | None]:
    """A column of texts or bytes, value by value; a text that is no UTF-8 as the bytes that it is."""
    return _plain_values(batch.column(batch.schema.get_field_index(name)))


def _plain_values(values: pa.Array) -> list[str | bytes | None]:
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not is_text(values.type):
        return cast("list[str | bytes | None]", values.to_pylist())
    return [_decoded(data) for data in values.cast(pa.large_string()).cast(pa.large_binary()).to_pylist()]


def named_values(
    batch: pa.RecordBatch, names: Collection[str], beside: Collection[str]
) -> list[list[str | bytes | None]]:
    """Columns of texts of these names, in lower case, and those in structs of the names `beside`, value by value."""
    found = [(field, batch.column(at)) for at, field in enumerate(batch.schema)]
    for outer, of in list(found):
        if outer.name in beside and types.is_struct(outer.type):
            found += [(field, pc.struct_field(of, at)) for at, field in enumerate(outer.type)]
    return [
        _plain_values(values)
        for field, values in found
        if field.name.lower() in names and is_plain(field.type)
    ]


def is_plain(kind: Any) -> bool:
    """Whether a column of this type has `plain_values`."""
    while types.is_dictionary(kind):
        kind = kind.value_type
    return is_text(kind) or _is_bytes(kind)


def _decoded(data: bytes | None) -> str | bytes | None:
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _asked(schema: pa.Schema, name: str, where: str) -> Column:
    if schema.names.count(name) != 1:
        raise InvalidInput(f"{where} has no column {name} (or two of that name); it has {_listed(schema)}.")
    kind = schema.field(name).type
    if not any(fits(_element(kind)) for fits in (_is_struct, _is_bytes, is_text)):
        raise InvalidInput(
            f"{where}: column {name} is of type {kind}; pictures are bytes or struct<bytes, path>, texts are strings."
        )
    return Column(name, kind)


def _listed(schema: pa.Schema) -> str:
    return ", ".join(f"{f.name} ({f.type})" for f in schema) or "no column at all"


def _other_features(schema: pa.Schema) -> set[str]:
    """Columns that Hugging Face `datasets` knows to be no pictures, though they look alike."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name for name, feature in features.items() if feature.get("_type") in _NOT_PICTURES}
    except (KeyError, ValueError, TypeError, AttributeError):
        return set()


# -- types ---------------------------------------------------------------------------------------------------
def _element(kind: Any) -> Any:
    """What a list or a dictionary is of."""
    while True:
        if types.is_dictionary(kind) or _is_list(kind):
            kind = kind.value_type
        else:
            return kind


def _is_list(kind: Any) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def is_text(kind: Any) -> bool:
    """Whether this is a type of texts."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_bytes(kind: Any) -> bool:
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )


def _is_struct(kind: Any) -> bool:
    return bool(types.is_struct(kind) and any(f.name == "bytes" and _is_bytes(f.type) for f in kind))


# -- cells ---------------------------------------------------------------------------------------------------
def _cells(values: pa.Array) -> Cells:
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if _is_list(values.type):
        return lambda index, most: list(_elements(values, index, most))
    if _is_struct(values.type):
        values = pc.struct_field(values, "bytes")
    if is_text(values.type):
        plain = values.cast(pa.large_string()).cast(pa.large_binary())
        return lambda index, most: [_text_part(plain[index].as_py(), most)]
    return lambda index, most: [_bytes_part(values[index].as_py(), most)]


def _elements(values: pa.Array, index: int, most: int) -> Iterator[Part]:
    """Those of one row's list; a list without any has nothing to compare, which is no permission."""
    inner = values[index].values
    if inner is None or not len(inner):
        yield Part(b"", gap="error.no-bytes")
        return
    cells = _cells(inner)
    for at in range(len(inner)):
        yield from cells(at, most)


def _bytes_part(data: bytes | None, most: int) -> Part:
    if data is None:
        return Part(b"", gap="error.no-bytes")
    return Part(data, gap="error.too-large" if len(data) > most else None)


def _text_part(data: bytes | None, most: int) -> Part:
    if data is None:
        return Part(b"", gap="error.no-text")
    if len(data) > most:
        return Part(data, gap="error.too-large")
    try:
        return Part(data, data.decode("utf-8"))
    except UnicodeDecodeError:
        return Part(data, gap="error.undecodable")
