"""The index returns every code within the radius and nothing else, whatever the codes, the radius and its history."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray

from registry.core.matching import Hits
from registry.core.matching.chain import COMPACT, WIDE, ChainIndex, Layout
from registry.core.matching.chain import index as index_module
from registry.core.matching.chain import search as search_module
from registry.core.matching.chain.budget import limits, masks, shares
from registry.core.matching.chain.build import build
from registry.core.matching.chain.costs import Way
from registry.core.matching.chain.search import search
from registry.core.matching.dihedral import variants

Codes = NDArray[np.uint8]
Pairs = list[tuple[int, int, int]]
LAYOUTS = [WIDE, COMPACT]
WAYS: list[Way] = ["each", "regions", "brute"]
RADII = [0, 7, 14, 15, 16, 31, 36, 47, 55, 63]


@pytest.fixture(autouse=True, scope="module")
def _every_way_takes_its_turn() -> Iterator[None]:
    """For so few codes brute force would be chosen always."""
    ways = cycle(WAYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "_cheapest", lambda *_: next(ways))
        yield


def words(codes: Codes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(codes).view(np.uint64)


def truth(codes: Codes, queries: Codes, radius: int) -> Pairs:
    """The definition, by a table of set bits."""
    ones = np.array([i.bit_count() for i in range(256)], np.uint16)
    apart = np.stack([ones[codes ^ query].sum(axis=1) for query in queries])
    return [(int(q), int(r), int(apart[q, r])) for q, r in zip(*np.nonzero(apart <= radius), strict=True)]


def pairs(hits: Hits) -> Pairs:
    return list(zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True))


def changed(rng: np.random.Generator, codes: Codes, bits: NDArray[np.int64]) -> Codes:
    """Each code with so many of its bits changed, at random places."""
    flips = np.argsort(rng.random((len(codes), 256)), axis=1) < bits[:, None]
    return codes ^ np.packbits(flips, axis=1)


def clustered(rng: np.random.Generator, count: int) -> tuple[Codes, Codes]:
    """Neighbours at all distances around few centres, and a third of them twice or more."""
    centres = rng.integers(0, 256, (6, 32), dtype=np.uint8)
    codes = changed(rng, centres[rng.integers(0, 6, count)], rng.integers(0, 70, count))
    copies = rng.integers(0, count, count // 3)
    codes[rng.integers(0, count, count // 3)] = codes[copies]
    return codes, changed(rng, centres[rng.integers(0, 6, 40)], rng.integers(0, 40, 40))


def shells(rng: np.random.Generator, count: int) -> tuple[Codes, Codes]:
    """All codes exactly as far away as some radius of the list, or one bit further."""
    query = rng.integers(0, 256, (1, 32), dtype=np.uint8)
    at = rng.choice([r + more for r in RADII for more in (0, 1)], count)
    return changed(rng, np.repeat(query, count, axis=0), at), query


def lopsided(rng: np.random.Generator, count: int) -> tuple[Codes, Codes]:
    """All differences in one stretch of the code, as the pigeonholes like them least."""
    query = rng.integers(0, 256, (1, 32), dtype=np.uint8)
    codes = np.repeat(query, count, axis=0)
    begin = rng.integers(0, 25, count)
    for byte in range(8):
        codes[np.arange(count), begin + byte] ^= rng.integers(0, 256, count, dtype=np.uint8)
    return codes, query


def equal(rng: np.random.Generator, count: int) -> tuple[Codes, Codes]:
    code = rng.integers(0, 256, (1, 32), dtype=np.uint8)
    return np.repeat(code, count, axis=0), changed(rng, np.repeat(code, 9, axis=0), np.arange(9) * 8)


def few(rng: np.random.Generator, count: int) -> tuple[Codes, Codes]:
    """Codes of all zeros and ones and between: a few buckets hold everything."""
    kinds = np.array([[0] * 32, [255] * 32, [1] + [0] * 31, [0] * 31 + [128], [15] * 32], np.uint8)
    return kinds[rng.integers(0, 5, count)], kinds


@pytest.mark.parametrize("make", [clustered, shells, lopsided, equal, few])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_hits_are_those_of_brute_force(layout: Layout, make: object) -> None:
    assert callable(make)
    rng = np.random.default_rng(1)
    for count in (1, 31, 32, 33, 700):
        codes, queries = make(rng, count)
        stored = build(words(codes), layout=layout)
        for radius in RADII if count == 700 else (15, 31, 63):
            expected = truth(codes, queries, radius)
            for way in WAYS:
                assert pairs(search(stored, words(queries), radius, way)) == expected, (count, radius, way)
        for radius in (31, 63):
            single = [search(stored, words(query[None]), radius, "each") for query in queries[:5]]
            assert [len(hits) for hits in single] == [
                len(truth(codes, query[None], radius)) for query in queries[:5]
            ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_variants_of_one_picture_are_found_as_if_each_were_asked_for(layout: Layout) -> None:
    """Whatever they share: quarters of mirrored codes, all of them, none; however many there are."""
    rng = np.random.default_rng(8)
    registered, near = clustered(rng, 400)
    mirrored = variants(near).reshape(-1, 32)
    codes = np.concatenate((registered, changed(rng, mirrored[::3], rng.integers(0, 40, len(mirrored[::3])))))
    stored = build(words(codes), layout=layout)
    families = {9: mirrored, 4: np.repeat(near, 4, axis=0), 5: near, 2: near[rng.integers(0, 3, 40)]}
    for family, queries in families.items():
        for radius in (0, 31, 33, 63):
            expected = truth(codes, queries, radius)
            for way in WAYS:
                assert pairs(search(stored, words(queries), radius, way, family)) == expected, (family, way)


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_threads_share_a_large_batch(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if there are more hits than any of them has room for, and for a query that is flooded."""
    monkeypatch.setattr(search_module, "_SHARED_OUT", 1)
    rng = np.random.default_rng(10)
    codes, near = clustered(rng, 400)
    crowded = changed(rng, np.repeat(near[:1], 9_000, axis=0), rng.integers(0, 40, 9_000))
    for registered, queries in (
        (codes, variants(near).reshape(-1, 32)),
        (crowded, variants(near[:2]).reshape(-1, 32)),
    ):
        stored = build(words(registered))
        for radius in (0, 33, 63):
            expected = truth(registered, queries, radius)
            assert pairs(search(stored, words(queries), radius, "regions", 9, threads)) == expected


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_codes_and_any_radius(data: st.DataObject) -> None:
    """Codes drawn as few bytes repeated, so that chunks coincide in every way."""
    pool = data.draw(st.lists(st.binary(min_size=2, max_size=2), min_size=1, max_size=3))
    pick = st.lists(st.integers(0, len(pool) - 1), min_size=16, max_size=16)
    drawn = data.draw(st.lists(pick, min_size=2, max_size=30))
    codes = np.frombuffer(b"".join(pool[i] for row in drawn for i in row), np.uint8).reshape(-1, 32)
    radius, layout = data.draw(st.integers(0, 79)), data.draw(st.sampled_from(LAYOUTS))
    stored, queries = build(words(codes), layout=layout), codes[:3]
    for way in WAYS:
        assert pairs(search(stored, words(queries), radius, way)) == truth(codes, queries, radius)


