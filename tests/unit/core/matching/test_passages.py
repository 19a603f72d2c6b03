"""Passages: an excerpt is found in a page, short and common ones accuse nobody, and damage is refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.core import matching
from registry.core.decisions import Grade
from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints import WINNOW32, Fingerprint, fingerprint_text
from registry.core.fingerprints.winnow_records import unpacked
from registry.core.matching import ListColumns, Match, Matcher
from registry.core.matching import passages as tables
from registry.core.matching.passages import COMMON, PassageIndex, Within
from registry.core.matching.passages_common import mark_common
from registry.core.matching.passages_diagonals import Shared, best_bands
from registry.core.matching.passages_search import MIN_WORDS, Passage, search

LETTERS = "eeeeennnniiirrrssstttaaadddhhuullcgmobwfkzpväöüß"
LICENCE = (
    "Licensed under the Apache License, Version 2.0 (the “License”); you may not use this file except in compliance "
    "with the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0. Unless "
    "required by applicable law or agreed to in writing, software distributed under the License is distributed on an "
    "“AS IS” BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied."
)
PSALM = (
    "The LORD is my shepherd; I shall not want. He maketh me to lie down in green pastures: he leadeth me beside the "
    "still waters. He restoreth my soul: he leadeth me in the paths of righteousness for his name’s sake. Yea, though "
    "I walk through the valley of the shadow of death, I will fear no evil: for thou art with me."
)


def words(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(LETTERS), random.integers(2, 11))) for _ in range(count)]


def prose(count: int, seed: int) -> str:
    return " ".join(words(count, seed))


def code(text: str) -> bytes:
    (found,) = (f.code for f in fingerprint_text(text).fingerprints if f.algorithm == WINNOW32)
    return found


def item(text: str) -> list[Fingerprint]:
    return [Fingerprint(WINNOW32, "whole", code(text))]


def listed(texts: Sequence[str]) -> ListColumns:
    rows = [(row, row, WINNOW32, "whole", code(text), 0) for row, text in enumerate(texts)]
    return matching.lists_of(matching.by_algorithm(rows))[WINNOW32]


def matched(registered: Sequence[str], page: str, min_words: int = MIN_WORDS) -> tuple[Match, ...]:
    return Matcher({WINNOW32: listed(registered)}, min_words=min_words).match([item(page)])[0]


NOVEL = words(3_000, 1)


# -- excerpts ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("start", [0, 700, 1_501, 2_950])
def test_fifty_words_of_a_novel_in_a_page_are_certain(start: int) -> None:
    page = f"{prose(400, 2)} {' '.join(NOVEL[start : start + 50])} {prose(400, 3)}"
    (found,) = matched([prose(500, 4), " ".join(NOVEL)], page)
    assert (found.work_row, found.grade, found.algorithm) == (1, Grade.CERTAIN, WINNOW32)
    assert found.passage is not None
    before = len(prose(400, 2).replace(" ", "").replace("ß", "ss").encode()) - sum(
        prose(400, 2).count(letter) for letter in "äöü"
    )
    assert 40 <= found.passage.words <= 75
    assert abs(found.passage.begin - before) <= 32


def test_nothing_is_found_where_nothing_is_shared() -> None:
    assert matched([" ".join(NOVEL)], prose(3_000, 9)) == ()
    assert Matcher({}).match([item(prose(100, 9))]) == [()]


def test_an_excerpt_with_small_changes_is_one_passage() -> None:
    """A word left out and one put in move the diagonal, but not out of the band."""
    excerpt = NOVEL[500:620]
    excerpt[40:41] = []
    excerpt[80:80] = ["eingeschoben"]
    (found,) = matched([" ".join(NOVEL)], f"{prose(200, 5)} {' '.join(excerpt)}")
    assert found.grade is Grade.CERTAIN
    assert found.passage is not None
    assert found.passage.words >= 90


def test_shared_words_that_lie_apart_in_the_work_are_not_added_up() -> None:
    """Two short runs, each with a fingerprint or two, from places far apart in the work."""
    runs = [" ".join(NOVEL[at : at + 13]) for at in (100, 2_000)]
    page = f"{prose(50, 6)} {runs[0]} {prose(60, 7)} {runs[1]} {prose(50, 8)}"
    found = matched([" ".join(NOVEL)], page)
    assert all(m.passage is not None and m.passage.end - m.passage.begin < 150 for m in found)


def test_of_several_texts_of_a_work_the_one_that_shares_most_speaks() -> None:
    chapters = [" ".join(NOVEL[:1_000]), " ".join(NOVEL[900:2_000])]
    rows = [(7, file, WINNOW32, "whole", code(text), 0) for file, text in enumerate(chapters)]
    lists = matching.lists_of(matching.by_algorithm(rows))
    (found,) = Matcher(lists).match([item(" ".join(NOVEL[950:1_200]))])[0]
    assert found.work_row == 7
    assert found.passage is not None
    assert found.passage.words > 200


# -- grades ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        (Passage(5, 100, 0, 160, 160), Grade.CERTAIN),
        (Passage(5, 100, 0, 159, 159), Grade.MATCH),
        (Passage(4, 100, 0, 400, 100), Grade.MATCH),
        (Passage(3, 100, 0, 90, 90), Grade.MATCH),
        (Passage(2, 100, 0, 63, 63), Grade.TRACE),
        (Passage(2, 100, 0, 90, 63), Grade.TRACE),
        (Passage(2, 100, 0, 64, 64), Grade.MATCH),  # two that do not overlap
        (Passage(2, 100, 0, 400, 64), Grade.MATCH),
        (Passage(1, 1, 0, 32, 32), Grade.TRACE),
        (Passage(2, 2, 0, 64, 64), Grade.MATCH),
        (Passage(3, 100, 0, 50, 50), Grade.TRACE),  # 11 words
        (Passage(3, 6, 0, 50, 50), Grade.MATCH),  # half of the work
        (Passage(3, 7, 0, 50, 50), Grade.TRACE),
    ],
)
def test_grades(passage: Passage, expected: Grade) -> None:
    assert passage.grade() is expected


def test_least_words_spare_quotations_but_not_poems() -> None:
    poem = NOVEL[:24]
    page = f"{prose(100, 12)} {' '.join(poem)} {prose(100, 13)}"
    (quoted,) = matched([" ".join(NOVEL)], page, min_words=45)
    assert quoted.grade is Grade.TRACE
    (spared,) = matched([" ".join(NOVEL)], page, min_words=0)
    assert spared.grade >= Grade.MATCH
    (stolen,) = matched([" ".join(poem)], page, min_words=1_000)
    assert stolen.grade >= Grade.MATCH
    assert stolen.distance == 0


# -- common phrases ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("phrase", [LICENCE, PSALM])
def test_a_licence_or_a_psalm_in_both_accuses_nobody(phrase: str) -> None:
    registered = f"{prose(300, 20)} {phrase} {prose(300, 21)}"
    found = matched([registered], f"{prose(200, 22)} {phrase} {prose(200, 23)}")
    assert all(m.grade is Grade.TRACE for m in found)
    own = matched([registered], f"{prose(200, 22)} {prose(300, 21)}")
    assert [m.grade for m in own] == [Grade.CERTAIN]


def test_what_three_owners_share_is_common_and_two_are_not_enough() -> None:
    shared = prose(60, 30)
    texts = [f"{prose(300, 31 + n)} {shared} {prose(300, 41 + n)}" for n in range(4)]
    page = f"{prose(100, 50)} {shared} {prose(100, 51)}"
    columns = listed(texts)
    for owners, expected in (([1, 2, 2, 1], Grade.CERTAIN), ([1, 2, 3, 3], Grade.TRACE)):
        found = Matcher({WINNOW32: mark_common(columns, np.array(owners))}).match([item(page)])[0]
        assert {m.grade for m in found} <= {expected}
    assert not (columns.aux & COMMON).any()


def test_nobody_makes_anothers_text_common_by_registering_it_again() -> None:
    """Three accounts put a poem into longer texts of theirs: it stays protected by the poem's own registration."""
    poem = prose(60, 60)
    texts = [poem, *(f"{poem} {prose(200, 61 + n)}" for n in range(3))]
    marked = mark_common(listed(texts), np.array([1, 2, 3, 4]))
    (found,) = (m for m in Matcher({WINNOW32: marked}).match([item(poem)])[0] if m.grade > Grade.TRACE)
    assert found.work_row == 0


