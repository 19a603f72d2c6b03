"""The frozen algorithms and their ids. A changed parameter is a new id; an id never changes its meaning."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from registry.core.errors import InvalidInput
from registry.core.fingerprints.anchors_records import records
from registry.core.fingerprints.deep import VIEWS
from registry.core.fingerprints.model import FULL, TRIMMED, WHOLE
from registry.core.fingerprints.winnow_records import unpacked

SHA256: Final = "digest.sha256.v1"
MD5: Final = "digest.md5.v1"
PHASH256: Final = "image.phash256.v1"
DHASH256: Final = "image.dhash256.v1"
PHASH64: Final = "image.phash64.v1"
COLOUR42: Final = "image.colour42.v1"
ANCHORS256: Final = "image.anchors256.v1"
DEEP256: Final = "image.deep256.v1"
MINHASH128: Final = "text.minhash128.v1"
WINNOW32: Final = "text.winnow32.v1"
SOURCE_URL: Final = "source.url.v1"
SOURCE_DOMAIN: Final = "source.domain.v1"

ADDRESSES: Final = frozenset({SOURCE_URL, SOURCE_DOMAIN})
"""They say where something was found, not what it is."""

LEAN_HEADER: Final = struct.Struct("<qiB")
"""datasketch's LeanMinHash: seed, minus the number of values, scheme (1 = affine32); the values follow."""
LEAN_SEED, LEAN_VALUES, LEAN_SCHEME = 1, 128, 1


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One frozen way from content to a code of `code_bytes` bytes, or to several that are stored as one."""

    id: str
    media: str
    code_bytes: int
    kinds: tuple[str, ...]
    description: str


_FRAMES = (FULL, TRIMMED)
_ALL = (
    Algorithm(SHA256, "file", 32, (WHOLE,), "SHA-256 of the original bytes"),
    Algorithm(MD5, "file", 16, (WHOLE,), "MD5 of the original bytes, for exchange with older lists"),
    Algorithm(
        PHASH256, "image", 32, _FRAMES, "16x16 low frequencies of the 64x64 luma, each against the median"
    ),
    Algorithm(DHASH256, "image", 32, _FRAMES, "sign of 16x16 horizontal differences of the 17x16 luma"),
    Algorithm(PHASH64, "image", 8, _FRAMES, "8x8 low frequencies of the 32x32 luma; for exchange only"),
    Algorithm(
        COLOUR42, "image", 8, _FRAMES, "shares of black, grey and twelve colours in 42 bits; a tie-breaker"
    ),
    Algorithm(
        ANCHORS256, "image", 32, _FRAMES, "up to 16 places in a picture, each with its surroundings' phash256"
    ),
    Algorithm(DEEP256, "image", 32, VIEWS, "anchors of a picture's parts; only looked for, never registered"),
    Algorithm(MINHASH128, "text", 525, (WHOLE,), "128 minima over all 16-byte grams of the normalised text"),
    Algorithm(WINNOW32, "text", 8, (WHOLE,), "where a 32-byte gram is the least of 32, and its 64-bit hash"),
    Algorithm(SOURCE_URL, "address", 32, (WHOLE,), "tagged SHA-256 of a page's or file's normal address"),
    Algorithm(
        SOURCE_DOMAIN, "address", 32, (WHOLE,), "tagged SHA-256 of a host, or of a domain with all below"
    ),
)

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType({a.id: a for a in _ALL})


def check_code(algorithm: str, kind: str, code: bytes) -> None:
    """Refuse (`InvalidInput`) a code from outside that no such algorithm can have made."""
    known = ALGORITHMS.get(algorithm)
    if known is None:
        raise InvalidInput(
            f"“{algorithm[:80]}” is no algorithm of this registry; known are {', '.join(sorted(ALGORITHMS))}."
        )
    if kind not in known.kinds:
        raise InvalidInput(f"{algorithm} has codes of kind {' or '.join(known.kinds)}, not “{kind[:80]}”.")
    if algorithm in (ANCHORS256, DEEP256):
        records(code)
    elif algorithm == WINNOW32:
        unpacked(code)
    elif len(code) != known.code_bytes:
        raise InvalidInput(f"A code of {algorithm} has {known.code_bytes} bytes; this one has {len(code)}.")
    if algorithm == MINHASH128:
        _check_signature(code)


def _check_signature(code: bytes) -> None:
    """A LeanMinHash of another seed, size or scheme compares as noise, an empty one equals every empty one."""
    seed, values, scheme = LEAN_HEADER.unpack_from(code)
    if (seed, values, scheme) != (LEAN_SEED, -LEAN_VALUES, LEAN_SCHEME):
        raise InvalidInput(
            f"A code of {MINHASH128} is a LeanMinHash of datasketch 2 with 128 values, seed 1 and scheme affine32, "
            "serialised with byte order '<'; this one has other parameters."
        )
    if b"\xff\xff\xff\xff" in (code[i : i + 4] for i in range(LEAN_HEADER.size, len(code), 4)):
        raise InvalidInput("This text signature is empty: it was made from a text without a single gram.")
