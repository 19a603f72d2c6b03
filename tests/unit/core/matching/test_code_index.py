"""The code search finds exactly the pairs within the radius, by numpy and compiled, whatever the shape of the work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.fingerprints.metering import Meter
from registry.core.matching import CodeIndex, Hits
from registry.core.matching.codes import ones_by_table, search_compiled, search_numpy

Codes = NDArray[np.uint8]
Pairs = list[tuple[int, int, int]]
ENGINES = [search_numpy, search_compiled]


def by_hand(codes: Codes, queries: Codes, radius: int) -> Pairs:
    """The definition, in Python's own integers."""
    rows, asked = ([int.from_bytes(c.tobytes(), "big") for c in part] for part in (codes, queries))
    distances = ((q, r, (a ^ b).bit_count()) for q, a in enumerate(asked) for r, b in enumerate(rows))
    return [hit for hit in distances if hit[2] <= radius]


def pairs(hits: Hits) -> Pairs:
    return list(zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True))


def words(codes: Codes) -> NDArray[np.uint64]:
    view = np.ascontiguousarray(codes).view(np.uint64)
    view.flags.writeable = False
    return view


def random_codes(count: int, seed: int) -> Codes:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def near(code: Codes, bits: int, seed: int) -> Codes:
    """The code with so many bits changed."""
    spread = np.unpackbits(code)
    spread[np.random.default_rng(seed).choice(256, bits, replace=False)] ^= 1
    return np.packbits(spread)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 7, 31, 32, 33, 1023, 1024, 1025, 2100])
def test_pairs_at_every_place_of_a_block_are_found(count: int, engine: Callable[..., Hits]) -> None:
    codes = random_codes(count, seed=count)
    places = sorted({0, count // 2, count - 1})
    queries = np.stack([near(codes[row], bits, seed=bits) for row in places for bits in (0, 1, 30, 31, 32)])
    hits = pairs(engine(words(codes), words(queries), 31))
    assert hits == by_hand(codes, queries, 31)
    assert len(hits) == 4 * len(places)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("radius", [0, 1, 36, 100, 120, 128, 136, 255, 256])
def test_every_radius_is_exact(radius: int, engine: Callable[..., Hits]) -> None:
    codes = np.concatenate(
        [random_codes(90, seed=1), np.zeros((2, 32), np.uint8), np.full((2, 32), 255, np.uint8)]
    )
    queries = np.concatenate([codes[::-9], random_codes(3, seed=2)])
    assert pairs(engine(words(codes), words(queries), radius)) == by_hand(codes, queries, radius)


@pytest.mark.parametrize("engine", ENGINES)
def test_all_bits_of_difference_may_lie_in_one_half(engine: Callable[..., Hits]) -> None:
    code = random_codes(1, seed=3)
    first, second = code.copy(), code.copy()
    first[0, :4] ^= 0xFF
    second[0, -4:] ^= 0xFF
    codes = np.concatenate([first, second])
    assert pairs(engine(words(codes), words(code), 31)) == []
    assert pairs(engine(words(codes), words(code), 32)) == [(0, 0, 32), (0, 1, 32)]


@given(
    st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40),
    st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5),
    st.integers(0, 256),
)
def test_both_engines_say_the_same(codes: list[bytes], queries: list[bytes], radius: int) -> None:
    registered, asked = (np.frombuffer(b"".join(part), np.uint8).reshape(-1, 32) for part in (codes, queries))
    by_numpy = pairs(search_numpy(words(registered), words(asked), radius))
    assert by_numpy == by_hand(registered, asked, radius)
    assert by_numpy == pairs(search_compiled(words(registered), words(asked), radius))


def test_more_hits_than_expected_are_all_returned() -> None:
    codes = np.repeat(random_codes(1, seed=4), 3000, axis=0)
    queries = codes[:5]
    hits = search_compiled(words(codes), words(queries), 0)
    assert len(hits) == 15_000
    assert hits.query.tolist() == sorted(hits.query.tolist())
    assert hits.row.tolist() == list(range(3000)) * 5
    assert pairs(hits) == pairs(search_numpy(words(codes), words(queries), 0))


def test_the_meter_decides_which_engine_works_and_nothing_else() -> None:
    codes, queries = random_codes(50, seed=5), random_codes(4, seed=6)
    at_once, later = CodeIndex(codes, meter=Meter(-1)), CodeIndex(codes, meter=Meter(10**9))
    assert pairs(at_once.search(queries, 120)) == pairs(later.search(queries, 120))


def test_columns_have_their_types_also_when_empty() -> None:
    empty, codes = np.empty((0, 32), np.uint8), random_codes(3, seed=7)
    for hits in (
        CodeIndex(empty).search(codes, 31),
        CodeIndex(codes).search(empty, 31),
        CodeIndex(codes).search(random_codes(1, seed=8), 0),
        CodeIndex(codes).search(codes, 0),
    ):
        assert [c.dtype.str for c in (hits.query, hits.row, hits.distance)] == ["<u4", "<u4", "<u2"]


def test_mapped_unaligned_and_strided_codes(tmp_path: Path) -> None:
    codes = random_codes(40, seed=9)
    expected = by_hand(codes, codes, 120)
    np.save(tmp_path / "codes.npy", codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    unaligned = np.frombuffer(b"\0" + codes.tobytes(), np.uint8)[1:].reshape(-1, 32)
    wide = np.zeros((40, 40), np.uint8)
    wide[:, :32] = codes
    for form in (mapped, unaligned, wide[:, :32]):
        for head_start in (-1, 10**9):
            assert pairs(CodeIndex(form, meter=Meter(head_start)).search(codes, 120)) == expected


def test_codes_in_place_are_not_copied() -> None:
    codes = random_codes(40, seed=10)
    index = CodeIndex(codes)
    assert len(index.search(codes[:1], 0)) == 1
    codes[0] ^= 0xFF
    assert len(index.search(codes[:1], 0)) == 1
    assert codes.flags.writeable


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((3, 31), np.uint8),
        np.zeros(32, np.uint8),
        np.zeros((3, 32), np.int64),
        np.zeros((3, 4), np.uint64),
    ],
)
def test_codes_of_another_shape_are_refused(codes: Codes) -> None:
    with pytest.raises(InvalidInput, match="array of bytes"):
        CodeIndex(codes)
    with pytest.raises(InvalidInput, match="array of bytes"):
        CodeIndex(random_codes(2, seed=0)).search(codes, 31)


@pytest.mark.parametrize("radius", [-1, 257])
def test_an_impossible_radius_is_refused(radius: int) -> None:
    with pytest.raises(InvalidInput, match="between 0 and 256"):
        CodeIndex(random_codes(2, seed=0)).search(random_codes(2, seed=0), radius)


def test_the_table_for_older_numpy_counts_the_same() -> None:
    values = np.random.default_rng(11).integers(0, 2**64, (3, 5), dtype=np.uint64)
    assert ones_by_table(values).tolist() == [[int(v).bit_count() for v in row] for row in values]
    assert ones_by_table(np.array([[2**64 - 1]], np.uint64)).tolist() == [[64]]
