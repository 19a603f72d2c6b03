"""Single files, fingerprinted on this machine; and the form in which fingerprints travel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from registry.core.errors import InvalidInput, TooLarge
from registry.core.fingerprints import FileFingerprints, fingerprint_bytes
from registry.core.fingerprints.model import DEFAULT_LIMITS, Limits


def read_file(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The file's bytes; `InvalidInput` if it cannot be read, `TooLarge` before a byte of it is."""
    try:
        size = path.stat().st_size
        if size > limits.max_file_bytes:
            raise TooLarge(
                f"The file has {size:,} bytes; at most {limits.max_file_bytes:,} are taken.", size=size
            )
        return path.read_bytes()
    except OSError as problem:
        raise InvalidInput(f"It cannot be read: {problem.strerror}.") from problem


def fingerprint_file(path: Path, limits: Limits = DEFAULT_LIMITS) -> FileFingerprints:
    """All fingerprints of one file; `InvalidInput` or one of its kinds says what is wrong with it."""
    return fingerprint_bytes(read_file(path, limits), limits=limits)


def as_document(found: FileFingerprints) -> dict[str, Any]:
    """Fingerprints and what is known about the file beside them, as JSON."""
    return {
        "media": found.media,
        "media_type": found.media_type,
        "size": found.size,
        "facts": dict(found.facts),
        "fingerprints": [
            {"algorithm": f.algorithm, "kind": f.kind, "code": f.code.hex()} for f in found.fingerprints
        ],
        "notes": [{"code": n.code, "message": n.message} for n in found.notes],
    }