@given(st.integers(0, 79), st.sampled_from([2, 4]), st.randoms(use_true_random=False))
def test_the_pigeonholes_leave_no_gap(radius: int, ring: int, random: object) -> None:
    """However up to `radius` differences fall on the chunks, some chunk starts a ring within its limits."""
    rng = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    shared = shares(radius)
    assert int(shared.sum()) == radius + 1
    packed = limits(radius, ring)
    for _ in range(20):
        weights = rng.dirichlet(np.full(16, rng.choice([0.05, 0.3, 3.0])))
        apart = np.minimum(rng.multinomial(radius, weights), 16)
        found = False
        for chunk in np.flatnonzero(shared):
            around = [int(chunk) - int(chunk) % ring + (int(chunk) + lane) % ring for lane in range(ring)]
            sums = np.cumsum(apart[around])
            lanes = [int(packed[chunk]) >> 16 * lane & 0xFFFF for lane in range(ring)]
            found = found or all(total <= lane for total, lane in zip(sums, lanes, strict=True))
        assert found


@given(st.integers(1, 16), st.integers(0, 4))
def test_masks_are_all_numbers_with_few_bits(width: int, most: int) -> None:
    found = masks(width, most)
    assert sorted(found.values.tolist()) == [v for v in range(1 << width) if v.bit_count() <= most]
    assert found.ones.tolist() == [int(v).bit_count() for v in found.values]
    assert [int((found.ones <= k).sum()) for k in range(most + 1)] == found.up_to.tolist()


class History(RuleBasedStateMachine):
    """Adding, removing, merging and opening again, beside a list that does the same."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(5)
        self.codes = np.empty((0, 32), np.uint8)
        self.gone: set[int] = set()
        self.index = ChainIndex.build(self.codes)

    @initialize(count=st.integers(0, 60), layout=st.sampled_from(LAYOUTS))
    def begin(self, count: int, layout: Layout) -> None:
        self.codes = self._codes(count)
        self.index = ChainIndex.build(self.codes, layout=layout)

    @rule(count=st.integers(0, 20))
    def append(self, count: int) -> None:
        added = self._codes(count)
        rows = self.index.append(added)
        assert rows == range(len(self.codes), len(self.codes) + count)
        self.codes = np.concatenate((self.codes, added))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if len(self.codes):
            rows = data.draw(st.lists(st.integers(0, len(self.codes) - 1), max_size=10))
            self.index.remove(np.array(rows, np.int64))
            self.gone |= set(rows)

    @rule()
    def merge(self) -> None:
        self.index.merge()

    @invariant()
    def finds_what_a_list_finds(self) -> None:
        assert len(self.index) == len(self.codes)
        if len(self.codes):
            queries = self.codes[:: max(1, len(self.codes) // 4)]
            for radius in (0, 31, 63):
                expected = [hit for hit in truth(self.codes, queries, radius) if hit[1] not in self.gone]
                assert pairs(self.index.search(queries, radius)) == expected

    def _codes(self, count: int) -> Codes:
        if count and len(self.codes) and self.rng.random() < 0.7:
            near = self.codes[self.rng.integers(0, len(self.codes), count)]
            return changed(self.rng, near, self.rng.choice([0, 0, 5, 31, 32, 63], count))
        return self.rng.integers(0, 256, (count, 32), dtype=np.uint8)


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=12, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_same_history_in_a_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    codes, queries = clustered(rng, 300)
    index, gone = ChainIndex.build(codes, tmp_path / "index"), np.zeros(0, np.int64)
    for step in range(4):
        more = changed(rng, codes[rng.integers(0, len(codes), 40)], rng.integers(0, 40, 40))
        index.append(more)
        codes = np.concatenate((codes, more))
        removed = rng.integers(0, len(codes), 25)
        index.remove(removed)
        gone = np.union1d(gone, removed)
        if step % 2:
            index.merge()
        for opened in (index, ChainIndex.open(tmp_path / "index")):
            assert len(opened) == len(codes)
            for radius in (31, 63):
                expected = [hit for hit in truth(codes, queries, radius) if hit[1] not in gone]
                assert pairs(opened.search(queries, radius)) == expected
    assert len(list((tmp_path / "index").glob("*-*"))) == 2, "what is no longer named is deleted"