def test_nobody_makes_a_chapter_common_by_registering_it_again() -> None:
    """Three accounts register a fifth of a novel: quotations from it are found as those from the rest."""
    chapter = prose(600, 70)
    texts = [f"{prose(1_200, 71)} {chapter} {prose(1_200, 72)}", chapter, chapter, chapter]
    marked = mark_common(listed(texts), np.array([1, 2, 3, 4]))
    assert not (marked.aux & COMMON).any()
    words = chapter.split()
    for begin in (0, 300, 540):
        page = f"{prose(200, 73)} {' '.join(words[begin : begin + 60])} {prose(200, 74)}"
        found = Matcher({WINNOW32: marked}).match([item(page)])[0]
        assert 0 in {m.work_row for m in found if m.grade >= Grade.MATCH}


def test_marking_an_empty_list_is_nothing() -> None:
    empty = listed([prose(50, 1)])
    none = ListColumns(empty.codes[:0], empty.work_rows[:0], empty.kinds[:0], empty.aux[:0])
    assert len(mark_common(none, np.array([], np.int64))) == 0
    index, values = PassageIndex.build(none), np.arange(5, dtype=np.uint64)
    assert list(index.find(values)) == []
    assert len(index.known(values)) == 0


# -- the table ---------------------------------------------------------------------------------------------
@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 400), st.integers(1, 200))
@example(1, 400, 6_000)  # more than are looked up at a time
def test_both_lookups_find_exactly_the_equal_values(seed: int, count: int, asked: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 2**64, count, np.uint64) >> np.uint64(random.integers(0, 61))
    columns = ListColumns(
        values.astype("<u8").view(np.uint8).reshape(-1, 8),
        np.arange(count, dtype=np.uint32),
        np.full(count, 2, np.uint8),
        np.zeros(count, np.uint64),
    )
    queries = np.concatenate([random.choice(values, asked), random.integers(0, 2**64, asked, np.uint64)])
    expected = [(i, row) for i, value in enumerate(queries) for row in np.flatnonzero(values == value)]
    index = PassageIndex.build(columns)
    for find in (index.find_by_numpy, index.find_by_kernel):
        query, row = find(queries) or pytest.fail("All may be found.")
        assert list(zip(query.tolist(), row.tolist(), strict=True)) == expected
        first = find(queries, Within(3, 300, each=1)) or pytest.fail("All may be found.")
        some = {i: (i, row) for i, row in reversed(expected) if 3 <= row < 300}
        assert list(zip(first[0].tolist(), first[1].tolist(), strict=True)) == sorted(some.values())
        assert find(queries, Within(most=len(expected))) is not None
        assert not expected or find(queries, Within(most=len(expected) - 1)) is None


