"""`lists/edition.json`: what an edition consists of, and the digests by which each part is known.

Its own digest is signed (see `trust`), so it binds all other files. It is canonical JSON (RFC 8785), and only the
file names that follow from its lists may occur in it: a path that leaves the folder cannot be expressed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.core.errors import Corrupt, InvalidInput
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.snapshots.times import from_text, to_text

FORMAT = "vorbehalt.edition.v1"
MANIFEST = "lists/edition.json"
WORKS = "lists/works.arrow"
TERMS = "lists/terms.jsonl"

_ALGORITHM = re.compile(r"[a-z0-9]+(\.[a-z0-9]+){1,4}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def list_file(algorithm: str) -> str:
    """Name of the file with the codes of this algorithm; `InvalidInput` if that is no algorithm id."""
    if not _ALGORITHM.fullmatch(algorithm) or len(algorithm) > 64:
        raise InvalidInput(f"“{algorithm[:80]}” is not the id of an algorithm, such as image.phash256.v1.")
    return f"lists/{algorithm}.arrow"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and SHA-256 (hex) of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ListEntry:
    """How many codes a list has, and of how many bytes each."""

    rows: int
    code_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts about one edition."""

    sequence: int
    created: int
    """POSIX seconds."""
    change_seq: int
    """The last change of the registry that is in it."""
    log_size: int
    log_root: bytes
    """Size and root of the usage log when the edition was made."""
    works: int
    """Rows of the works table; the row of a withdrawn work is kept."""
    works_root: bytes
    """RFC 6962 root over the works table."""
    lists: Mapping[str, ListEntry]
    files: Mapping[str, FileEntry]

    @property
    def summary(self) -> dict[str, Any]:
        """What the signed metadata repeats about this edition, so that it can be read without the files."""
        return {
            "change_seq": self.change_seq,
            "created": to_text(self.created),
            "log": {"root": self.log_root.hex(), "size": self.log_size},
            "sequence": self.sequence,
            "works": {"root": self.works_root.hex(), "rows": self.works},
        }

    def to_bytes(self) -> bytes:
        """The file's content."""
        lists = {name: {"code_bytes": e.code_bytes, "rows": e.rows} for name, e in self.lists.items()}
        files = {name: {"sha256": e.sha256, "size": e.size} for name, e in self.files.items()}
        return canonical({"format": FORMAT, **self.summary, "lists": lists, "files": files})

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Inverse of `to_bytes`; `Corrupt` for anything that `to_bytes` would not have written."""
        try:
            facts = parse_canonical(data, MANIFEST)
            if facts["format"] != FORMAT:
                raise Corrupt(
                    f"{MANIFEST} has the format {str(facts['format'])[:40]!r}, and this version of the program reads "
                    f"{FORMAT} only. Install the newest version."
                )
            manifest = cls._from_json(facts)
            complete = manifest.to_bytes() == data
        except (InvalidInput, KeyError, TypeError, ValueError, AttributeError) as problem:
            raise Corrupt(f"{MANIFEST} cannot be read ({problem}); run `vorbehalt sync` again.") from problem
        expected = {WORKS, TERMS, *map(list_file, manifest.lists)}
        if not complete or set(manifest.files) != expected:
            raise Corrupt(
                f"{MANIFEST} has unknown or missing parts; a newer version of this program may read it."
            )
        return manifest

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Manifest:
        for name in data["lists"]:
            list_file(name)
        return cls(
            sequence=_count(data["sequence"]),
            created=from_text(data["created"]),
            change_seq=_count(data["change_seq"]),
            log_size=_count(data["log"]["size"]),
            log_root=_digest(data["log"]["root"]),
            works=_count(data["works"]["rows"]),
            works_root=_digest(data["works"]["root"]),
            lists={
                k: ListEntry(_count(v["rows"]), _count(v["code_bytes"])) for k, v in data["lists"].items()
            },
            files={
                k: FileEntry(_count(v["size"]), _digest(v["sha256"]).hex()) for k, v in data["files"].items()
            },
        )


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no count")
    return value


def _digest(value: Any) -> bytes:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is no SHA-256 in hexadecimal")
    return bytes.fromhex(value)
