"""What the rows of a table state, read column by column: the same as `metadata.read_row`, a hundred times as fast.

Whatever is odd in a row (a digest that is no hexadecimal, an address that is none, text that is no UTF-8) makes it
doubtful: it is left to `read_row`, so that there is one place that says what becomes of it.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import types

from crawler.sources.columns import is_text
from crawler.sources.metadata import Stated
from registry.core.errors import InvalidInput
from registry.core.fingerprints import ALGORITHMS, PHASH64
from registry.core.fingerprints.addresses import fingerprint_address, parse_address
from registry.core.fingerprints.frequencies import is_ordinary64, may_be_code64

_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[list(b"0123456789")] = np.arange(10)
_NIBBLES[list(b"abcdef")] = _NIBBLES[list(b"ABCDEF")] = np.arange(10, 16)


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of one algorithm in one column, beside the rows that they are of, ascending."""

    algorithm: str
    rows: NDArray[np.int64]
    codes: NDArray[np.uint8]
    """(M, width)."""


@dataclass(frozen=True, slots=True)
class ReadColumns:
    """A batch of rows, read. What is said of doubtful rows means nothing."""

    codes: tuple[Codes, ...]
    """In the order in which `fingerprints_of_row` gives them, as far as one row is concerned."""
    sizes: NDArray[np.int64]
    """Of the values, as `len` has it."""
    unplaced: NDArray[np.bool_]
    """Rows whose gap is `metadata.NO_ADDRESS`; the others have none."""
    addresses: Mapping[int, str]
    """The address of each row that has one, in normal form."""
    doubtful: NDArray[np.bool_]


def read_columns(batch: pa.RecordBatch, stated: Stated) -> ReadColumns:
    """All rows of a batch."""
    count = batch.num_rows
    doubtful, placed, found = (np.zeros(count, np.bool_) for _ in range(3))
    sizes = np.zeros(count, np.int64)
    codes: list[Codes] = []
    addresses: dict[int, str] = {}
    if len(stated.urls) > 1 or stated.domains:
        doubtful[:] = True  # what is said twice counts once; rare enough to be read row by row
        return ReadColumns((), sizes, placed, {}, doubtful)
    for name in stated.columns:
        column = _plain(batch, name)
        if column is None:
            doubtful[:] = True
            break
        sizes += _lengths(column)
        if name in stated.urls:
            own = tuple(_addresses(column, doubtful, placed, addresses))
        else:
            algorithm = dict(stated.codes)[name]
            own = (_digests(column, algorithm, doubtful),)
        codes += own
        for part in own:
            found[part.rows] = True
    unplaced = ~placed if stated.urls else ~found
    return ReadColumns(tuple(codes), sizes, unplaced, addresses, doubtful)


def _plain(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """The column as large strings or bytes; `None` if its texts are no UTF-8."""
    values = batch.column(batch.schema.get_field_index(name))
    while types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not is_text(values.type):
        return values.cast(pa.large_binary())
    values = values.cast(pa.large_string())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return values


def _lengths(column: pa.Array) -> NDArray[np.int64]:
    """Characters or bytes of each value; 0 for null."""
    lengths = pc.utf8_length(column) if is_text(column.type) else pc.binary_length(column)
    return np.asarray(lengths.fill_null(0).cast(pa.int64()))


def _digests(column: pa.Array, algorithm: str, doubtful: NDArray[np.bool_]) -> Codes:
    """A column of codes in hexadecimal or as bytes."""
    found = _stated(column, algorithm, doubtful)
    if algorithm != PHASH64:
        return found
    doubtful[found.rows[~may_be_code64(found.codes)]] = True
    says = is_ordinary64(found.codes)
    return Codes(algorithm, found.rows[says], found.codes[says])


def _stated(column: pa.Array, algorithm: str, doubtful: NDArray[np.bool_]) -> Codes:
    width = ALGORITHMS[algorithm].code_bytes
    wanted = 2 * width if is_text(column.type) else width
    lengths = np.asarray(pc.binary_length(column).fill_null(0).cast(pa.int64()))
    doubtful |= (lengths != wanted) & (lengths != 0)
    rows = np.flatnonzero(lengths == wanted)
    whole = column if len(rows) == len(column) else column.take(pa.array(rows))
    data = _bytes_of(whole).reshape(-1, wanted)
    if not is_text(column.type):
        return Codes(algorithm, rows, data)
    with suppress(ValueError):  # some are no hexadecimal
        return Codes(algorithm, rows, np.frombuffer(unhexlify(data.tobytes()), np.uint8).reshape(-1, width))
    nibbles = _NIBBLES[data]
    wrong = (nibbles == 255).any(axis=1)
    doubtful[rows[wrong]] = True
    good = ~wrong
    return Codes(algorithm, rows[good], nibbles[good, 0::2] * np.uint8(16) + nibbles[good, 1::2])


def _bytes_of(column: pa.Array) -> NDArray[np.uint8]:
    """The content of all values, one after the other."""
    if not len(column):
        return np.zeros(0, np.uint8)
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data, np.uint8)[starts[0] : starts[-1]]


def _addresses(
    column: pa.Array, doubtful: NDArray[np.bool_], placed: NDArray[np.bool_], addresses: dict[int, str]
) -> Iterator[Codes]:
    """A column of addresses: of each the code of the address, then those of the domains that it lies under."""
    found: dict[str, tuple[list[int], list[bytes]]] = {}
    for row, value in enumerate(column.to_pylist()):
        if not value:
            continue
        placed[row] = True
        try:
            address = parse_address(value) if isinstance(value, str) else None
        except InvalidInput:
            address = None
        if address is None:
            doubtful[row] = True
            continue
        addresses[row] = address.url
        for code in fingerprint_address(address):
            rows, codes = found.setdefault(code.algorithm, ([], []))
            rows.append(row)
            codes.append(code.code)
    for algorithm, (rows, codes) in found.items():
        width = ALGORITHMS[algorithm].code_bytes
        data = np.frombuffer(b"".join(codes), np.uint8).reshape(-1, width)
        yield Codes(algorithm, np.array(rows, np.int64), data)
