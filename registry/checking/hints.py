"""The job that looks for hints: what the matcher says about works that came lately, beside works of other owners.

At registration only near-equal full frames and texts are compared (`registry.works.titles`). Here everything is:
trimmed frames, quarter turns, negatives, anchors, symmetric pictures, less similar texts. It may be late or fail
without harm, since nothing follows from a hint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.periods import whole_second
from registry.checking.live import LiveIndex
from registry.core.decisions import Grade
from registry.core.fingerprints import Fingerprint
from registry.core.matching import Match
from registry.works import service as works

KIND = "look-for-hints"
"""The kind of job; its handler is `look_for_hints`."""
_Matching = Callable[[Sequence[Sequence[Fingerprint]]], Sequence[Sequence[Match]]]
_AT_ONCE = 500
_MOST_A_WORK = 20
"""Of a picture that resembles hundreds, no more is told."""


def look_for_hints(database: Database, _payload: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """Look at all works that changed since the last time."""
    index, recorded = LiveIndex(), 0
    while True:
        with database.reading() as session:
            before = works.looked(session)
            upto, codes = works.codes_to_look_at(session, _AT_ONCE)
            if upto == before:
                return {"hints": recorded}
            found = _resembling(index.current(session)[0].match, codes)
        with database.writing() as session:
            recorded += works.record_hints(session, found, upto, whole_second(sources.now()))


def _resembling(
    match: _Matching, codes: Mapping[int, Sequence[Sequence[Fingerprint]]]
) -> list[works.NewHint]:
    """Of each work the older ones that it resembles, the surest first."""
    versions = [(row, version) for row, each in codes.items() for version in each]
    found: dict[int, list[works.NewHint]] = defaultdict(list)
    for (row, _), matches in zip(versions, match([version for _, version in versions]), strict=True):
        for m in matches:
            if m.work_row < row and m.grade >= Grade.REVIEW and not m.by_address:
                name = m.grade.name.lower()
                found[row].append(works.NewHint(row, m.work_row, m.algorithm, m.variant, name, m.distance))
    return [hint for each in found.values() for hint in each[:_MOST_A_WORK]]