def test_a_repetitive_text_has_a_value_four_times_in_the_table_and_floods_nothing() -> None:
    columns = listed(["abc" * 4_000, prose(100, 80)])
    index = PassageIndex.build(columns)
    same = np.full(1_000, unpacked(code("abc" * 4_000)).values[5])
    assert sum(len(rows) for _, rows in index.find(same)) <= 4 * len(same)
    found = list(search(index, [code("abc" * 4_000)]))
    assert [(number, work) for number, work, _ in found] in ([], [(0, 0)])


@pytest.mark.parametrize("most", [tables.MOST_PAIRS, 1_000, 1])
def test_what_hundreds_of_works_share_is_found_in_all_of_them(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """In however many portions; an author's refrain in 300 books, say."""
    monkeypatch.setattr(tables, "MOST_PAIRS", most)
    refrain = prose(20, 90)
    columns = listed([f"{prose(8, 1_000 + n)} {refrain} {prose(8, 2_000 + n)}" for n in range(300)])
    index, page = PassageIndex.build(columns), f"{prose(50, 91)} {refrain} {prose(50, 92)}"
    values = unpacked(code(page)).values
    portions = list(index.find(values))
    assert all(len(rows) <= most or len(set(columns.work_rows[rows].tolist())) == 1 for _, rows in portions)
    met = [(int(number), int(row)) for portion in portions for number, row in zip(*portion, strict=True)]
    registered = columns.codes.reshape(-1).view("<u8")
    expected = [
        (n, row) for n, value in enumerate(values) for row in np.flatnonzero(registered == value).tolist()
    ]
    assert sorted(met) == expected
    assert index.known(values).tolist() == sorted({number for number, _ in met})
    found = Matcher({WINNOW32: columns}).match([item(page), item(prose(90, 93))])
    assert sorted(m.work_row for m in found[0] if m.grade is Grade.MATCH) == list(range(300))
    assert found[1] == ()


def test_an_item_that_repeats_itself_is_looked_at_in_its_first_places() -> None:
    line = prose(20, 94)
    index = PassageIndex.build(listed([line, prose(100, 95)]))
    often = " ".join(f"{prose(3, 3_000 + n)} {line}" for n in range(60))
    ((number, work, passage),) = search(index, [code(often)])
    assert (number, work, passage.fingerprints) == (0, 0, passage.of)
    assert passage.end < 60 * 200


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 300)), min_size=1, max_size=40),
    st.integers(0, 60),
)
def test_the_best_band_has_the_most_different_fingerprints(
    hits: list[tuple[int, int, int]], width: int
) -> None:
    """As counted one by one; (pair, value, place), a diagonal being what is left of them."""
    rows = sorted({(pair, (value * 37 + place) % 101 - 50, place, value) for pair, value, place in hits})
    numbers = sorted({row[0] for row in rows})
    columns = np.array([(numbers.index(row[0]), *row[1:]) for row in rows])
    pairs, diagonals, places, values = columns.T
    bands = best_bands(Shared(pairs, diagonals, places, values.astype(np.uint64)), width, 32)
    for n, pair in enumerate(numbers):
        own = [row for row in rows if row[0] == pair]
        windows = [[r for r in own[i:] if r[1] - own[i][1] <= width] for i in range(len(own))]
        chosen = max(windows, key=lambda window: len({r[3] for r in window}))  # the first of equals
        places = sorted(r[2] for r in chosen)
        gaps = [min(b - a, 32) for a, b in pairwise(places)]
        expected = (len({r[3] for r in chosen}), places[0], places[-1], sum(gaps) + 32)
        assert tuple(int(column[n]) for column in bands) == expected


