"""How far apart is still the same: the one table from algorithm, kind and distance to a grade.

The budget is one false hit in a thousand queries at 10 million registered works, all codes and variants of a query
counted together: two frames (full and trimmed) in eight turns and mirrorings, against two registered frames.

| code | distance | grade | why |
|---|---|---|---|
| digest | 0 | certain | equal bytes |
| phash256 | <= 31 | certain | 2e-4 false hits a query; the radius that PDQ uses, and a mirrored copy stays in |
| phash256 | <= 36 | match | 8e-4 false hits a query (x 1.32 a bit): the last radius within the budget |
| dhash256 | <= 14 | match if the colours agree, else review | symmetric pictures only, see below |
| minhash128 | <= 25 | certain | 103 of 128 values equal: Jaccard similarity 0.8, an all but literal copy |
| minhash128 | <= 64 | match | half of the values equal: the same work; 0 of 8,946 unrelated pages came so near |
| url, domain | 0 | match | found where its owner publishes, by proof; what is there may have been changed since |

The full and the trimmed frame have the same radii because the budget already counts both on both sides.

Symmetric pictures (ornaments, centred logos) have no usable phash256: so many of its coefficients are equal that
copies differ by up to 104 bits and *different* pictures by less than 31. They have dhash256 instead: copies lie
at 2 (median) to 8 bits (90th percentile). Of 3,540 pairs of different symmetric pictures none was at 14 or less,
but 0.5 % of the pairs of logos were, which differ in colour. Hence a second, different hash must agree: the colour
code, in all but 2 of its 42 bits. Measured on 163 symmetric pictures and logos, the share within so many bits:

| | <= 1 | <= 2 | <= 3 | <= 4 |
|---|---|---|---|---|
| JPEG copies, quality 75 | 87 % | 90 % | 91 % | 93 % |
| copies at half size | 84 % | 95 % | 97 % | 99 % |
| hue turned by a quarter | 15 % | 15 % | 16 % | 16 % |
| another picture within 14 bits of dhash256 | 11 % | 15 % | 24 % | 44 % |

(14 % have no colour that could be turned.) Beyond 2, strangers are gained faster than copies; and a copy that is
missed here goes to review, which keeps it out as well.

phash64 has no row: at 10 million works it finds a stranger with every query. It is for exchange with others.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from registry.core.decisions import Grade
from registry.core.fingerprints import (
    DHASH256,
    FULL,
    MD5,
    MINHASH128,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    SOURCE_URL,
    TRIMMED,
    WHOLE,
)

COLOUR_BITS: Final = 2
"""Greatest difference of two colour codes that agree."""

Steps = tuple[tuple[int, Grade], ...]
"""(greatest distance, grade), the nearest first."""

_SAME_BYTES: Final[Steps] = ((0, Grade.CERTAIN),)
_PHOTO: Final[Steps] = ((31, Grade.CERTAIN), (36, Grade.MATCH))
_SYMMETRIC: Final[Steps] = ((14, Grade.MATCH),)
_TEXT: Final[Steps] = ((128 - 103, Grade.CERTAIN), (128 - 64, Grade.MATCH))
_SAME_PLACE: Final[Steps] = ((0, Grade.MATCH),)

GRADES: Final[Mapping[tuple[str, str], Steps]] = MappingProxyType(
    {
        (SHA256, WHOLE): _SAME_BYTES,
        (MD5, WHOLE): _SAME_BYTES,
        (PHASH256, FULL): _PHOTO,
        (PHASH256, TRIMMED): _PHOTO,
        (DHASH256, FULL): _SYMMETRIC,
        (DHASH256, TRIMMED): _SYMMETRIC,
        (MINHASH128, WHOLE): _TEXT,
        (SOURCE_URL, WHOLE): _SAME_PLACE,
        (SOURCE_DOMAIN, WHOLE): _SAME_PLACE,
    }
)
"""By algorithm and *registered* kind; in order of preference where two codes say the same."""


def radius(algorithm: str) -> int:
    """The distance beyond which this algorithm says nothing, for all of its kinds."""
    return max(steps[-1][0] for (name, _kind), steps in GRADES.items() if name == algorithm)


def grade(algorithm: str, kind: str, distance: int, *, colours_agree: bool = False) -> Grade | None:
    """The grade of a hit on a registered code of this kind, or `None` if it is too far to mean anything."""
    for furthest, reached in GRADES.get((algorithm, kind), ()):
        if distance <= furthest:
            return Grade.REVIEW if algorithm == DHASH256 and not colours_agree else reached
    return None


def colours_agree(one: int, other: int) -> bool:
    """Whether two colour codes (`image.colour42.v1` as integers) may be of the same picture."""
    return (one ^ other).bit_count() <= COLOUR_BITS
