"""A wire that breaks: forwards connections to a server on this machine, and cuts some of them in the middle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Wire:
    """How often answers are still cut, and after how many of their bytes."""

    address: str
    cuts: int = 0
    after: int = 0
    done: int = 0
    """Cuts so far."""

    def take(self) -> bool:
        """Whether the next long answer is to be cut."""
        if self.cuts <= 0:
            return False
        self.cuts -= 1
        self.done += 1
        return True


@contextmanager
def wire(server: str) -> Iterator[Wire]:
    """A wire to the server at this address; yields it with an address of its own."""
    target = (urlsplit(server).hostname or "", urlsplit(server).port or 80)
    listening = socket.create_server(("127.0.0.1", 0))
    this = Wire(f"http://127.0.0.1:{listening.getsockname()[1]}")
    threading.Thread(target=_accept, args=(listening, target, this), daemon=True).start()
    try:
        yield this
    finally:
        listening.close()


def _accept(listening: socket.socket, target: tuple[str, int], this: Wire) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        far = socket.create_connection(target)
        threading.Thread(target=_forward, args=(near, far, None), daemon=True).start()
        threading.Thread(target=_forward, args=(far, near, this), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket, this: Wire | None) -> None:
    """One direction; the answers' one may be cut."""
    with suppress(OSError):
        while data := source.recv(65_536):
            if this is not None and len(data) > this.after > 0 and this.take():
                sink.sendall(data[: this.after])
                break
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
