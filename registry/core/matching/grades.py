"""How far apart is still the same: the one table from algorithm, kind and distance to a grade.

The budget is one false hit in a thousand queries at 10 million registered works, all codes and variants of a query
counted together: two frames (full and trimmed) in eight turns and mirrorings and as a negative, against two registered
frames; 16 anchors, plain and mirrored, against 16; and in a deep search the same for 23 views of the picture.

| code | distance | grade | false hits a query | |
|---|---|---|---|---|
| digest | 0 | certain | none | equal bytes |
| phash256 | <= 31 | certain | 2.3e-4 | the radius that PDQ uses, and a mirrored copy stays in |
| phash256 | <= 33 | match | 4.0e-4 | x 1.32 a bit: the last radius that leaves room for the rest |
| phash256 | <= 47 | match if the outlines agree, else nothing | + 4e-5 | see below |
| anchors256 | <= 31, and one other agrees | see `anchored` | + 1.3e-5 | a seed alone would be 0.2 |
| deep256 | <= 31, and one other agrees | see `anchored` | + 2.9e-4 | the same, 22 times more |
| deep256 | <= 47, and two others agree | see `anchored` | + 2.4e-4 | a seed alone would be 160 |
| dhash256 | <= 14 | match if the colours agree, else review | | symmetric pictures only, see below |
| minhash128 | <= 25 | certain | | 103 of 128 values equal: Jaccard similarity 0.8, an all but literal copy |
| minhash128 | <= 64 | match | | half of the values equal: the same work; 0 of 8,946 unrelated pages came so near |
| winnow32 | | see `passages_search` | | certain from 5 shared fingerprints on, match from 3 on, trace below |
| phash64 | <= 2 | review | 1e-2 | stated by others, and nothing else is; see below |
| url, domain | 0 | match | none | found where its owner publishes, by proof; what is there may have changed since |

The full and the trimmed frame have the same radii because the budget already counts both on both sides.

Together 9.8e-4. What the figures of anchors rest on: of 1.1e9 pairs of anchors of 1,500 photographs, none was within
47 bits; 1.1e-8 were within 56, and a quarter more with each bit, which makes 1.4e-9 at 47 and 4e-11 at 31. Of 62,324
seeds among strangers (up to 90 bits) 4 were confirmed by one other anchor, so 6.4e-5 a seed, and none by two: among
131 that a laxer limit confirms (100 bits instead of 72) none had a second either, which says less than 1 in 43 of them
with 95 % confidence. `benchmarks/anchor_strangers.py` repeats the count on any pictures.

Anchors that agree may be an element that two works share: letters, a mark, a frame. Too small a share of the frame
(`LEAST_SPAN`) goes to review, and so does what the rest of the two pictures contradicts (see `overlay`):

| review instead of match | of 2,725 right hits on photographs | of 2,920 wrong ones on logos |
|---|---|---|
| less than a quarter of the places that ought to recur does | 0.3 % | 63 % |
| the frames would lie corner to corner, but differ in more than 72 bits of phash256 | 0 (of 1,898 such) | 19 % |
| at most four places, and neither frame lies in the other | 0 | 41 % |

(40 photographs and 40 drawn logos in the same letters, in 79 edits.) Together: of 123,240 pairs of an edited logo and
another registered one 2.1 % were accused without these, 0.4 % with them. For certain it was 0.4 % and is 0.02 %, since
words lie in a line and more has to recur (`SURE_BREADTH`, `SURELY_RECURRING`). The 55 common edits of photographs are
found as before, the harder ones 0.2 points less often.

Where the frames of both have a phash256, these rules only raise doubts, and the two pictures are compared all over (see
`likeness`). How alike they are, how far the places lie beside a line, and how many others recur make the evidence
(`_evidence`); little of it goes to review, and much of it outweighs a doubt. Fitted on 84 logos of seven sets, tried on
72 others of six, with other letters, shapes and layouts, 12 registered at a time, half of them with the letters of
another; and on two sets of 30 photographs:

| | wrong pairs | right hits beyond those of whole frames |
|---|---|---|
| logos fitted on, before and after | 1,131, 548 | 1,449, 1,578 |
| other logos | 625, 261 | 1,262, 1,395 |
| photographs | 0, 0 | 1,186, 1,187 |
| comic pages, paintings, drawings, text pages | 8, 3 | 1,138, 1,146 |

What is left are for the most part wide logos of which the word is the greater part: there, the codes say no more.

Where a deep search looked at a part of an item, the item's whole frame is compared, in which that part has its place.
Its code keeps few waves of what takes up little of it (`ENOUGH_TAKEN`): there, true hits are as little alike as 0.3 (at
a seventh of the item; strangers in the same letters 0.2). Hence less likeness is asked for, and none of several places
that lie in no line. Fitted on 12 logos, 20 photographs and some series of `benchmarks/shared_elements.py`, tried on
other series and 40 photographs: wrong hits among logos with a name beside fell from 56 to 14 of 720 pairs, among those
fitted on from 151 to 61 of 2,772, and 801 right ones on photographs stayed 801.

Between 34 and 47 bits lie copies with a narrow border cut off or turned by a few degrees, and 6.5e-3 strangers a
query. A sample of 64 bits of the same frame's dhash256 tells them apart: within 16 bits lie 94 % of such copies, but
6 of 10,000 strangers (7 of 11,500 pairs of photographs; ten times as many are reckoned with among those near by
phash256, since the two hashes are not independent).

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
missed here goes to review, which keeps it out as well. A picture that is near a registered symmetric one but itself
just passes the gate has a phash256 that no list can meet; by its dhash256 and colours it reaches review at most.

phash64 is for exchange with others. At 10 bits it would find a stranger with every query of 10 million works (1.2e-7 a
pair). At 2 bits it finds one in about a hundred, by the slope between 10 and 5 bits. So it never says more than
that a person has to look, and never beside another hash of the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt
from types import MappingProxyType
from typing import Final

from registry.core.decisions import Grade
from registry.core.fingerprints import (
    ANCHORS256,
    DEEP256,
    DHASH256,
    FULL,
    MD5,
    MINHASH128,
    PHASH64,
    PHASH256,
    SHA256,
    SOURCE_DOMAIN,
    SOURCE_URL,
    TRIMMED,
    WHOLE,
    WINNOW32,
)
from registry.core.matching.anchors import DEEP_SEED, SEED, Agreement
from registry.core.matching.overlay import Overlay

COLOUR_BITS: Final = 2
"""Greatest difference of two colour codes that agree."""
OUTLINE_BITS: Final = 16
"""Greatest difference of two samples of dhash256 that agree."""
LEAST_SPAN: Final = 0.15
"""Of the registered frame, covered by the anchors that agree: less may be a logo, a caption or a watermark."""
FAR_CONFIRMED: Final = 2
"""Anchors that have to agree with a seed beyond `SEED` bits."""
LEAST_RECURRING: Final = 0.25
"""Of the places that ought to recur: fewer are what two works have in common."""
FRAME_BITS: Final = 72
"""Between two whole pictures of which one lies upon the other corner to corner: more are two pictures."""
FEW: Final = 3
"""Confirming anchors that say too little if neither frame lies in the other."""
CONTAINED: Final = 0.95
"""Of a frame, in the other."""
ENOUGH_TAKEN: Final = 0.3
"""Share of an item that a work takes up; of one that takes up less, the code of the item's frame keeps few waves."""
ALIKE: Final = 0.44
"""Evidence (see `_evidence`) below which anchors that agree go to review."""
SURELY_ALIKE: Final = 0.7
"""Evidence that outweighs the doubts above."""
BREADTH_COUNTS: Final = 3.0
MOST_BREADTH: Final = 0.05
"""Shorter sides; what lies still further from a line says no more."""
RECURRING_COUNTS: Final = 0.1
SURELY_CONFIRMED: Final = 3
SURE_SPAN: Final = 0.25
SURELY_RECURRING: Final = 0.4
SURE_BREADTH: Final = 0.03
"""Shorter sides of the registered frame; letters of a word lie nearer to a line."""


