"""Plain texts to codes: one MinHash signature for the whole text, beside the digests of its bytes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from registry.core.errors import TooLarge, TooShort, Undecodable
from registry.core.fingerprints.algorithms import MINHASH128
from registry.core.fingerprints.digests import digests
from registry.core.fingerprints.minhash import signature_of, to_lean
from registry.core.fingerprints.model import DEFAULT_LIMITS, WHOLE, FileFingerprints, Fingerprint, Limits

LEAST_BYTES: Final = 63
"""Normalised bytes, about 14 words. Shorter texts (a name, a headline) are not told from others' use of them."""


def fingerprint_text(
    text: str, raw: bytes | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> FileFingerprints:
    """Digests of `raw` (by default the text in UTF-8) and the signature of the normalised text.

    Raises `TooLarge`, `TooShort`, or `Undecodable` for a string that is no Unicode text.
    """
    data = _utf8(text) if raw is None else raw
    if len(data) > limits.max_text_bytes:
        raise TooLarge(
            f"The text has {len(data):,} bytes; at most {limits.max_text_bytes:,} are accepted. "
            "Register the volumes or chapters one by one.",
            size=len(data),
        )
    signature, length = signature_of(text)
    if length < LEAST_BYTES:
        raise TooShort(
            f"The text has {length} bytes of letters and digits; at least {LEAST_BYTES} (about 14 words) are needed "
            "to tell it from other texts.",
            normalised_bytes=length,
        )
    return FileFingerprints(
        "text",
        "text/plain",
        len(data),
        (*digests(data), Fingerprint(MINHASH128, WHOLE, to_lean(signature))),
        facts=MappingProxyType({"characters": len(text), "normalised_bytes": length}),
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Undecodable(
            f"The text has half a surrogate pair at position {error.start}: it was cut or decoded wrongly."
        ) from error
