"""Content in, bits out: frozen algorithms, the same on every machine, with vectors that anyone can run."""

from registry.core.fingerprints.addresses import fingerprint_url
from registry.core.fingerprints.algorithms import (
    ADDRESSES,
    ALGORITHMS,
    ANCHORS256,
    COLOUR42,
    DEEP256,
    DHASH256,
    MD5,
    MINHASH128,
    PHASH64,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    SOURCE_URL,
    WINNOW32,
    Algorithm,
    check_code,
)
from registry.core.fingerprints.files import fingerprint_bytes, look_up_bytes
from registry.core.fingerprints.image import fingerprint_image
from registry.core.fingerprints.minhash import from_lean, to_lean
from registry.core.fingerprints.model import (
    FULL,
    TRIMMED,
    WHOLE,
    FileFingerprints,
    Fingerprint,
    Later,
    Limits,
    Note,
)
from registry.core.fingerprints.text import LaterSignature, fingerprint_text, look_up_texts, signature_of
from registry.core.fingerprints.text_normal import characters_at
from registry.core.fingerprints.vectors import selftest

__all__ = [
    "ADDRESSES",
    "ALGORITHMS",
    "ANCHORS256",
    "COLOUR42",
    "DEEP256",
    "DHASH256",
    "FULL",
    "MD5",
    "MINHASH128",
    "PHASH64",
    "PHASH256",
    "SHA256",
    "SOURCE_DOMAIN",
    "SOURCE_URL",
    "TRIMMED",
    "WHOLE",
    "WINNOW32",
    "Algorithm",
    "FileFingerprints",
    "Fingerprint",
    "Later",
    "LaterSignature",
    "Limits",
    "Note",
    "characters_at",
    "check_code",
    "fingerprint_bytes",
    "fingerprint_image",
    "fingerprint_text",
    "fingerprint_url",
    "from_lean",
    "look_up_bytes",
    "look_up_texts",
    "selftest",
    "signature_of",
    "to_lean",
]
