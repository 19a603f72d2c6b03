"""Answers over HTTP that keep coming, or are given up: nobody holds up a program by sending next to nothing.

A time limit on each read does not see to that, since one byte each time is enough to keep it waiting for ever (TUF
calls it a slow retrieval attack); and nothing at all limits the look-up of a name, the TLS handshake, the lines of a
head, or the ends of a body's chunks. So a thread of its own asks and reads, and who wants the bytes waits for it no
longer than is said here. What was given up ends with the program.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import monotonic
from urllib.parse import urljoin

import urllib3
from tuf.api.exceptions import DownloadError

from crawler.connections import reason_of

PATIENCE = 60.0
"""Seconds in which the head must have come, with all retries; and after it each `ENOUGH` bytes, or the end."""
ENOUGH = 600_000
"""Bytes: a line of 80 kilobits a second will do."""

_CHUNK = 1 << 18
_AHEAD = 8
"""Chunks that are read before they are asked for."""
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_RETRIES = urllib3.Retry(
    total=3,
    backoff_factor=0.1,
    status_forcelist=(502, 503, 504),
    respect_retry_after_header=False,  # it would let a server make us sleep for as long as it likes
)


class TooSlow(DownloadError):
    """Something comes, but too little: asking the same again would only cost the same time again."""


class Answer:
    """What an address answers with: status and headers at once, then the body, as it is sent."""

    def __init__(
        self, connections: urllib3.PoolManager, url: str, headers: Mapping[str, str], *, redirects: int
    ) -> None:
        """Ask, and follow so many redirects; `DownloadError` if nobody answers."""
        self.url = url
        self._arrived: queue.Queue[urllib3.BaseHTTPResponse | bytes | Exception] = queue.Queue(_AHEAD)
        self._given_up = threading.Event()
        asked = (connections, headers, redirects)
        threading.Thread(target=self._read, args=asked, daemon=True, name=f"reading {url}").start()
        head = self._next(PATIENCE, "cannot be reached")
        assert isinstance(head, urllib3.BaseHTTPResponse)
        self.status = head.status
        self.headers = head.headers

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces; `DownloadError` if it breaks off, or comes too slowly."""
        deadline, came = monotonic() + PATIENCE, 0
        try:
            while piece := self._next(deadline - monotonic(), "broke off"):
                assert isinstance(piece, bytes)
                came += len(piece)
                if came >= ENOUGH:
                    deadline, came = monotonic() + PATIENCE, 0
                yield piece
        finally:
            self.give_up()

    def discard(self) -> None:
        """Nobody wants the body. A short one is read to its end, so that the connection can be used again."""
        with suppress(DownloadError):
            for _ in zip(range(_AHEAD), self, strict=False):
                pass

    def give_up(self) -> None:
        """Nobody wants the rest."""
        self._given_up.set()
        while not self._arrived.empty():  # lets go a thread that waits for room
            self._arrived.get_nowait()

    def _next(self, seconds: float, trouble: str) -> urllib3.BaseHTTPResponse | bytes:
        try:
            found = self._arrived.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            self.give_up()
            raise TooSlow(
                f"{self.url} {trouble}: it was too slow, and was given up after {PATIENCE:.0f} s"
            ) from None
        if isinstance(
            found, (urllib3.exceptions.HTTPError, ValueError)
        ):  # ValueError: redirected to no address
            raise DownloadError(f"{self.url} {trouble}: {reason_of(found)}") from found
        if isinstance(found, Exception):
            raise found
        return found

    def _read(self, connections: urllib3.PoolManager, headers: Mapping[str, str], redirects: int) -> None:
        """The thread. Whatever goes wrong is raised where it is waited for."""
        try:
            response = _ask(connections, self.url, headers, redirects)
            self._arrived.put(response)
            try:
                while not self._given_up.is_set() and (piece := response.read1(_CHUNK, decode_content=False)):
                    self._arrived.put(piece)
            finally:
                response.close()
            self._arrived.put(b"")
        except Exception as problem:  # noqa: BLE001  # it is raised in the other thread
            self._arrived.put(problem)


def _ask(
    connections: urllib3.PoolManager, url: str, headers: Mapping[str, str], redirects: int
) -> urllib3.BaseHTTPResponse:
    """The answer of this address, or of where it sends us; the last one if it sends us about for too long."""
    response = connections.request(
        "GET",
        url,
        headers=headers,
        preload_content=False,
        timeout=_TIMEOUT,
        retries=_RETRIES,
        redirect=False,
    )
    location = response.get_redirect_location()
    if not location or not redirects:
        return response
    response.close()
    return _ask(connections, urljoin(url, location), headers, redirects - 1)
