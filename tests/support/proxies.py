"""A network between two programs that a test can cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_CHUNK = 16 << 10


@dataclass
class Line:
    """A line to a server. It ends, in mid-sentence, when so many bytes were sent to the server; `None`: never."""

    url: str
    left: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, count: int) -> bool:
        """Whether the line still holds after this many more bytes."""
        with self._lock:
            if self.left is not None:
                self.left = max(self.left - count, 0)
            return self.left != 0


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """A line to the HTTP server at `url`; `line.url` is the server's address as seen through it."""
    target = (urlsplit(url).hostname or "", urlsplit(url).port or 80)
    listener = socket.create_server(("127.0.0.1", 0))
    line = Line(f"http://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=_accept, args=(listener, target, line), daemon=True)
    thread.start()
    try:
        yield line
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _accept(listener: socket.socket, target: tuple[str, int], line: Line) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_connect, args=(client, target, line), daemon=True).start()


def _connect(client: socket.socket, target: tuple[str, int], line: Line) -> None:
    with client, suppress(OSError), socket.create_connection(target) as server:
        back = threading.Thread(target=_copy, args=(server, client, None), daemon=True)
        back.start()
        _copy(client, server, line)
        back.join()


def _copy(source: socket.socket, sink: socket.socket, line: Line | None) -> None:
    """Pass on what comes; when one side ends, or the line is cut, both do."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            if line is not None and not line.sent(len(data)):
                break
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
