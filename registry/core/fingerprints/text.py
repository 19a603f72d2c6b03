"""Plain texts to codes: a signature for the whole and fingerprints for excerpts, beside the digests of the bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from registry.core.errors import InvalidInput, TooLarge, TooShort, Undecodable
from registry.core.fingerprints.algorithms import MINHASH128, WINNOW32
from registry.core.fingerprints.digests import digests, sha256_of
from registry.core.fingerprints.model import DEFAULT_LIMITS, WHOLE, FileFingerprints, Fingerprint, Limits
from registry.core.fingerprints.text_disguises import DISGUISED, is_disguised
from registry.core.fingerprints.text_engines import many_codes
from registry.core.fingerprints.winnow_records import GUARANTEED

LEAST_BYTES: Final = GUARANTEED
"""Normalised bytes, about 14 words. Shorter texts (a name, a headline) are not told from others' use of them."""


def fingerprint_text(
    text: str, raw: bytes | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> FileFingerprints:
    """Digests of `raw` (by default the text in UTF-8), signature and fingerprints of the normalised text.

    Raises `TooLarge`, `TooShort`, or `Undecodable` for a string that is no Unicode text.
    """
    data = _utf8(text) if raw is None else raw
    if (refusal := _too_large(data, limits)) is not None:
        raise refusal
    encoded = text.encode("utf-8", "surrogatepass")
    made = many_codes([encoded])
    ((passages, length),), (signature,) = made.stored_fingerprints(), made.stored_signatures()
    if (too_short := _too_short(length)) is not None:
        raise too_short
    codes = (
        *digests(data),
        Fingerprint(MINHASH128, WHOLE, signature),
        Fingerprint(WINNOW32, WHOLE, passages),
    )
    return FileFingerprints(
        "text",
        "text/plain",
        len(data),
        codes,
        (DISGUISED,) if is_disguised(encoded) else (),
        facts=MappingProxyType({"characters": len(text), "normalised_bytes": length}),
    )


def look_up_texts(
    texts: Sequence[tuple[bytes, bytes]], *, limits: Limits = DEFAULT_LIMITS, lazy_signatures: bool = False
) -> list[tuple[Fingerprint, ...] | InvalidInput]:
    """What `fingerprint_text` makes, but for MD5, or raises of many texts: short ones cost far less together.

    Each is given in the UTF-8 that `str.encode` makes of it, and as the bytes that it has in its file. With
    `lazy_signatures` no signature is made, see `LaterSignature`.
    """
    small = [text for text, data in texts if len(data) <= limits.max_text_bytes]
    made = many_codes(small, signed=not lazy_signatures)
    passages, signatures = made.stored_fingerprints(), made.stored_signatures()
    return [
        _too_large(data, limits) or _looked_up(data, *next(passages), next(signatures, None))
        for _, data in texts
    ]


@dataclass(frozen=True, slots=True)
class LaterSignature:
    """The signature of a text that is looked up, given only if it is asked for; see `model.Later`."""

    make: Callable[[], Fingerprint]

    def anchors(self) -> tuple[Fingerprint, ...]:
        """A text has none."""
        return ()

    def colours(self) -> tuple[Fingerprint, ...]:
        """Nor these."""
        return ()

    def signature(self) -> tuple[Fingerprint, ...]:
        """Its signature."""
        return (self.make(),)


def signature_of(text: bytes) -> Fingerprint:
    """Of one text in the UTF-8 that `str.encode` makes of it."""
    (signature,) = many_codes([text]).stored_signatures()
    return Fingerprint(MINHASH128, WHOLE, signature)


def _looked_up(
    data: bytes, passages: bytes, length: int, signature: bytes | None
) -> tuple[Fingerprint, ...] | TooShort:
    if (too_short := _too_short(length)) is not None:
        return too_short
    fingerprints = Fingerprint(WINNOW32, WHOLE, passages)
    if signature is None:
        return sha256_of(data), fingerprints
    return sha256_of(data), Fingerprint(MINHASH128, WHOLE, signature), fingerprints


def _too_short(length: int) -> TooShort | None:
    if length >= LEAST_BYTES:
        return None
    return TooShort(
        f"The text has {length} bytes of letters and digits; at least {LEAST_BYTES} (about 14 words) are "
        "needed to tell it from other texts.",
        normalised_bytes=length,
    )


def _too_large(data: bytes, limits: Limits) -> TooLarge | None:
    if len(data) <= limits.max_text_bytes:
        return None
    return TooLarge(
        f"The text has {len(data):,} bytes; at most {limits.max_text_bytes:,} are accepted. "
        "Register the volumes or chapters one by one.",
        size=len(data),
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Undecodable(
            f"The text has half a surrogate pair at position {error.start}: it was cut or decoded wrongly."
        ) from error
