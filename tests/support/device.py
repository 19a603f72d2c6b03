"""What the page's script says of a picture, made here by the server's own code."""

from __future__ import annotations

import json
from typing import Any

from registry.core.fingerprints import fingerprint_image

LEFT_OUT = frozenset({"digest.md5.v1", "image.anchors256.v1"})
"""Codes that a browser does not make."""


def said(data: bytes, **changes: Any) -> str:
    """What a browser would send of a picture."""
    found = fingerprint_image(data)
    codes = [
        {"algorithm": f.algorithm, "kind": f.kind, "code": f.code.hex()}
        for f in found.fingerprints
        if f.algorithm not in LEFT_OUT
    ]
    facts = {"width": found.facts["width"], "height": found.facts["height"]}
    return json.dumps({"media_type": found.media_type, "size": found.size, **facts, "codes": codes} | changes)
