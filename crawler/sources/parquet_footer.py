"""What has to be known of a parquet file before Arrow may be let loose on it: is it encrypted, how long are its values.

Arrow ends the whole process when it is asked about a column whose metadata are encrypted. And a page of a few hundred
bytes may stand for as many copies of a value of megabytes as a batch has rows. The numbers of fields are those of
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.sources.thrift import BROKEN, Cursor

_TAIL: Final = 8
"""Bytes behind the footer: its length, and PAR1."""
_ROW_GROUPS, _ENCRYPTION = 4, 8
"""Fields of FileMetaData."""
_COLUMNS: Final = 1
"""Field of RowGroup."""
_CRYPTO_METADATA: Final = 8
"""Field of ColumnChunk."""
_TYPE, _UNPACKED, _PACKED = 1, 2, 3
"""Fields of PageHeader."""
_DICTIONARY_PAGE: Final = 2
_MOST_HEADER = 1 << 10
"""Bytes of a header of a dictionary page; those of data pages may have statistics, and are not read."""
_MOST_UNPACKED = 64 << 20
"""Bytes of a dictionary that is looked into."""


def is_encrypted(raw: BinaryIO) -> bool:
    """Whether values or metadata of a parquet file with a readable footer are encrypted; also if that is unclear."""
    raw.seek(-_TAIL, os.SEEK_END)
    size = int.from_bytes(raw.read(4), "little")
    raw.seek(-_TAIL - size, os.SEEK_END)
    at = Cursor(raw.read(size))
    try:
        for number, kind in at.fields():
            if number == _ENCRYPTION:
                return True
            if number == _ROW_GROUPS:
                return at.list_header()[0] > 0 and _has_encrypted_columns(at)  # groups are alike
            at.skip(kind)
    except BROKEN:
        return True
    return False


def _has_encrypted_columns(at: Cursor) -> bool:
    for number, kind in at.fields():
        if number != _COLUMNS:
            at.skip(kind)
            continue
        for _ in range(at.list_header()[0]):
            for inner, inner_kind in at.fields():
                if inner == _CRYPTO_METADATA:
                    return True
                at.skip(inner_kind)
    return False


def longest_repeated(raw: BinaryIO, group: pq.RowGroupMetaData, least: int) -> int:
    """How many bytes a row of a row group may have whose values are in dictionaries, and so cost the file nothing.

    That is the longest value of each column's dictionary, as often as a row has values in it, added up; dictionaries
    of fewer bytes than `least` do not count.
    """
    columns = (group.column(number) for number in range(group.num_columns))
    return sum(
        _longest_in(raw, column, least) * -(-column.num_values // max(1, group.num_rows))
        for column in columns
        if column.physical_type == "BYTE_ARRAY"
    )


def _longest_in(raw: BinaryIO, column: pq.ColumnChunkMetaData, least: int) -> int:
    begin = min(column.dictionary_page_offset or column.data_page_offset, column.data_page_offset)
    raw.seek(begin)
    at = Cursor(raw.read(_MOST_HEADER))
    header = dict.fromkeys((_TYPE, _UNPACKED, _PACKED), -1)
    try:
        for number, kind in at.fields():
            if number in header:
                header[number] = at.number()
            else:
                at.skip(kind)
            if header[_TYPE] not in (-1, _DICTIONARY_PAGE):
                return 0
    except BROKEN:
        return 0  # of damage, whoever reads the page will tell
    size = header[_UNPACKED]
    if size < least or size > _MOST_UNPACKED:
        return max(size, 0) if size >= least else 0
    raw.seek(begin + at.at)
    try:
        return _longest(_unpacked(raw.read(header[_PACKED]), column.compression, size))
    except (pa.ArrowException, OSError, ValueError):
        return size


def _unpacked(data: bytes, codec: str, size: int) -> bytes:
    if codec == "UNCOMPRESSED":
        return data
    return bytes(pa.Codec(codec.lower()).decompress(data, size, asbytes=True))


def _longest(dictionary: bytes) -> int:
    """Of values that each have their length in front, in 32 bits."""
    at = most = 0
    while at < len(dictionary):
        size = int.from_bytes(dictionary[at : at + 4], "little")
        most, at = max(most, size), at + 4 + size
    return most
