"""Hand out stored files over HTTP: whole or in parts, and not at all to who has them already (RFC 9110, 13 and 14)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

from flask import Response, request
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified
from werkzeug.wsgi import wrap_file

from registry.base.files import Store
from registry.core.errors import InvalidInput, NotFound

_ONE_YEAR = 365 * 24 * 3600
_CHUNK = 64 << 10


def small_file(store: Store, path: str, *, max_age: int | None) -> Response:
    """A file that is read into memory; `max_age` in seconds, `None` for ever. `NotFound` if there is none."""
    try:
        data = store.get(path)
    except InvalidInput:
        data = None
    if data is None:
        raise NotFound("There is no such file.")
    response = Response(data, mimetype=_media_type(path))
    _cache(response, sha256(data).hexdigest(), max_age, private=False)
    response.make_conditional(request.environ)
    return response


def large_file(store: Store, path: str, *, digest: str, private: bool) -> Response:
    """A file whose name carries its digest, streamed from the store; `NotFound` if there is none.

    A transfer that breaks off can be resumed by a range. `private`: no cache in between may keep it.
    """
    try:
        size = store.size(path)
    except InvalidInput:
        size = None
    if size is None:
        raise NotFound("There is no such file.")
    response = Response(mimetype=_media_type(path), direct_passthrough=True)
    response.accept_ranges = "bytes"
    _cache(response, digest, None, private=private)
    if not is_resource_modified(request.environ, etag=digest):
        response.status_code = 304
        return response
    start, stop = _asked_for(size, digest)
    response.content_length = stop - start
    if (start, stop) != (0, size):
        response.status_code = 206
        response.content_range = ContentRange("bytes", start, stop, size)
    if request.method != "HEAD":
        _send(response, store.open(path, start, stop - start), whole=(start, stop) == (0, size))
    return response


def _media_type(path: str) -> str:
    return "application/json" if path.endswith(".json") else "application/octet-stream"


def _cache(response: Response, etag: str, max_age: int | None, *, private: bool) -> None:
    response.set_etag(etag)
    if private:
        response.cache_control.private = True
    else:
        response.cache_control.public = True
    response.cache_control.max_age = _ONE_YEAR if max_age is None else max_age
    response.cache_control.immutable = max_age is None


def _asked_for(size: int, digest: str) -> tuple[int, int]:
    """The bytes [start, stop) that are asked for: all, unless it is one range of the file that the client knows."""
    asked, condition = request.range, request.if_range
    other_file = condition.date is not None or (condition.etag is not None and condition.etag != digest)
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or other_file:
        return 0, size
    first, end = asked.ranges[0]
    start, stop = first if first >= 0 else max(size + first, 0), size if end is None else min(end, size)
    if start >= stop:
        raise RequestedRangeNotSatisfiable(length=size)
    return start, stop


def _send(response: Response, stream: BinaryIO | None, *, whole: bool) -> None:
    """A server that can hands a whole file to the kernel; else, and a part always, it is counted out."""
    if stream is None:
        raise NotFound("There is no such file.")
    response.call_on_close(stream.close)
    if whole and "wsgi.file_wrapper" in request.environ:
        response.response = wrap_file(request.environ, stream, _CHUNK)
    else:
        response.response = _chunks(stream, int(response.content_length or 0))


def _chunks(stream: BinaryIO, length: int) -> Iterator[bytes]:
    with stream:
        while length and (data := stream.read(min(_CHUNK, length))):
            length -= len(data)
            yield data
