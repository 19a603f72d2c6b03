r"""A random sample of claim rows that whoever is audited cannot steer: a pure function of the auditor's seed.

A row's rank is SHA-256 over the seed and the row's place, which the log fixed when the row was reported; the sample
is the rows with the lowest ranks. So anyone who has the places can draw it again, a smaller sample is the beginning
of a larger one, and rows of others do not change which of yours are drawn. No root is in it: who could append an
entry after seeing the seed could otherwise try until the sample pleases.

    rank = SHA-256("vorbehalt-sample-v1\n" || SHA-256(seed in UTF-8) || log index (8 bytes) || row (4 bytes))

Numbers are big-endian; the row is counted from 0 in its claim.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

_TAG = b"vorbehalt-sample-v1\n"


class Place(NamedTuple):
    """Where a claim row stands: the log index of its claim's entry, and its number in the claim, from 0."""

    log_index: int
    row: int


def rank(seed: str, place: Place) -> bytes:
    """What rows are drawn by, the lowest first; 32 bytes."""
    number = place.log_index.to_bytes(8, "big") + place.row.to_bytes(4, "big")
    return sha256(_TAG + sha256(seed.encode()).digest() + number).digest()


def draw(seed: str, places: Iterable[Place], count: int) -> list[Place]:
    """The `count` places with the lowest ranks, in that order; all of them if there are fewer."""
    return heapq.nsmallest(count, places, key=lambda place: rank(seed, place))
