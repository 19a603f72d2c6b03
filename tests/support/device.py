"""What the page's script says of a picture or a text, made here by the server's own code."""

from __future__ import annotations

import io
import json
from functools import lru_cache
from typing import Any

from registry.core.fingerprints import MINHASH128, SHA256, WINNOW32, fingerprint_bytes, fingerprint_image

LEFT_OUT = frozenset({"digest.md5.v1", "image.anchors256.v1"})
"""Codes that a browser does not make."""


_fingerprints = lru_cache(64)(fingerprint_image)


def said(data: bytes, **changes: Any) -> str:
    """What a browser would send of a picture."""
    found = _fingerprints(data)
    codes = [
        {"algorithm": f.algorithm, "kind": f.kind, "code": f.code.hex()}
        for f in found.fingerprints
        if f.algorithm not in LEFT_OUT
    ]
    facts = {"width": found.facts["width"], "height": found.facts["height"]}
    return json.dumps({"media_type": found.media_type, "size": found.size, **facts, "codes": codes} | changes)


def said_of_text(data: bytes, **changes: Any) -> tuple[str, bytes]:
    """What a browser would send of a text: the field of the form, and the part beside it."""
    found = fingerprint_bytes(data)
    codes = {f.algorithm: f.code for f in found.fingerprints}
    kept = [{"algorithm": name, "kind": "whole", "code": codes[name].hex()} for name in (SHA256, MINHASH128)]
    given = {"media_type": found.media_type, "size": found.size, **found.facts, "codes": kept}
    return json.dumps(given | changes), codes[WINNOW32]


def form_of_text(data: bytes, name: str) -> dict[str, Any]:
    """A form with the codes of one text."""
    codes, passages = said_of_text(data)
    return {"name": name, "codes": codes, "passages-0": (io.BytesIO(passages), "passages")}
