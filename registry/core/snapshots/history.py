"""Which steps files are published: few, one after the other, back to the oldest edition that still counts.

Every publish adds a file with one step. Once there are more than `MOST_FILES`, two neighbours become one, chosen so
that the newest stay short: who is an hour behind fetches an hour, who is a week behind about a week or two. No file
that was joined covers more than a week, and a file goes when its last edition is 28 days old. So what was in an edition
stays in the steps for 35 days at most. (Thirteen files in 28 days always have neighbours that together cover less than
a week.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from registry.core.snapshots.steps import MOST_FILES, StepsName
from registry.core.snapshots.times import from_text, to_text

SERVED = 28 * 24 * 3600
"""Seconds for which an edition can be the start of steps."""
LONGEST = 7 * 24 * 3600
"""Seconds between the first and the last edition of files that were joined."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A steps file, or several to be joined."""

    parts: tuple[StepsName, ...]
    since: int
    until: int
    """When its first and its last edition were made, in POSIX seconds."""

    @property
    def name(self) -> StepsName:
        """Of the file."""
        return StepsName(self.parts[0].first, self.parts[-1].last)

    @property
    def facts(self) -> dict[str, str]:
        """What is signed about the file."""
        return {"since": to_text(self.since), "until": to_text(self.until)}

    @classmethod
    def of(cls, name: StepsName, facts: dict[str, str]) -> Stretch:
        """A published file; `KeyError` or `ValueError` if these are not its facts."""
        return cls((name,), from_text(facts["since"]), from_text(facts["until"]))


def stretches(published: Sequence[Stretch], newest: Stretch, now: int) -> list[Stretch]:
    """What to publish, oldest first, given what was published and the newest step; without gaps, up to that step."""
    kept = [newest]
    for stretch in sorted(published, key=lambda s: s.name.last, reverse=True):
        if stretch.name.last == kept[0].name.first and stretch.until > now - SERVED:
            kept.insert(0, stretch)
    while len(kept) > MOST_FILES and (place := _best_to_join(kept)) is not None:
        one, next_one = kept[place : place + 2]
        kept[place : place + 2] = [Stretch(one.parts + next_one.parts, one.since, next_one.until)]
    return kept


def _best_to_join(kept: Sequence[Stretch]) -> int | None:
    """The neighbours that are shortest measured by how much comes after them; `None` if all would be too long."""
    goal = kept[-1].name.last
    costs = {
        (two.name.last - one.name.first) / (goal - two.name.last + 1): place
        for place, (one, two) in enumerate(pairwise(kept))
        if two.until - one.since <= LONGEST
    }
    return costs[min(costs)] if costs else None
