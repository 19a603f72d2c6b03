"""A file of any kind to its fingerprints: the one entrance for registration, filtering and checking."""

from __future__ import annotations

from dataclasses import replace

from registry.core.errors import TooLarge, Undecodable
from registry.core.fingerprints.algorithms import MD5
from registry.core.fingerprints.image import fingerprint_image
from registry.core.fingerprints.lookups import look_up_image
from registry.core.fingerprints.model import DEFAULT_LIMITS, FileFingerprints, Limits
from registry.core.fingerprints.sniff import decode_text, document_format, image_format
from registry.core.fingerprints.text import fingerprint_text


def fingerprint_bytes(
    data: bytes, *, limits: Limits = DEFAULT_LIMITS, deep: bool = False
) -> FileFingerprints:
    """Everything that can be computed from these bytes; what they are is told from the bytes alone.

    With `deep`, pictures have the codes of their parts as well, which are for looking only.
    Raises `UnsupportedMedia`, `Undecodable`, `TooLarge` or `TooShort`, each with what to do about it.
    """
    _refuse_empty_or_huge(data, limits)
    if image_format(data) is not None:
        return fingerprint_image(data, limits=limits, deep=deep)
    if (form := document_format(data)) is not None:
        from registry.core.fingerprints.documents import fingerprint_document  # lxml only where it is needed

        return fingerprint_document(data, form, limits=limits)
    return fingerprint_text(decode_text(data), data, limits=limits)


def look_up_bytes(
    data: bytes, *, limits: Limits = DEFAULT_LIMITS, deep: bool = False, exact_decode: bool = False
) -> FileFingerprints:
    """What is needed to look these bytes up, and not to register them: see `lookups` for what differs.

    With `deep` nothing does for pictures, and there are the codes of their parts besides. Texts have no MD5. Raises as
    `fingerprint_bytes`.
    """
    if image_format(data) is None:
        found = fingerprint_bytes(data, limits=limits)
        return replace(found, fingerprints=tuple(f for f in found.fingerprints if f.algorithm != MD5))
    if deep:
        return fingerprint_bytes(data, limits=limits, deep=True)
    _refuse_empty_or_huge(data, limits)
    return look_up_image(data, limits=limits, exact_decode=exact_decode)


def _refuse_empty_or_huge(data: bytes, limits: Limits) -> None:
    if not data:
        raise Undecodable("The file is empty.")
    if len(data) > limits.max_file_bytes:
        raise TooLarge(
            f"The file has {len(data):,} bytes; at most {limits.max_file_bytes:,} are accepted.",
            size=len(data),
        )
