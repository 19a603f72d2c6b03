"""What of a run's manifest is drawn: the way from seen to kept, and how close the matches were.

The manifest is the lab's own statement. Its counts add up, or it would not have been taken; nothing else in it is
relied on here, so a threshold is only drawn where it can be one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.core.fingerprints import DHASH256, MINHASH128, PHASH256
from registry.core.histograms import Histogram, histogram
from registry.core.matching.grades import radius
from registry.core.records.runs import RunManifest

_CHARTS = ((PHASH256, "full"), (DHASH256, "full"), (MINHASH128, "whole"))
_GRADES = frozenset({"certain", "match", "review"})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: what is left, and what was lost to get there."""

    name: str
    """`seen`, `checked`, `not-reserved`, `sure`, `kept` or `licensed`."""
    left: int
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """The distances of one algorithm's matches."""

    algorithm: str
    histogram: Histogram


def steps(manifest: RunManifest) -> list[Step]:
    """From seen to kept; steps at which nothing was lost are left out."""
    counts = manifest.counts
    unchecked = sum(
        n for reason, n in counts.by_reason.items() if reason.startswith(("error.", "unchecked."))
    )
    left, found = counts.seen, [Step("seen", counts.seen)]
    for name, lost in (
        ("checked", unchecked),
        ("not-reserved", counts.by_verdict.get("deny", 0)),
        ("sure", counts.by_verdict.get("review", 0)),
    ):
        lost = min(lost, left - counts.kept)
        if lost > 0:
            left -= lost
            found.append(Step(name, left, lost))
    found.append(Step("kept", counts.kept, left - counts.kept))
    if counts.by_verdict.get("licensed", 0):
        found.append(Step("licensed", min(counts.by_verdict["licensed"], counts.kept)))
    return found


def charts(manifest: RunManifest) -> list[Chart]:
    """A histogram for each algorithm of pictures and texts that decided about anything."""
    counted = manifest.counts.by_distance or {}
    return [
        Chart(
            algorithm,
            histogram(
                _distances(counted[algorithm]), _grades(manifest, f"{algorithm}/{kind}"), radius(algorithm)
            ),
        )
        for algorithm, kind in _CHARTS
        if counted.get(algorithm)
    ]


def recognised(manifest: RunManifest) -> Mapping[str, int]:
    """How many items each algorithm recognised, most first; empty if the run does not say."""
    counted = manifest.counts.by_distance or {}
    sums = {algorithm: sum(distances.values()) for algorithm, distances in counted.items()}
    return dict(sorted(sums.items(), key=lambda each: (-each[1], each[0])))


def _distances(counted: Mapping[str, int]) -> dict[int, int]:
    return {int(distance): number for distance, number in counted.items() if len(distance) < 6}


def _grades(manifest: RunManifest, name: str) -> Sequence[Sequence[Any]]:
    """The thresholds that the run states for this code, as far as they are any."""
    stated = manifest.parameters.get("grades")
    found = stated.get(name) if isinstance(stated, Mapping) else None
    if not isinstance(found, list | tuple) or not all(map(_is_step, found)):
        return []
    return sorted(found, key=lambda step: int(step[0]))


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, list | tuple)
        and len(step) >= 2
        and type(step[0]) is int
        and 0 <= step[0] < 10_000
        and isinstance(step[1], str)
        and step[1] in _GRADES
    )
