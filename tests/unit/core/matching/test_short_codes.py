"""Codes of 64 bits within two bits: every pair, against comparing all with all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.matching.short_codes import ShortCodeIndex

Codes = NDArray[np.uint8]


def random_codes(count: int, seed: int = 1) -> Codes:
    return np.random.default_rng(seed).integers(0, 256, (count, 8), np.uint8)


def turned(codes: Codes, bits: int, seed: int = 2) -> Codes:
    """So many bits of each, anywhere."""
    rng = np.random.default_rng(seed)
    loose = np.unpackbits(codes, axis=1)
    for row in loose:
        row[rng.choice(64, bits, replace=False)] ^= 1
    return np.packbits(loose, axis=1)


def expected(queries: Codes, codes: Codes, radius: int) -> list[tuple[int, int, int]]:
    apart = np.unpackbits(queries[:, None] ^ codes[None], axis=2).sum(axis=2)
    return [(int(q), int(r), int(apart[q, r])) for q, r in np.argwhere(apart <= radius)]


def found(index: ShortCodeIndex, queries: Codes, radius: int) -> list[tuple[int, int, int]]:
    hits = index.search(queries, radius)
    return list(zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True))


@pytest.mark.parametrize("count", [1, 2, 7, 500])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_every_pair_is_found_once(count: int, radius: int) -> None:
    codes = np.concatenate([random_codes(count), random_codes(count)])  # each of them twice
    queries = np.concatenate([turned(codes[:count], bits) for bits in range(4)])
    pairs = found(ShortCodeIndex.build(codes), queries, radius)
    assert pairs == expected(queries, codes, radius)
    assert len(pairs) == 2 * count * (radius + 1)


def test_any_two_bits_may_differ() -> None:
    code = random_codes(1)
    index = ShortCodeIndex.build(code)
    pairs = [(a, b) for a in range(64) for b in range(a)]
    loose = np.repeat(np.unpackbits(code, axis=1), len(pairs), axis=0)
    for row, pair in zip(loose, pairs, strict=True):
        row[list(pair)] ^= 1
    assert index.search(np.packbits(loose, axis=1), 2).distance.tolist() == [2] * len(pairs)


def test_an_index_without_codes_finds_nothing(tmp_path: Path) -> None:
    none = np.empty((0, 8), np.uint8)
    for index in (ShortCodeIndex.build(none), ShortCodeIndex.build(none, tmp_path / "index")):
        assert len(index) == 0
        assert len(index.search(random_codes(5), 2)) == 0
    assert len(ShortCodeIndex.build(random_codes(3)).search(none, 2)) == 0


def test_a_kept_index_is_mapped_and_checked(tmp_path: Path) -> None:
    codes, folder = random_codes(300), tmp_path / "index"
    ShortCodeIndex.build(codes, folder)
    for verify in (True, False):
        index = ShortCodeIndex.open(folder, codes, verify=verify)
        assert found(index, codes, 2) == expected(codes, codes, 2)
    other = codes.copy()
    other[5, 5] ^= 1
    with pytest.raises(Corrupt, match="built from other data"):
        ShortCodeIndex.open(folder, other)
    with pytest.raises(Corrupt, match="do not fit 100 codes"):
        ShortCodeIndex.open(folder, codes[:100], verify=False)
    rows = bytearray((folder / "rows.npy").read_bytes())
    rows[-3] ^= 1
    (folder / "rows.npy").write_bytes(rows)
    with pytest.raises(Corrupt, match=r"damaged file rows\.npy"):
        ShortCodeIndex.open(folder, codes)


@pytest.mark.parametrize(
    "codes", [np.zeros((3, 9), np.uint8), np.zeros(8, np.uint8), np.zeros((1, 8), np.int8)]
)
def test_what_are_no_codes_is_refused(codes: Codes) -> None:
    with pytest.raises(InvalidInput, match="array of bytes"):
        ShortCodeIndex.build(codes)
    with pytest.raises(InvalidInput, match="array of bytes"):
        ShortCodeIndex.build(random_codes(2)).search(codes, 1)


@pytest.mark.parametrize("radius", [-1, 3, 64])
def test_a_radius_beyond_two_is_refused(radius: int) -> None:
    with pytest.raises(InvalidInput, match="within 2 bits"):
        ShortCodeIndex.build(random_codes(2)).search(random_codes(2), radius)
