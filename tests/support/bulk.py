"""Lists of works as societies send them."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from registry.core.fingerprints import Fingerprint
from tests.support.works import digests, frame


def code(fingerprint: Fingerprint) -> dict[str, str]:
    """As JSON has it."""
    return {"algorithm": fingerprint.algorithm, "kind": fingerprint.kind, "code": fingerprint.code.hex()}


def picture(name: str, **changes: Any) -> dict[str, Any]:
    """The row of a picture with the codes of one frame; equal names are equal files."""
    codes = [code(f) for f in digests(name) + frame(name)]
    return {"title": f"Picture {name}", "kind": "image", "fingerprints": codes, "size": 1_000} | changes


def digest_row(name: str, **changes: Any) -> dict[str, Any]:
    """The smallest row: one digest."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    codes = [{"algorithm": "digest.sha256.v1", "kind": "whole", "code": digest}]
    return {"title": name, "kind": "text", "fingerprints": codes} | changes


def json_lines(*rows: Any) -> bytes:
    """One document a line."""
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)
