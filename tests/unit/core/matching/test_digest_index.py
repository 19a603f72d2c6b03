"""Equal bytes are found, all of them, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry.core.errors import InvalidInput
from registry.core.matching import DigestIndex, digests

Digests = NDArray[np.uint8]


def columns(rows: list[bytes], width: int) -> Digests:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, width)


def found(index: DigestIndex, queries: Digests) -> list[tuple[int, int]]:
    hits = index.search(queries)
    assert [c.dtype.str for c in (hits.query, hits.row, hits.distance)] == ["<u4", "<u4", "<u2"]
    assert not hits.distance.any()
    return list(zip(hits.query.tolist(), hits.row.tolist(), strict=True))


few = st.sampled_from([bytes(8), b"\1" + bytes(7), b"\xff" * 8])  # so that digests share halves


@given(
    st.lists(st.tuples(few, few).map(b"".join), max_size=30),
    st.lists(st.tuples(few, few).map(b"".join), max_size=9),
)
def test_pairs_are_those_of_equal_bytes(rows: list[bytes], queries: list[bytes]) -> None:
    expected = [(q, r) for q, one in enumerate(queries) for r, other in enumerate(rows) if one == other]
    assert found(DigestIndex(columns(rows, 16)), columns(queries, 16)) == expected


@pytest.mark.parametrize("width", [8, 16, 32])
def test_every_width(width: int) -> None:
    digests = np.random.default_rng(0).integers(0, 256, (500, width), dtype=np.uint8)
    assert found(DigestIndex(digests), digests[::-7]) == list(enumerate(range(499, -1, -7)))
    changed = digests.copy()
    changed[:, -1] ^= 1
    assert found(DigestIndex(digests), changed) == []


@pytest.mark.parametrize("bits", [1, 20, 63, 64])
def test_digests_are_found_by_how_they_begin(bits: int) -> None:
    digests = np.random.default_rng(0).integers(0, 256, (500, 32), dtype=np.uint8)
    digests[::2, :7] = 255
    whole = [int.from_bytes(digest.tobytes(), "big") for digest in digests]
    index = DigestIndex(digests)
    for prefix in {0, (1 << bits) - 1, *(number >> 256 - bits for number in whole[:20])}:
        expected = [row for row in range(500) if whole[row] >> 256 - bits == prefix]
        assert index.beginning(prefix, bits).tolist() == sorted(expected, key=whole.__getitem__)
    for wrong, width in ((1 << bits, bits), (-1, bits), (0, 0), (0, 65)):
        with pytest.raises(InvalidInput, match="begins with"):
            index.beginning(wrong, width)


def test_a_flood_of_digests_that_begin_alike_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can register, and ask for, any number of digests with the same first bytes."""
    rng, number = np.random.default_rng(0), 4_096
    flood = rng.integers(0, 256, (number, 32), dtype=np.uint8)
    flood[:, :8] = 7
    strangers = rng.integers(0, 256, (number, 32), dtype=np.uint8)
    strangers[:, :8] = 7
    index, looked = DigestIndex(flood), list[int]()

    def counting(ours: Digests, theirs: Digests) -> NDArray[np.int16]:
        looked.append(len(ours))
        return compared(ours, theirs)

    compared = digests.compared
    monkeypatch.setattr(digests, "compared", counting)
    assert found(index, strangers) == []
    assert 0 < sum(looked) <= number * 26  # 13 halvings of 4,096 to either end, not 4,096
    looked.clear()
    assert found(index, flood) == [(n, n) for n in range(number)]
    assert 0 < sum(looked) <= number * 26


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="w >= 8"):
        DigestIndex(np.zeros((3, 7), np.uint8))
    with pytest.raises(InvalidInput, match="array of bytes"):
        DigestIndex(np.zeros((3, 16), np.uint32))
    index = DigestIndex(np.zeros((3, 16), np.uint8))
    with pytest.raises(InvalidInput, match=r"\(Q, 16\)"):
        index.search(np.zeros((3, 32), np.uint8))