@dataclass(frozen=True, slots=True)
class Step:
    """Up to which distance a hit has which grade."""

    furthest: int
    reached: Grade
    alone: Grade | None
    """Its grade unless a second, different hash agrees; `None` if it then means nothing."""

    def as_json(self) -> list[int | str | None]:
        """As it stands in a run's papers: distance, grade, and grade alone."""
        return [self.furthest, self.reached.name.lower(), self.alone and self.alone.name.lower()]


Steps = tuple[Step, ...]
"""The nearest first."""


def _sure(furthest: int, reached: Grade) -> Step:
    return Step(furthest, reached, reached)


_SAME_BYTES: Final[Steps] = (_sure(0, Grade.CERTAIN),)
_PHOTO: Final[Steps] = (_sure(31, Grade.CERTAIN), _sure(33, Grade.MATCH), Step(47, Grade.MATCH, None))
_ANCHORED: Final[Steps] = (Step(SEED, Grade.CERTAIN, None),)
_DEEP: Final[Steps] = (Step(DEEP_SEED, Grade.CERTAIN, None),)
_SYMMETRIC: Final[Steps] = (Step(14, Grade.MATCH, Grade.REVIEW),)
_TEXT: Final[Steps] = (_sure(128 - 103, Grade.CERTAIN), _sure(128 - 64, Grade.MATCH))
_PASSAGE: Final[Steps] = (Step(2**16 - 1, Grade.CERTAIN, None),)
_EXCHANGED: Final[Steps] = (_sure(2, Grade.REVIEW),)
_SAME_PLACE: Final[Steps] = (_sure(0, Grade.MATCH),)

