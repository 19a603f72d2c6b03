"""What the page's script sends of a text, made by the server's own algorithms."""

from __future__ import annotations

import io
import json
from typing import Any

from registry.core.fingerprints import MINHASH128, SHA256, WINNOW32, fingerprint_bytes


def said_of_text(data: bytes, **changes: Any) -> tuple[str, bytes]:
    """The field of the form, and the part beside it."""
    found = fingerprint_bytes(data)
    codes = {f.algorithm: f.code for f in found.fingerprints}
    kept = [{"algorithm": name, "kind": "whole", "code": codes[name].hex()} for name in (SHA256, MINHASH128)]
    given = {"media_type": found.media_type, "size": found.size, **found.facts, "codes": kept}
    return json.dumps(given | changes), codes[WINNOW32]


def form_of_text(data: bytes, name: str) -> dict[str, Any]:
    """A form with the codes of one text."""
    codes, passages = said_of_text(data)
    return {"name": name, "codes": codes, "passages-0": (io.BytesIO(passages), "passages")}