def test_the_tables_are_the_same_in_however_many_parts_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With common phrases, values that repeat, and texts of several works in a part."""
    columns = listed([*(prose(60, 96 + n) for n in range(6)), "abc" * 400, f"{PSALM} {prose(60, 97)}"])
    PassageIndex.build(columns, tmp_path / "whole")
    monkeypatch.setattr(tables, "_BUCKETS_AT_ONCE", 3)
    monkeypatch.setattr(tables, "_AT_ONCE", 17)
    PassageIndex.build(columns, tmp_path / "parts")
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert len(names) == 7
    counted = np.load(tmp_path / "parts/sizes.npy")
    found = PassageIndex.build(columns)
    assert counted.sum() == np.load(tmp_path / "parts/starts.npy")[-1] < len(columns)
    assert found.sizes(np.arange(len(counted))).tolist() == counted.tolist()


def test_six_bytes_a_fingerprint() -> None:
    index = PassageIndex.build(listed([prose(20_000, 95)]))
    assert index.bytes / len(index) < 6.1


def test_files_are_opened_again_and_damage_is_refused(tmp_path: Path) -> None:
    texts = [prose(300, n) for n in range(5)]
    columns, folder = listed(texts), tmp_path / WINNOW32
    built = PassageIndex.build(columns, folder)
    values = unpacked(code(texts[3])).values
    for index in (
        built,
        PassageIndex.open(folder, columns),
        PassageIndex.open(folder, columns, verify=False),
    ):
        ((_, rows),) = index.find(values)
        assert rows.tolist() == np.flatnonzero(columns.work_rows == 3).tolist()
    with pytest.raises(Corrupt, match="other data"):
        PassageIndex.open(folder, listed(texts[:4]))
    with pytest.raises(Corrupt, match="do not fit"):
        PassageIndex.open(folder, listed(texts[:4]), verify=False)
    damaged = folder / "rows.npy"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(Corrupt, match=r"damaged file rows\.npy"):
        PassageIndex.open(folder, columns)
    with pytest.raises(Corrupt):
        Matcher({WINNOW32: columns}, tmp_path)


def test_codes_that_no_text_has_are_refused() -> None:
    index = PassageIndex.build(listed([prose(100, 1)]))
    for bad in (b"", bytes(11), bytes(24), b"\x20" + bytes(11)):
        with pytest.raises(InvalidInput, match=r"[Ff]ingerprint"):
            list(search(index, [code(prose(50, 2)), bad]))


def test_a_list_with_codes_of_another_length_is_refused() -> None:
    columns = listed([prose(50, 1)])
    wide = ListColumns(np.zeros((len(columns), 9), np.uint8), columns.work_rows, columns.kinds, columns.aux)
    with pytest.raises(Corrupt, match="9 bytes"):
        Matcher({WINNOW32: wide})