GRADES: Final[Mapping[tuple[str, str], Steps]] = MappingProxyType(
    {
        (SHA256, WHOLE): _SAME_BYTES,
        (MD5, WHOLE): _SAME_BYTES,
        (PHASH256, FULL): _PHOTO,
        (PHASH256, TRIMMED): _PHOTO,
        (ANCHORS256, FULL): _ANCHORED,
        (ANCHORS256, TRIMMED): _ANCHORED,
        (DEEP256, FULL): _DEEP,
        (DEEP256, TRIMMED): _DEEP,
        (DHASH256, FULL): _SYMMETRIC,
        (DHASH256, TRIMMED): _SYMMETRIC,
        (MINHASH128, WHOLE): _TEXT,
        (WINNOW32, WHOLE): _PASSAGE,
        (PHASH64, FULL): _EXCHANGED,
        (PHASH64, TRIMMED): _EXCHANGED,
        (SOURCE_URL, WHOLE): _SAME_PLACE,
        (SOURCE_DOMAIN, WHOLE): _SAME_PLACE,
    }
)
"""By algorithm and *registered* kind; in order of preference where two codes say the same. Codes of `image.deep256.v1`
meet registered `image.anchors256.v1`."""


def radius(algorithm: str, *, alone: bool = False) -> int:
    """The distance beyond which this algorithm says nothing, for all of its kinds.

    `alone`: of a code without any other hash of its frame, which nothing can second.
    """
    known = (steps for (name, _kind), steps in GRADES.items() if name == algorithm)
    counting = (step for steps in known for step in steps if step.alone is not None or not alone)
    return max((step.furthest for step in counting), default=0)


def grade(algorithm: str, kind: str, distance: int, *, seconded: bool = False) -> Grade | None:
    """The grade of a hit on a registered code of this kind, or `None` if it is too far to mean anything.

    `seconded`: whether a second, different hash of the same two frames agrees.
    """
    for step in GRADES.get((algorithm, kind), ()):
        if distance <= step.furthest:
            return step.reached if seconded else step.alone
    return None


def anchored(
    found: Agreement,
    lying: Overlay,
    *,
    whole: bool,
    frames_apart: int | None = None,
    alike: float | None = None,
    taken: float = 1.0,
) -> Grade | None:
    """The grade of anchors that agree: the picture, or a part that others share, which a person has to look at.

    `whole`: whether the item was looked at as a whole, not by a part of it. `frames_apart`: bits between the phash256
    of the two, if they are known and one picture would lie upon the other corner to corner. `alike`: how alike the two
    frames are where they overlap (see `likeness`), if that is known. `taken`: where a part was looked at, the share of
    the whole item that the registered frame takes up.
    """
    if found.confirmed < (1 if found.distance <= SEED else FAR_CONFIRMED):
        return None
    doubted = found.span < LEAST_SPAN or _may_be_shared(found, lying, whole, frames_apart)
    if alike is None:
        if doubted:
            return Grade.REVIEW
    elif _evidence(lying, alike) < _needed(found, lying, taken, doubted):
        return Grade.REVIEW
    sure = found.confirmed >= SURELY_CONFIRMED and found.span >= SURE_SPAN
    surely_all = lying.recurring >= SURELY_RECURRING and lying.breadth >= SURE_BREADTH
    return Grade.CERTAIN if sure and surely_all and not doubted else Grade.MATCH


def _evidence(lying: Overlay, alike: float) -> float:
    """How much says that what agrees is the picture: it is alike all over, its places lie in no line, others recur."""
    return alike + BREADTH_COUNTS * min(lying.breadth, MOST_BREADTH) + RECURRING_COUNTS * lying.recurring


def _needed(found: Agreement, lying: Overlay, taken: float, doubted: bool) -> float:
    """Evidence that is enough. In a collage, a picture is less like itself, and its likeness overcomes no doubt.

    What takes up a share of an item has the root of it in waves across, of those that the item's code keeps. Several
    places that lie in no line need none.
    """
    if taken >= ENOUGH_TAKEN:
        return SURELY_ALIKE if doubted else ALIKE
    if doubted:
        return inf
    wide = found.confirmed > FEW and lying.breadth >= MOST_BREADTH
    return -inf if wide else ALIKE * sqrt(taken / ENOUGH_TAKEN)


def _may_be_shared(found: Agreement, lying: Overlay, whole: bool, frames_apart: int | None) -> bool:
    """Whether what agrees may be an element (letters, a mark) of two works that are not the same."""
    if lying.recurring < LEAST_RECURRING:
        return True
    if frames_apart is not None and frames_apart > FRAME_BITS:
        return True
    return whole and found.confirmed <= FEW and lying.contained < CONTAINED


def outlines_agree(one: int, other: int) -> bool:
    """Whether two samples of dhash256 may be of the same picture. 0 stands for none: no sample agrees with it."""
    return other != 0 and (one ^ other).bit_count() <= OUTLINE_BITS


def colours_agree(one: int, other: int) -> bool:
    """Whether two colour codes (`image.colour42.v1` as integers) may be of the same picture."""
    return (one ^ other).bit_count() <= COLOUR_BITS
