"""The run manifest, `run.json`: what a filter run read, by which rules and which edition, and what came out.

Everything that decides the outcome is hashed, and the hash is the run's id: whoever repeats the run on other
machines, with any number of workers, after any number of resumptions, gets the same id. What may differ between
two such runs (host, times, workers) stands in `runtime`, outside the hash. Addresses are relative.
"""

# ruff: noqa: RUF009 - `member` makes a dataclass field, whatever its type

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from registry.core.decisions import Policy, Purpose, Verdict
from registry.core.decisions.terms import check_territory
from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.canonical import canonical, parse
from registry.core.records.shapes import (
    Record,
    count,
    digest,
    each,
    member,
    one_of,
    optional,
    plain,
    record,
    relative_uri,
    table,
    text,
    word,
)

SCHEMA_VERSION = 1
_VERDICTS = tuple(verdict.name.lower() for verdict in Verdict)


def _territory(value: Any, where: str) -> str:
    return check_territory(word(value, where))


@dataclass(frozen=True)
class Tool(Record):
    """The program that ran."""

    name: str = member("name", word)
    version: str = member("version", word)


@dataclass(frozen=True)
class AlgorithmUsed(Record):
    """A fingerprint algorithm, and the digest of the vectors against which it was tested before the run."""

    id: str = member("id", word)
    vectors_sha256: str = member("vectors_sha256", digest)


@dataclass(frozen=True)
class SnapshotUsed(Record):
    """The edition of the registry that was filtered against."""

    sequence: int = member("sequence", count)
    created: int = member("created", count)
    """POSIX seconds."""
    change_seq: int = member("change_seq", count)
    works_root: str = member("works_root", digest)
    log_size: int = member("log_size", count)
    log_root: str = member("log_root", digest)
    lists: Mapping[str, str] = member("lists", table(digest))
    """SHA-256 of each list that was searched, by its name."""
    stale_override: str | None = member("stale_override", optional(text), default=None)
    """The reason that was given for using an expired edition."""


@dataclass(frozen=True)
class FileUsed(Record):
    """A file that was read or written: where, how long, which bytes, how many items."""

    uri: str = member("uri", relative_uri)
    bytes: int = member("bytes", count)
    sha256: str = member("sha256", digest)
    rows: int = member("rows", count)
    format: str | None = member("format", optional(word), default=None)


@dataclass(frozen=True)
class Counts(Record):
    """How many items there were. Kept and dropped add up to seen, and so does each breakdown but by distance."""

    seen: int = member("seen", count)
    kept: int = member("kept", count)
    dropped: int = member("dropped", count)
    by_verdict: Mapping[str, int] = member("by_verdict", table(count))
    """allow, deny, licensed, review, unknown."""
    by_reason: Mapping[str, int] = member("by_reason", table(count))
    by_media: Mapping[str, int] = member("by_media", table(count))
    by_distance: Mapping[str, Mapping[str, int]] | None = member(
        "by_distance", optional(table(table(count))), default=None
    )
    """Of the items that match a work: the algorithm of the match that decided, and how far apart the codes are. Runs of
    earlier releases have none."""

    def __post_init__(self) -> None:
        """Refuse counts that do not add up: an item that is in no column was lost."""
        super().__post_init__()
        for verdict in self.by_verdict:
            one_of(*_VERDICTS)(verdict, "A key of by_verdict")
        by_distance = self.by_distance or {}
        if not all(distance.isdecimal() for distances in by_distance.values() for distance in distances):
            raise InvalidInput("The keys of by_distance are algorithms, and of each of them whole distances.")
        matched = sum(sum(distances.values()) for distances in by_distance.values())
        if matched > self.seen:
            raise InvalidInput(f"The counts do not add up: seen is {self.seen}, by_distance is {matched}.")
        sums = {
            "kept + dropped": self.kept + self.dropped,
            "by_verdict": sum(self.by_verdict.values()),
            "by_reason": sum(self.by_reason.values()),
            "by_media": sum(self.by_media.values()),
        }
        for name, total in sums.items():
            if total != self.seen:
                raise InvalidInput(f"The counts do not add up: seen is {self.seen}, {name} is {total}.")


@dataclass(frozen=True)
class RunManifest(Record):
    """One filter run. `run_id` is the SHA-256 of the canonical JSON of all members but `runtime`."""

    tool: Tool = member("tool", record(Tool))
    decoders: Mapping[str, str] = member("decoders", table(word))
    """Name and version of every library that turned bytes into pixels or text."""
    algorithms: tuple[AlgorithmUsed, ...] = member("algorithms", each(record(AlgorithmUsed)))
    snapshot: SnapshotUsed = member("snapshot", record(SnapshotUsed))
    purpose: str = member("purpose", one_of(*Purpose))
    policy: str = member("policy", one_of(*Policy))
    territory: str = member("territory", _territory)
    at: int = member("at", count)
    """The moment for which permission was asked, POSIX seconds."""
    parameters: Mapping[str, Any] = member("parameters", table(plain))
    """Radii, variants, gates and switches: whatever else decides the outcome."""
    inputs: tuple[FileUsed, ...] = member("inputs", each(record(FileUsed)))
    outputs: tuple[FileUsed, ...] = member("outputs", each(record(FileUsed)))
    verdicts: FileUsed = member("verdicts", record(FileUsed))
    codes: FileUsed = member("codes", record(FileUsed))
    """The fingerprints of all items, kept ones too, so that the run can be verified without the originals."""
    counts: Counts = member("counts", record(Counts))
    signals: Mapping[str, int] = member("signals", table(count))
    """How many items carried which opt-out signal; empty if none was looked for."""
    runtime: Mapping[str, Any] = member("runtime", table(plain))
    """Not hashed: started, ended, milliseconds, workers, host_class, resumed_from, ..."""
    licensee: str | None = member("licensee", optional(word), default=None)
    licences: tuple[str, ...] = member("licences", each(word), default=())
    """The licences that were relied on, `agreement_…@<tariff version>`, sorted."""
    previous_run: str | None = member("previous_run", optional(digest), default=None)
    """The run of which this one continues or repeats the work."""

    @cached_property
    def hashed_part(self) -> bytes:
        """The canonical JSON that the id is the digest of."""
        members = self.as_json()
        del members["runtime"]
        return canonical({"schema_version": SCHEMA_VERSION, **members})

    @property
    def run_id(self) -> str:
        """SHA-256 of the hashed part, in hexadecimal."""
        return sha256(self.hashed_part).hexdigest()

    def to_bytes(self) -> bytes:
        """The file `run.json`, in canonical JSON."""
        return canonical({"schema_version": SCHEMA_VERSION, "run_id": self.run_id, **self.as_json()})

    @classmethod
    def parse(cls, data: bytes) -> RunManifest:
        """Read a `run.json`. `InvalidInput` if it is malformed, `VerificationFailed` if its id is not its digest."""
        members = parse(data, "run.json")
        if not isinstance(members, dict):
            raise InvalidInput("run.json must be an object.")
        version, claimed = members.pop("schema_version", None), members.pop("run_id", None)
        if version != SCHEMA_VERSION:
            raise InvalidInput(
                f"run.json has schema_version {version!r}; this program reads {SCHEMA_VERSION}. Is it up to date?"
            )
        manifest = cls.from_json(members, "run.json")
        if claimed != manifest.run_id:
            raise VerificationFailed(
                "run.json was changed after the run: its run_id is not the digest of its contents.",
                claimed=claimed,
                computed=manifest.run_id,
            )
        return manifest
