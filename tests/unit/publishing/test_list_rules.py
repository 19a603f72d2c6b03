"""From stored codes to lists: what is searched, what stands beside it, and an order that depends on nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.core.fingerprints import ALGORITHMS
from registry.core.matching import KIND_CODES
from registry.publishing.rules import lists_of

PHASH, DHASH, PHASH64, COLOUR = (
    f"image.{name}.v1" for name in ("phash256", "dhash256", "phash64", "colour42")
)
SHA256 = "digest.sha256.v1"


@dataclass(frozen=True)
class Stored:
    """A stored code."""

    work_row: int
    version_id: int
    algorithm: str
    kind: str
    code: bytes
    aux: int = 0


def stored(
    algorithm: str, row: int = 0, *, version: int = 1, kind: str = "full", code: bytes | None = None
) -> Stored:
    made = sha256(f"{algorithm} {row} {version} {kind}".encode()).digest() * 20
    return Stored(
        row, version, algorithm, kind, made[: ALGORITHMS[algorithm].code_bytes] if code is None else code
    )


def rows(algorithm: str, *codes: Stored) -> list[tuple[int, int, bytes, int]]:
    """The list of this algorithm as (row, kind, code, aux)."""
    found = lists_of(codes).get(algorithm)
    if found is None:
        return []
    columns = (found.work_rows.tolist(), found.kinds.tolist(), found.codes, found.aux.tolist())
    return [(row, kind, code.tobytes(), aux) for row, kind, code, aux in zip(*columns, strict=True)]


def test_nothing_gives_no_lists() -> None:
    assert lists_of([]) == {}


def test_a_difference_hash_stands_in_only_where_a_frame_has_no_perceptual_hash() -> None:
    assert rows(DHASH, stored(PHASH), stored(DHASH), stored(COLOUR)) == []
    assert rows(DHASH, stored(DHASH)) == [(0, 0, stored(DHASH).code, 0)]


def test_frames_are_judged_one_by_one() -> None:
    """Neither the other frame of the file nor another file of the work counts."""
    trimmed, other = stored(DHASH, kind="trimmed"), stored(DHASH, version=2)
    found = rows(DHASH, stored(PHASH), stored(DHASH), trimmed, other)
    assert found == [(0, KIND_CODES["full"], other.code, 0), (0, KIND_CODES["trimmed"], trimmed.code, 0)]


def test_a_difference_hash_carries_the_colour_of_its_own_frame() -> None:
    full, trimmed = b"\x80" + bytes(6) + b"\x05", b"\x00" * 7 + b"\x01"
    found = rows(
        DHASH,
        stored(DHASH),
        stored(COLOUR, code=full),
        stored(DHASH, kind="trimmed"),
        stored(COLOUR, kind="trimmed", code=trimmed),
    )
    assert [aux for *_, aux in found] == [2**63 + 5, 1]


def test_colour_alone_is_no_list_and_nothing_else_carries_it() -> None:
    found = lists_of([stored(PHASH), stored(PHASH64), stored(COLOUR), stored(SHA256, kind="whole")])
    assert sorted(found) == sorted([PHASH, PHASH64, SHA256])
    assert all(not columns.aux.any() for columns in found.values())


def test_entries_are_in_the_order_of_row_kind_and_code() -> None:
    low, high = bytes(32), bytes([255] * 32)
    found = rows(
        PHASH,
        stored(PHASH, 2),
        stored(PHASH, 1, kind="trimmed", code=low),
        stored(PHASH, 1, version=2, code=high),
        stored(PHASH, 1, version=3, code=low),
    )
    assert [(row, kind, code) for row, kind, code, _ in found] == [
        (1, 0, low),
        (1, 0, high),
        (1, 1, low),
        (2, 0, stored(PHASH, 2).code),
    ]


ANY_CODE = st.builds(
    lambda algorithm, row, version, kind: stored(algorithm, row, version=row * 10 + version, kind=kind),
    st.sampled_from([PHASH, DHASH, COLOUR, PHASH64]),
    st.integers(0, 5),
    st.integers(0, 2),
    st.sampled_from(["full", "trimmed"]),
)


@given(st.lists(ANY_CODE, unique_by=lambda c: (c.version_id, c.algorithm, c.kind)), st.randoms())
def test_equal_contents_give_equal_bytes(codes: list[Stored], order: Random) -> None:
    """In whatever order the database gives them, and whatever numbers the versions have."""
    renumbered = [replace(code, version_id=1000 - code.version_id) for code in codes]
    order.shuffle(renumbered)
    first, second = lists_of(codes), lists_of(renumbered)
    assert first.keys() == second.keys()
    for algorithm, columns in first.items():
        for name in ("codes", "work_rows", "kinds", "aux"):
            ours, theirs = getattr(columns, name), getattr(second[algorithm], name)
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)
