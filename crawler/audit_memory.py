"""What an auditor remembers between audits: how far the log was verified, and what was found against it.

STATE/policy        whom to trust, if it was not given with each audit
STATE/verified.json the last checkpoint that held, with the edge of its tree and the facts read so far
STATE/progress.json the same in the middle of an audit, for a checkpoint that is not verified to its end yet
STATE/evidence/     signed checkpoints that contradict each other
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from crawler.audit_facts import Facts
from registry.core import durable
from registry.core.errors import Corrupt, NotFound
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.merkle import Edge
from registry.core.tlog.notes import Note

POLICY, VERIFIED, PROGRESS, EVIDENCE = "policy", "verified.json", "progress.json", "evidence"


@dataclass
class Standing:
    """A place in the log: entries before it are hashed into the edge and read."""

    note: str = ""
    """The signed checkpoint that it belongs to; empty at the very beginning."""
    edge: Edge = field(default_factory=Edge)
    facts: Facts = field(default_factory=Facts)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What that checkpoint says."""
        return Checkpoint.parse(Note.parse(self.note).text) if self.note else None

    def to_bytes(self) -> bytes:
        """As a file."""
        document = {
            "note": self.note,
            "size": self.edge.size,
            "peaks": bytes(self.edge).hex(),
            "facts": self.facts.as_json(),
        }
        return json.dumps(document, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Standing:
        """Inverse of `to_bytes`."""
        document = json.loads(data)
        edge = Edge(int(document["size"]), bytes.fromhex(document["peaks"]))
        return cls(str(document["note"]), edge, Facts.from_json(document["facts"]))


class Memory:
    """An auditor's folder; without one, nothing is remembered."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            (folder / EVIDENCE).mkdir(parents=True, exist_ok=True)

    def policy(self) -> str | None:
        """The policy that was kept."""
        data = self._read(POLICY)
        return None if data is None else data.decode()

    def keep_policy(self, text: str) -> None:
        """Trust it from now on."""
        self._write(POLICY, text.encode())

    def standing(self, name: str) -> Standing | None:
        """`VERIFIED` or `PROGRESS`; `Corrupt` if somebody changed it, for then nothing that follows would hold."""
        data = self._read(name)
        if data is None:
            return None
        try:
            return Standing.from_bytes(data)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise Corrupt(
                f"{name} in {self._folder} is damaged; delete it to begin the audit anew."
            ) from problem

    def keep(self, name: str, standing: Standing) -> None:
        """Durably."""
        self._write(name, standing.to_bytes())

    def drop_progress(self) -> None:
        """The next audit begins where the last verified one ended."""
        if self._folder is not None:
            (self._folder / PROGRESS).unlink(missing_ok=True)

    def keep_evidence(self, *notes: str) -> Path:
        """Signed notes that cannot all be true; `NotFound` without a folder to keep them in."""
        if self._folder is None:
            raise NotFound("Nothing is kept without --state.")
        data = "\n".join(notes).encode()
        path = self._folder / EVIDENCE / f"{sha256(data).hexdigest()}.txt"
        durable.replace_file(path, data)
        return path

    def _read(self, name: str) -> bytes | None:
        if self._folder is None:
            return None
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        if self._folder is not None:
            durable.replace_file(self._folder / name, data)
