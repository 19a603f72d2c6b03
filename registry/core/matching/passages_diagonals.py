"""Of the fingerprints that an item shares with a text, the band of diagonals that has the most of them.

All pairs of an item and a text at once, in a few passes over columns: what a page has in common with ten thousand works
costs hardly more than ten thousand such passages are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
_PAIR_SHIFT = 34
"""Diagonals lie within 2^32 to either side: so those of different pairs are further apart than a band is wide."""


class Shared(NamedTuple):
    """(N,) fingerprints that are shared, by (pair, diagonal, place)."""

    pairs: Numbers
    """0 for the first pair of an item and a text, and so on."""
    diagonals: Numbers
    """Position in the text less that in the item."""
    places: Numbers
    """Position in the item."""
    values: NDArray[np.uint64]


class Bands(NamedTuple):
    """(P,) of each pair the band with the most different fingerprints; of equals the one of the least diagonals."""

    different: Numbers
    begins: Numbers
    """First place in it."""
    ends: Numbers
    """Last place in it."""
    covered: Numbers
    """Bytes of the item that its fingerprints stand for."""


def best_bands(shared: Shared, width: int, gram: int) -> Bands:
    """Of diagonals that lie within `width`, if each fingerprint stands for `gram` bytes. There is at least one pair."""
    pairs, diagonals, places, values = shared
    firsts = np.flatnonzero(np.r_[True, pairs[1:] != pairs[:-1]])
    key = (pairs << _PAIR_SHIFT) + diagonals
    stops = np.searchsorted(key, key + width, side="right")
    counts = stops - np.arange(len(key))
    different = np.maximum.reduceat(counts, firsts)
    most = np.flatnonzero(counts == different[pairs])
    chosen = most[np.searchsorted(pairs[most], np.arange(len(firsts)))]
    for pair in _that_repeat(pairs, values):
        first, end = int(firsts[pair]), int(firsts[pair + 1]) if pair + 1 < len(firsts) else len(pairs)
        within = (stops[first:end] - first).tolist()
        at, different[pair] = _most_different(values[first:end].tolist(), within)
        chosen[pair] = first + at
    sizes = stops[chosen] - chosen
    begins = np.cumsum(sizes) - sizes
    members = np.arange(int(sizes.sum())) + np.repeat(chosen - begins, sizes)
    ordered = places[members][np.lexsort((places[members], pairs[members]))]
    gaps = np.minimum(np.diff(ordered, prepend=0), gram)
    gaps[begins] = gram
    return Bands(different, ordered[begins], ordered[begins + sizes - 1], np.add.reduceat(gaps, begins))


def _that_repeat(pairs: Numbers, values: NDArray[np.uint64]) -> list[int]:
    """The pairs that share a fingerprint in several places."""
    order = np.lexsort((values, pairs))
    pair, value = pairs[order], values[order]
    again = (pair[1:] == pair[:-1]) & (value[1:] == value[:-1])
    repeating: list[int] = np.unique(pair[1:][again]).tolist()
    return repeating


def _most_different(values: list[int], stops: list[int]) -> tuple[int, int]:
    """Where the window [i, stops[i]) with the most different values begins, and how many it has."""
    within: dict[int, int] = {}
    end = chosen = most = 0
    for begin, value in enumerate(values):
        for entering in values[end : stops[begin]]:
            within[entering] = within.get(entering, 0) + 1
        end = stops[begin]
        if len(within) > most:
            chosen, most = begin, len(within)
        within[value] -= 1
        if not within[value]:
            del within[value]
    return chosen, most
