"""Plain texts to codes: a signature for the whole and fingerprints for excerpts, beside the digests of the bytes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from registry.core.errors import TooLarge, TooShort, Undecodable
from registry.core.fingerprints.algorithms import MINHASH128, WINNOW32
from registry.core.fingerprints.digests import digests
from registry.core.fingerprints.minhash import to_lean
from registry.core.fingerprints.model import DEFAULT_LIMITS, WHOLE, FileFingerprints, Fingerprint, Limits
from registry.core.fingerprints.text_engines import text_codes
from registry.core.fingerprints.winnow_records import GUARANTEED, packed

LEAST_BYTES: Final = GUARANTEED
"""Normalised bytes, about 14 words. Shorter texts (a name, a headline) are not told from others' use of them."""


def fingerprint_text(
    text: str, raw: bytes | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> FileFingerprints:
    """Digests of `raw` (by default the text in UTF-8), signature and fingerprints of the normalised text.

    Raises `TooLarge`, `TooShort`, or `Undecodable` for a string that is no Unicode text.
    """
    data = _utf8(text) if raw is None else raw
    if len(data) > limits.max_text_bytes:
        raise TooLarge(
            f"The text has {len(data):,} bytes; at most {limits.max_text_bytes:,} are accepted. "
            "Register the volumes or chapters one by one.",
            size=len(data),
        )
    codes = text_codes(text)
    if codes.length < LEAST_BYTES:
        raise TooShort(
            f"The text has {codes.length} bytes of letters and digits; at least {LEAST_BYTES} (about 14 words) are "
            "needed to tell it from other texts.",
            normalised_bytes=codes.length,
        )
    return FileFingerprints(
        "text",
        "text/plain",
        len(data),
        (
            *digests(data),
            Fingerprint(MINHASH128, WHOLE, to_lean(codes.signature)),
            Fingerprint(WINNOW32, WHOLE, packed(codes.fingerprints)),
        ),
        facts=MappingProxyType({"characters": len(text), "normalised_bytes": codes.length}),
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Undecodable(
            f"The text has half a surrogate pair at position {error.start}: it was cut or decoded wrongly."
        ) from error
