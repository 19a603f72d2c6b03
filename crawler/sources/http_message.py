"""What an HTTP message in a WARC record carries: the body, unpacked, and what is said about it (RFC 9112, RFC 9110).

Crawlers store messages as they came, or with the body already joined and unpacked and the headers left as they were.
So a header is believed only if the body agrees with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from crawler.sources.unpacking import NotUnpacked, packing_of, unpack

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_END = re.compile(rb"(?:[!-9;-~]+:[^\r\n]*\r\n)*\s*")
"""What may stand behind the last chunk: trailer fields (RFC 9112, 7.1.2)."""
_CODINGS = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "br": "brotli", "zstd": "zstd"}
_MOST_CODINGS = 4
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Payload:
    """A body, with the type that was stated for it: nobody has to believe it."""

    data: bytes
    media_type: str = ""
    charset: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Of the message, in order; a name may repeat."""

    @classmethod
    def of(cls, data: bytes, content_type: str, headers: tuple[tuple[str, str], ...] = ()) -> Payload:
        """With the parts of a `Content-Type`."""
        charset = _CHARSET.search(content_type)
        return cls(
            data, content_type.partition(";")[0].strip().lower(), charset[1] if charset else None, headers
        )


def payload_of(message: bytes, max_bytes: int) -> Payload:
    """The body of a request or response. `NotUnpacked` if it cannot be had in full."""
    head, _, body = message.partition(b"\r\n\r\n")
    pairs = _headers(head)
    headers = dict(pairs)  # of several of one name the last, which is what crawlers read
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _joined(body)
    codings = [
        part.strip().lower() for part in headers.get("content-encoding", "").split(",") if part.strip()
    ]
    if len(codings) > _MOST_CODINGS:
        raise NotUnpacked("error.undecodable")
    for coding in reversed(codings):
        body = _decoded(body, coding, max_bytes)
    return Payload.of(body, headers.get("content-type", ""), pairs)


def _headers(head: bytes) -> tuple[tuple[str, str], ...]:
    """Names in lower case and values, in order."""
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return tuple((name.strip().lower(), value.strip()) for name, colon, value in lines if colon)


def _joined(body: bytes) -> bytes:
    """The chunks as one; a body that does not begin with a chunk is one already.

    Something behind the last chunk would be read by programs that do not join, and by no other.
    """
    pieces: list[bytes] = []
    at = 0
    while (found := _CHUNK.match(body, at)) is not None:
        size = int(found[1], 16)
        if size == 0:
            if _END.fullmatch(body, found.end()) is None:
                raise NotUnpacked("error.trailing-data")
            return b"".join(pieces)
        start = found.end()
        at = start + size + 2
        pieces.append(body[start : start + size])
        if body[at - 2 : at] != b"\r\n":
            break
    if at == 0:
        return body
    raise NotUnpacked("error.undecodable")


def _decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    """One coding undone, unless the crawler did so; the kinds that can be told from their first bytes are."""
    codec = _CODINGS.get(coding)
    if coding == "identity" or not body or (codec in ("gzip", "zstd") and packing_of(body) != codec):
        return body
    if codec is None:
        raise NotUnpacked("error.unsupported")
    return unpack(body, codec, max_bytes)
