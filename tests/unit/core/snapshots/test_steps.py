"""Steps lead from any edition to a later one, or they are refused; they never lead to anything else unnoticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from registry.core.errors import Corrupt
from registry.core.matching import ListColumns
from registry.core.snapshots import EditionContent, write_edition
from registry.core.snapshots.blocks import bytes_block, facts_block, numbers_block
from registry.core.snapshots.differences import change
from registry.core.snapshots.manifest import TERMS, WORKS
from registry.core.snapshots.steps import StepsName, follow, join, steps_file, way
from registry.core.snapshots.tables import Pieces, Table, read_table, size_of, write_table
from tests.support.snapshots import growing_content, make_columns, make_content

PICTURES = "lists/image.phash256.v1.arrow"
TEXTS = "lists/text.winnow32.v1.arrow"
NAMES = (WORKS, TERMS, PICTURES, TEXTS)


def tables(folder: Path, content: EditionContent) -> Mapping[str, Table]:
    """All files of the edition, taken apart."""
    files = write_edition(folder, content)
    return {name: read_table(files.paths[name], name) for name in files.manifest.files}


def same(folder: Path, name: str, one: Table | Pieces, other: Table) -> bool:
    """Whether both are the same file."""
    return write_table(folder / "one", name, one) == write_table(folder / "other", name, other)


@pytest.fixture
def editions(tmp_path: Path) -> list[Mapping[str, Table]]:
    """Nine editions in which works come and go; the index is the sequence, less one."""
    gone: set[int] = set()
    found = []
    for sequence in range(1, 10):
        gone |= {sequence * 3, sequence * 5 + 1}
        found.append(
            tables(tmp_path / str(sequence), growing_content(sequence, 60 + 4 * sequence, set(gone)))
        )
    return found


@pytest.fixture
def steps(editions: list[Mapping[str, Table]]) -> list[bytes]:
    """The file from each edition to the next."""
    return [steps_file(n, n + 1, editions[n - 1], editions[n]) for n in range(1, 9)]


def test_from_any_edition_to_any_later_one(
    editions: list[Mapping[str, Table]], steps: list[bytes], tmp_path: Path
) -> None:
    for start, goal in [(1, 2), (1, 9), (4, 9), (8, 9), (3, 5)]:
        for name in NAMES:
            old, new = editions[start - 1][name], editions[goal - 1][name]
            size = size_of(name, old) + size_of(name, new)
            led = follow(name, old, steps[start - 1 : goal - 1], start, goal, size)
            assert same(tmp_path, name, led, new), (start, goal, name)


def test_a_joined_file_serves_whoever_is_anywhere_in_it(
    editions: list[Mapping[str, Table]], steps: list[bytes], tmp_path: Path
) -> None:
    joined = join(join(steps[0], steps[1]), join(steps[2], steps[3]))
    for start in (1, 2, 3, 4):
        for name in NAMES:
            led = follow(name, editions[start - 1][name], [joined, steps[4]], start, 6, 1 << 20)
            assert same(tmp_path, name, led, editions[5][name])


def test_rows_that_stay_are_not_sent_again(editions: list[Mapping[str, Table]]) -> None:
    made = change(PICTURES, editions[0][PICTURES], editions[1][PICTURES])
    assert (len(made.removed), len(made.places), set(made.altered)) == (1, 4, set())
    texts = change(TEXTS, editions[0][TEXTS], editions[1][TEXTS])
    assert len(texts.removed) == 3, "phrases occur twice in a work, and are told apart"
    assert set(texts.altered) == {"aux"}
    works = change(WORKS, editions[0][WORKS], editions[1][WORKS])
    assert (len(works.removed), len(works.places)) == (0, 4)
    assert set(works.altered) == {"terms", "withdrawn"}


def test_equal_content_gives_equal_bytes(editions: list[Mapping[str, Table]], steps: list[bytes]) -> None:
    assert steps_file(1, 2, editions[0], editions[1]) == steps[0]
    nothing = steps_file(1, 2, editions[0], editions[0])
    assert len(nothing) < 120


def test_rows_in_another_order_still_lead_there(tmp_path: Path) -> None:
    """Not as short, but right: what moved is removed and comes again."""
    before = growing_content(1, 50)
    columns = before.lists["image.phash256.v1"]
    order = np.r_[40:50, 0:40]
    turned = ListColumns(
        columns.codes[order], columns.work_rows[order], columns.kinds[order], columns.aux[order]
    )
    after = replace(before, sequence=2, lists={**before.lists, "image.phash256.v1": turned})
    old, new = tables(tmp_path / "1", before), tables(tmp_path / "2", after)
    led = follow(PICTURES, old[PICTURES], [steps_file(1, 2, old, new)], 1, 2, 1 << 20)
    assert same(tmp_path, PICTURES, led, new[PICTURES])


def test_a_list_that_becomes_empty_and_one_that_begins(tmp_path: Path) -> None:
    full = growing_content(1, 20)
    empty = {name: make_columns(c.codes.shape[1], []) for name, c in full.lists.items()}
    none = replace(full, sequence=2, lists=empty)
    first, second = tables(tmp_path / "1", full), tables(tmp_path / "2", none)
    files = [steps_file(1, 2, first, second), steps_file(2, 3, second, first)]
    for name in NAMES:
        assert same(tmp_path, name, follow(name, first[name], files[:1], 1, 2, 1 << 20), second[name])
        assert same(tmp_path, name, follow(name, first[name], files, 1, 3, 1 << 20), first[name])


def test_many_random_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    pool = [
        growing_content(n, int(rng.integers(1, 40)), set(rng.integers(0, 40, 6).tolist()))
        for n in range(1, 9)
    ]
    sound = [replace(c, withdrawn={w for w in c.withdrawn if w < len(c.work_ids)}) for c in pool]
    found = [tables(tmp_path / str(n), content) for n, content in enumerate(sound)]
    files = [steps_file(n, n + 1, old, new) for n, (old, new) in enumerate(pairwise(found), 1)]
    for name in NAMES:
        assert same(tmp_path, name, follow(name, found[0][name], files, 1, 8, 1 << 20), found[-1][name])


# -- refused -----------------------------------------------------------------------------------------------
def test_steps_out_of_order_replayed_or_missing(
    editions: list[Mapping[str, Table]], steps: list[bytes]
) -> None:
    old = editions[0][PICTURES]
    for files, said in [
        ([steps[1], steps[0]], "starts at edition 2, not at 1"),
        ([steps[0], steps[2]], "starts at edition 3, not at 2"),
        ([steps[0], steps[1], steps[2]], "lead from edition 1 to 4, not to 3"),
        ([steps[0]], "not to 3"),
        ([], "not to 3"),
    ]:
        with pytest.raises(Corrupt, match=said):
            follow(PICTURES, old, files, 1, 3, 1 << 20)


def test_a_step_again_changes_nothing(
    editions: list[Mapping[str, Table]], steps: list[bytes], tmp_path: Path
) -> None:
    led = follow(PICTURES, editions[0][PICTURES], [steps[0], steps[0], steps[1], steps[0]], 1, 3, 1 << 20)
    assert same(tmp_path, PICTURES, led, editions[2][PICTURES])


def test_a_step_from_another_table_does_not_fit(
    editions: list[Mapping[str, Table]], steps: list[bytes]
) -> None:
    with pytest.raises(Corrupt, match="does not fit"):
        follow(PICTURES, editions[4][PICTURES], [steps[0]], 1, 2, 1 << 20)


def test_any_flipped_bit_is_refused_or_leads_elsewhere(
    editions: list[Mapping[str, Table]], steps: list[bytes], tmp_path: Path
) -> None:
    """It never crashes, and the digest of the result tells."""
    right = 0
    for position in range(0, len(steps[0]), 29):
        bad = bytearray(steps[0])
        bad[position] ^= 1 << (position % 8)
        for name in NAMES:
            try:
                led = follow(name, editions[0][name], [bytes(bad)], 1, 2, 1 << 20)
            except Corrupt:
                continue
            right += same(tmp_path, name, led, editions[1][name])
    assert right, "a bit in one table's change leaves the others alone"


def test_steps_that_are_cut_off(editions: list[Mapping[str, Table]], steps: list[bytes]) -> None:
    for size in (0, 7, 8, 20, len(steps[0]) // 2, len(steps[0]) - 1):
        with pytest.raises(Corrupt):
            follow(PICTURES, editions[0][PICTURES], [steps[0][:size]], 1, 2, 1 << 20)


def _bomb(**facts: int) -> bytes:
    """A step that claims this about a change of the pictures."""
    zeros = np.zeros(40 << 20, np.uint8)
    claimed = {
        "added": 0,
        "after": 66,
        "altered": ["aux"],
        "before": 64,
        "frame": [0] * 5,
        "removed": 0,
        "width": 32,
    }
    numbers = numbers_block(np.empty(0, "<u4"))
    inner = facts_block(claimed | facts) + bytes_block(b"") + numbers + numbers + bytes_block(zeros)
    outer = {"from": 1, "tables": [[PICTURES, len(inner)]], "to": 2}
    return b"VBHSTEPS" + facts_block(outer) + inner


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"after": 1 << 50},
        {"added": 1 << 50, "after": 1 << 50},
        {"before": 1 << 50, "after": 1 << 50},
        {"removed": 1 << 40},
        {"added": 5 << 20, "after": 5 << 20, "width": 8},
        {"added": -1},
        {"width": -32},
    ],
)
def test_a_step_that_claims_a_huge_result(editions: list[Mapping[str, Table]], facts: dict[str, int]) -> None:
    bomb = _bomb(**facts)
    assert len(bomb) < 20_000
    with pytest.raises(Corrupt):
        follow(PICTURES, editions[0][PICTURES], [bomb], 1, 2, 10_000)


# -- which files -------------------------------------------------------------------------------------------
def test_the_way_is_the_shortest_in_bytes() -> None:
    sizes = {
        StepsName(1, 5): 50,
        StepsName(5, 6): 10,
        StepsName(4, 5): 9,
        StepsName(4, 6): 30,
        StepsName(6, 7): 1,
    }
    assert way(sizes, 2, 7) == [StepsName(1, 5), StepsName(5, 6), StepsName(6, 7)]
    assert way(sizes, 4, 6) == [StepsName(4, 5), StepsName(5, 6)]
    assert way(sizes, 6, 7) == [StepsName(6, 7)]
    assert way(sizes, 1, 9) is None
    assert way(sizes, 7, 6) is None
    assert way({}, 1, 2) is None


def test_a_way_of_too_many_files_is_none() -> None:
    sizes = {StepsName(n, n + 1): 1 for n in range(1, 20)}
    assert way(sizes, 1, 13) is not None
    assert way(sizes, 1, 14) is None


@pytest.mark.parametrize(
    "name",
    [
        "lists/works.pack",
        "lists/steps-2-2.pack",
        "lists/steps-3-2.pack",
        "lists/steps-0-2.pack",
        "steps-1-2.pack",
    ],
)
def test_names_that_are_no_steps(name: str) -> None:
    assert StepsName.parse(name) is None


def test_names_of_steps() -> None:
    name = StepsName(41, 57)
    assert StepsName.parse(name.target) == name


def test_other_kinds_of_lists_are_led_too(tmp_path: Path) -> None:
    """Codes of 525 bytes, kinds, aux of 64 bits."""
    old, new = (tables(tmp_path / str(n), make_content(n, works=4 + n)) for n in (1, 2))
    file = steps_file(1, 2, old, new)
    for name in old:
        assert same(tmp_path, name, follow(name, old[name], [file], 1, 2, 1 << 20), new[name])
