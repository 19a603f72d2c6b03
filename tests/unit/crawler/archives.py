"""Web archives for tests, written record by record, so that broken ones can be written as well."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from struct import pack
from uuid import UUID

from crawler.sources.warc_packed import zstd

PAGE = "https://example.org/page"


def urn(number: int) -> str:
    """The id of a record."""
    return f"urn:uuid:{UUID(int=number)}"


def record(kind: str, number: int | None, block: bytes, target: str | None = PAGE, **fields: str) -> bytes:
    """One record; fields by their names with `_` for `-`."""
    lines = [f"WARC-Type: {kind}", f"Content-Length: {len(block)}"]
    if number is not None:
        lines.append(f"WARC-Record-ID: <{urn(number)}>")
    if target is not None:
        lines.append(f"WARC-Target-URI: {target}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(["WARC/1.0", *lines, "", ""]).encode() + block + b"\r\n\r\n"


def response(number: int, body: bytes, target: str = PAGE, head: Sequence[str] = (), **fields: str) -> bytes:
    """A page or file as a crawler stores it."""
    message = "\r\n".join(["HTTP/1.1 200 OK", *head, "", ""]).encode() + body
    fields = {"Content_Type": "application/http; msgtype=response"} | fields
    return record("response", number, message, target, **fields)


def packed(*records: bytes) -> bytes:
    """One gzip member each."""
    return b"".join(gzip.compress(one, mtime=0) for one in records)


def frames(*records: bytes, dictionary: zstd.ZstdDict | None = None) -> bytes:
    """One frame of Zstandard each."""
    return b"".join(zstd.compress(one, zstd_dict=dictionary) for one in records)


def to_skip(content: bytes, kind: int = 0xD) -> bytes:
    """A frame that readers skip; the default kind holds a dictionary."""
    return pack("<II", 0x184D2A50 + kind, len(content)) + content
