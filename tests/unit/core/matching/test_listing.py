"""From stored codes to lists: what is searched, what stands beside it, and an order that depends on nothing."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import Corrupt
from registry.core.fingerprints import ALGORITHMS, ANCHORS256
from registry.core.fingerprints.anchors_records import PICTURE_SHIFT, RECORD
from registry.core.matching import KIND_CODES, ListColumns, StoredCodes, StoredRow, by_algorithm, lists_of
from registry.core.matching.outlines import samples

PHASH, DHASH, PHASH64, COLOUR = (
    f"image.{name}.v1" for name in ("phash256", "dhash256", "phash64", "colour42")
)
SHA256 = "digest.sha256.v1"

Entry = tuple[int, int, bytes, int]
"""Work row, kind, code and aux."""


def stored(
    algorithm: str, row: int = 0, *, version: int = 1, kind: str = "full", code: bytes | None = None
) -> StoredRow:
    made = sha256(f"{algorithm} {row} {version} {kind}".encode()).digest() * 20
    return (
        row,
        version,
        algorithm,
        kind,
        made[: ALGORITHMS[algorithm].code_bytes] if code is None else code,
        0,
    )


def entries_of(columns: ListColumns) -> list[Entry]:
    parts = (columns.work_rows.tolist(), columns.kinds.tolist(), columns.codes, columns.aux.tolist())
    return [(row, kind, code.tobytes(), aux) for row, kind, code, aux in zip(*parts, strict=True)]


def rows(algorithm: str, *codes: StoredRow) -> list[Entry]:
    """The list of this algorithm."""
    found = lists_of(by_algorithm(codes)).get(algorithm)
    return [] if found is None else entries_of(found)


def test_nothing_gives_no_lists() -> None:
    assert lists_of(by_algorithm([])) == {}


def test_a_difference_hash_stands_in_only_where_a_frame_has_no_perceptual_hash() -> None:
    assert rows(DHASH, stored(PHASH), stored(DHASH), stored(COLOUR)) == []
    assert rows(DHASH, stored(DHASH)) == [(0, 0, stored(DHASH)[4], 0)]


def test_frames_are_judged_one_by_one() -> None:
    """Neither the other frame of the file nor another file of the work counts."""
    trimmed, other = stored(DHASH, kind="trimmed"), stored(DHASH, version=2)
    found = rows(DHASH, stored(PHASH), stored(DHASH), trimmed, other)
    assert found == [(0, KIND_CODES["full"], other[4], 0), (0, KIND_CODES["trimmed"], trimmed[4], 0)]


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
    found = lists_of(
        by_algorithm([stored(PHASH), stored(PHASH64), stored(COLOUR), stored(SHA256, kind="whole")])
    )
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
        (2, 0, stored(PHASH, 2)[4]),
    ]


# -- anchors ------------------------------------------------------------------------------------------------
def anchors(*places: int) -> bytes:
    """A picture with an anchor at each of these places."""
    return b"".join(RECORD.pack(sha256(b"%d" % place).digest(), place) for place in places)


def test_each_anchor_is_an_entry_with_the_number_of_its_picture() -> None:
    first, second = sorted([anchors(1, 2), anchors(3)])
    pictures = [
        stored(ANCHORS256, version=2, code=second),
        stored(ANCHORS256, kind="trimmed", code=first),
        stored(ANCHORS256, version=1, code=first),
    ]
    found = rows(ANCHORS256, *pictures)
    assert sorted(found) == found
    expected = [(0, first, 0), (0, second, 1), (1, first, 2)]
    assert found == sorted(
        (0, kind, code, number << PICTURE_SHIFT | place)
        for kind, picture, number in expected
        for code, place in RECORD.iter_unpack(picture)
    )


@pytest.mark.parametrize("code", [b"", anchors(1)[:-1], anchors(1) + b"x", anchors(1 << PICTURE_SHIFT)])
def test_what_is_no_list_of_anchors_is_corrupt(code: bytes) -> None:
    with pytest.raises(Corrupt, match="anchors256"):
        lists_of(by_algorithm([stored(ANCHORS256, code=anchors(7)), stored(ANCHORS256, 1, code=code)]))


def test_a_code_of_another_length_is_corrupt() -> None:
    """Two that together have the right number of bytes too."""
    short, long = stored(PHASH, 0, code=bytes(31)), stored(PHASH, 1, code=bytes(33))
    with pytest.raises(Corrupt, match="31 bytes"):
        lists_of(by_algorithm([short, long]))


# -- whatever is stored -------------------------------------------------------------------------------------
ANY_CODE = st.builds(
    lambda algorithm, row, version, kind, same: stored(
        algorithm,
        row,
        version=row * 10 + version,
        kind=kind,
        code=bytes(ALGORITHMS[algorithm].code_bytes) if same else None,
    ),
    st.sampled_from([PHASH, DHASH, COLOUR, PHASH64]),
    st.integers(0, 5),
    st.integers(0, 2),
    st.sampled_from(["full", "trimmed"]),
    st.booleans(),
)
ANY_CODES = st.lists(ANY_CODE, unique_by=lambda c: (c[1], c[2], c[3]))


def one_by_one(codes: list[StoredRow]) -> dict[str, list[Entry]]:
    """The rule as it is said, code by code."""
    there = {(version, kind, algorithm): code for _, version, algorithm, kind, code, _ in codes}
    found = defaultdict(list)
    for row, version, algorithm, kind, code, _ in codes:
        aux = 0
        if algorithm == COLOUR or (algorithm == DHASH and (version, kind, PHASH) in there):
            continue
        if algorithm == DHASH:
            aux = int.from_bytes(there.get((version, kind, COLOUR), b""), "big")
        if algorithm == PHASH and (version, kind, DHASH) in there:
            aux = samples(there[version, kind, DHASH])["identity"]
        found[algorithm].append((row, KIND_CODES[kind], code, aux))
    return {algorithm: sorted(entries) for algorithm, entries in found.items()}


@given(ANY_CODES)
def test_columns_say_what_single_codes_say(codes: list[StoredRow]) -> None:
    found = lists_of(by_algorithm(codes))
    assert {algorithm: entries_of(columns) for algorithm, columns in found.items()} == one_by_one(codes)


@given(ANY_CODES, st.integers(0, 40), st.randoms())
def test_equal_contents_give_equal_bytes(codes: list[StoredRow], cut: int, order: Random) -> None:
    """In whatever order and pages the database gives them, and whatever numbers the versions have."""
    renumbered = [(code[0], 1000 - code[1], *code[2:]) for code in codes]
    order.shuffle(renumbered)
    pages = [by_algorithm(page) for page in (renumbered[:cut], renumbered[cut:])]
    joined = {
        algorithm: StoredCodes.joined([page[algorithm] for page in pages if algorithm in page])
        for algorithm in {algorithm for page in pages for algorithm in page}
    }
    first, second = lists_of(by_algorithm(codes)), lists_of(joined)
    assert first.keys() == second.keys()
    for algorithm, columns in first.items():
        for name in ("codes", "work_rows", "kinds", "aux"):
            ours, theirs = getattr(columns, name), getattr(second[algorithm], name)
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)
