"""Get one small text from a host that somebody named to us, without being turned against anybody.

The address is resolved once, checked, and connected to as it is, so that a name which changes its mind in between
leads nowhere. TLS must prove the host. No redirect is followed, no proxy is used, and one deadline covers everything,
however slowly the bytes come.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Final

import registry

SECONDS: Final = 10.0
"""For the whole exchange with one host."""
MAX_BODY: Final = 8 * 1024
_MAX_HEAD: Final = 16 * 1024
_ADDRESSES: Final = 3
"""How many of a host's addresses are tried."""


class FetchFailed(Exception):
    """There was no usable answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host said."""

    status: int
    body: bytes
    """The first `MAX_BODY` bytes and one more, if there are more."""
    location: str | None
    """Where it would have sent us."""


def fetch(host: str, path: str, addresses: Sequence[str], context: ssl.SSLContext, port: int = 443) -> Answer:
    """GET https://host/path from one of these addresses, which the caller has checked; `FetchFailed` says why not."""
    ends = time.monotonic() + SECONDS
    try:
        with (
            _connect(addresses, port, ends) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.settimeout(_left(ends))
            secure.sendall(_request(host if port == 443 else f"{host}:{port}", path))
            return _parse(_receive(secure, ends))
    except ssl.SSLError as error:
        raise FetchFailed(f"it has no valid certificate ({error.reason or 'TLS failed'})") from error
    except TimeoutError as error:
        raise FetchFailed(f"it did not answer within {SECONDS:.0f} seconds") from error
    except OSError as error:
        raise FetchFailed(f"it could not be reached ({error.strerror or type(error).__name__})") from error


def _connect(addresses: Sequence[str], port: int, ends: float) -> socket.socket:
    failure: OSError = OSError("it has no address")
    for address in addresses[:_ADDRESSES]:
        try:
            connected = socket.create_connection((address, port), timeout=_left(ends) / 2)
        except OSError as error:
            failure = error
            continue
        connected.settimeout(_left(ends))
        return connected
    raise failure


def _request(authority: str, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {authority}",
        f"User-Agent: vorbehalt/{registry.__version__} (proof of a domain claim)",
        "Accept: text/plain",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _receive(connection: socket.socket, ends: float) -> bytes:
    """All bytes until the host hangs up, at most head and body together."""
    received = bytearray()
    while len(received) <= _MAX_HEAD + MAX_BODY:
        connection.settimeout(_left(ends))
        part = connection.recv(4096)
        if not part:
            break
        received += part
    return bytes(received)


def _parse(received: bytes) -> Answer:
    if b"\r\n\r\n" not in received[:_MAX_HEAD]:
        raise FetchFailed("it does not speak HTTP as we know it (no end of the headers)")

    class Received:
        """What `HTTPResponse` wants of a socket."""

        def makefile(self, *_: object) -> io.BytesIO:
            return io.BytesIO(received)

    try:
        response = HTTPResponse(Received())  # type: ignore[arg-type]
        response.begin()
        body = response.read(MAX_BODY + 1)
    except (HTTPException, ValueError) as error:
        raise FetchFailed(f"it does not speak HTTP as we know it ({type(error).__name__})") from error
    if response.length and len(body) <= MAX_BODY:
        raise FetchFailed("its answer broke off")
    return Answer(response.status, body, response.headers.get("Location"))


def _left(ends: float) -> float:
    """Seconds until the deadline; `TimeoutError` when it has passed."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
