"""Logs and witnesses for tests: a log in memory that can be made to lie, and witnesses on ports of this machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from crawler.witness import KEY_FILE, Witness, open_key
from crawler.witness_server import WitnessServer
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note, SigningKey, VerifierKey
from registry.core.tlog.submissions import Submission

START = 1_800_000_000


class PaperLog:
    """A log of so many leaves, with its key; two with one key are a fork."""

    def __init__(self, key: SigningKey, name: str = "claim") -> None:
        self.key, self.name = key, name

    def leaves(self, size: int) -> list[bytes]:
        """The first leaf hashes."""
        return [merkle.leaf_hash(f"{self.name}-{n}".encode()) for n in range(size)]

    def note(self, size: int) -> Note:
        """The signed checkpoint of this size."""
        return Checkpoint(self.key.name, size, merkle.root(self.leaves(size))).signed(self.key)

    def submission(self, old: int, size: int) -> bytes:
        """As an honest log submits its growth."""
        proof = merkle.consistency_proof(old, self.leaves(size)) if old <= size else []
        return str(Submission(old, tuple(proof), self.note(size))).encode()


@dataclass(frozen=True)
class RunningWitness:
    """A witness that answers over HTTP."""

    witness: Witness
    key: VerifierKey
    url: str

    def line(self, name: str) -> str:
        """Its line in a policy."""
        return f"witness {name} {self.key} {self.url}\n"


@contextmanager
def serving(
    folder: Path, name: str, *logs: VerifierKey, now: Callable[[], int] | None = None
) -> Iterator[RunningWitness]:
    """A witness of these logs on a free port, until the block ends; its clock ticks with every look at it."""
    folder.mkdir(exist_ok=True)
    key = open_key(folder / KEY_FILE, name)
    seconds = itertools.count(START)
    witness = Witness(folder, key, logs, now or (lambda: next(seconds)))
    with WitnessServer(("127.0.0.1", 0), witness) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield RunningWitness(witness, key.verifier(), f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()
            witness.close()
