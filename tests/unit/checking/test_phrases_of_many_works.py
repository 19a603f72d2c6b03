"""However many works share a phrase, the live check marks what an edition would, and finds the same works."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checking.base_files import Base, Lists
from registry.checking.layers import merged
from registry.checking.phrases import Layer, all_owners, known_phrases, with_phrases_marked
from registry.core.fingerprints import WINNOW32, Fingerprint
from registry.core.fingerprints.winnow_records import Fingerprints, packed
from registry.core.matching import NOBODY, ListColumns, Match, Matcher, with_common_marked
from registry.core.matching.passages_common import learned

Texts = Sequence[tuple[int, int, Sequence[int]]]
"""Row of the work, its owner, the fingerprints in their order."""
OWN = 1 << 20
"""Fingerprints from here on are in no other text."""


def text_of(row: int, phrases: Sequence[int]) -> list[int]:
    """Phrases of four fingerprints each, with six of its own before, between and behind them."""
    own = iter(range(OWN * (row + 1), OWN * (row + 2)))
    between = [[next(own) for _ in range(6)] for _ in range(len(phrases) + 1)]
    parts = [[*between[n], *(100 * phrase + n for n in range(4))] for n, phrase in enumerate(phrases)]
    return [value for part in (*parts, between[-1]) for value in part]


def listed(texts: Texts) -> dict[str, ListColumns]:
    rows = np.repeat([row for row, _, _ in texts], [len(values) for _, _, values in texts]).astype(np.uint32)
    places = np.concatenate(
        [np.arange(len(values), dtype=np.uint64) * np.uint64(16) for _, _, values in texts]
    )
    values = np.concatenate([np.array(values, "<u8") for _, _, values in texts])
    kinds = np.full(len(rows), 2, np.uint8)
    return {WINNOW32: ListColumns(values.view(np.uint8).reshape(-1, 8), rows, kinds, places)}


def page(phrase: int) -> tuple[Fingerprint]:
    values = [*range(10, 16), *(100 * phrase + n for n in range(4)), *range(20, 26)]
    positions = np.arange(len(values), dtype=np.uint32) * 16
    return (Fingerprint(WINNOW32, "whole", packed(Fingerprints(positions, np.array(values, np.uint64)))),)


class Live:
    """A base and what is recent, followed text by text as `registry.checking.live` does it."""

    def __init__(self, texts: Texts) -> None:
        self.owners = {row: owner for row, owner, _ in texts}
        owners = all_owners(self._base({}, np.empty(0, np.int64)), self.owners)
        lists = with_common_marked(listed(texts), owners)
        self.base = self._base(lists, owners)
        self.recent: Lists = {}
        self.superseded = frozenset[int]()

    @staticmethod
    def _base(lists: Lists, owners: np.ndarray) -> Base:
        known = learned(lists[WINNOW32]) if lists else np.empty(0, np.uint64)
        return Base(0, lists, Matcher(lists), owners, known)

    def register(self, row: int, owner: int, values: Sequence[int]) -> None:
        self.owners[row] = owner
        layers = (
            Layer(self.base.lists, self.base.matcher, self.superseded),
            Layer(self.recent, Matcher(self.recent), frozenset()),
        )
        fresh = listed([(row, owner, values)])
        owners = all_owners(self.base, self.owners)
        known = known_phrases(self.base, self.recent)
        marked, altered = with_phrases_marked(fresh, layers, known, owners)
        self.recent = merged(self.recent, altered, marked)
        self.superseded |= altered

    def match(self, items: Sequence[Sequence[Fingerprint]]) -> list[list[Match]]:
        old, new = self.base.matcher.match(items), Matcher(self.recent).match(items)
        both = zip(old, new, strict=True)
        return [
            sorted([m for m in a if m.work_row not in self.superseded] + list(b), key=lambda m: m.order)
            for a, b in both
        ]


def in_an_edition(texts: Texts) -> Matcher:
    owners = np.array([owner for _, owner, _ in texts], np.int64)
    return Matcher(with_common_marked(listed(texts), owners))


def agree(live: Live, texts: Texts, phrases: Sequence[int]) -> int:
    """Compare what both find of pages with these phrases; returns how many works they find of all."""
    asked = [page(phrase) for phrase in phrases]
    published = [sorted(found, key=lambda m: m.order) for found in in_an_edition(texts).match(asked)]
    assert live.match(asked) == published
    return sum(map(len, published))


@pytest.mark.parametrize(("first", "others"), [(1, [3]), (NOBODY, [3, 4])])
def test_the_third_owner_is_counted_however_many_works_the_others_have(first: int, others: list[int]) -> None:
    """Of one owner 300 works have a phrase, or of hidden ones; the second owner's is newer than all of these."""
    texts = [(row, first, text_of(row, [1])) for row in range(300)]
    texts.append((300, 2, text_of(300, [1, 2])))
    live = Live(texts)
    assert agree(live, texts, [1, 2]) == 302
    for row, owner in enumerate(others, start=301):
        assert agree(live, texts, [1]) == row
        texts.append((row, owner, text_of(row, [1])))
        live.register(*texts[-1])
    assert agree(live, texts, [1]) == 0
    assert agree(live, texts, [2]) == 1
    assert live.superseded == set(range(301, 301 + len(others) - 1)) | set(range(301))


def test_what_an_author_repeats_in_hundreds_of_books_is_found_in_all() -> None:
    """In the base and among recent works alike."""
    texts = [(row, 1, text_of(row, [1])) for row in range(280)]
    live = Live(texts)
    for row in range(280, 320):
        texts.append((row, 1, text_of(row, [1, 3])))
        live.register(*texts[-1])
    assert agree(live, texts, [1, 3]) == len(texts) + 40


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True)),
        min_size=2,
        max_size=24,
    ),
    st.integers(1, 20),
)
def test_live_check_and_edition_agree_after_each_registration(
    works: list[tuple[int, list[int]]], in_base: int
) -> None:
    texts = [(row, owner, text_of(row, phrases)) for row, (owner, phrases) in enumerate(works)]
    live = Live(texts[:in_base])
    for number, text in enumerate(texts[in_base:], start=in_base + 1):
        live.register(*text)
        agree(live, texts[:number], [1, 2, 3, 4])
