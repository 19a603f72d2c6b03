"""The index of many codes: in folders, shared, damaged, flooded, and on processors without vector instructions."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.core.errors import ChangedMeanwhile, Corrupt, InvalidInput
from registry.core.fingerprints.metering import Meter
from registry.core.matching import CodeIndex, Hits, open_index, opening
from registry.core.matching.chain import COMPACT, WIDE, ChainIndex, Layout, costs
from registry.core.matching.chain import folder as folder_module
from registry.core.matching.chain import index as index_module
from registry.core.matching.chain import search as search_module
from registry.core.matching.chain.build import build
from registry.core.matching.chain.permutation import PERMUTATION, dealing, inverse
from registry.core.matching.chain.search import search
from registry.core.matching.dihedral import variants

Codes = NDArray[np.uint8]


def random_codes(count: int, seed: int) -> Codes:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def near(codes: Codes, bits: int, seed: int) -> Codes:
    """Each code with so many of its bits changed."""
    order = np.argsort(np.random.default_rng(seed).random((len(codes), 256)), axis=1)
    return codes ^ np.packbits(order < bits, axis=1)


def words(codes: Codes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(codes).view(np.uint64)


def pairs(hits: Hits) -> list[tuple[int, int, int]]:
    return list(zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True))


def by_tables(index: ChainIndex, queries: Codes, radius: int) -> list[tuple[int, int, int]]:
    """What the tables find, although brute force would be faster for so few codes."""
    return pairs(index.search(queries, radius, way="each"))


@pytest.mark.parametrize("layout", [WIDE, COMPACT], ids=lambda layout: layout.name)
def test_an_index_in_a_folder_is_opened_in_place(layout: Layout, tmp_path: Path) -> None:
    codes = random_codes(1000, 1)
    queries = np.concatenate([near(codes[:20], bits, bits) for bits in (0, 31, 32)])
    built = ChainIndex.build(codes, tmp_path / "index", layout=layout)
    expected = [(q, q % 20, bits) for q, bits in zip(range(40), [0] * 20 + [31] * 20, strict=True)]
    for index in (
        built,
        ChainIndex.open(tmp_path / "index"),
        ChainIndex.open(tmp_path / "index", verify=False),
    ):
        assert by_tables(index, queries, 31) == expected
        assert by_tables(index, queries[21:22], 31) == [(0, 1, 31)]
        assert len(index) == 1000
        assert index.width == 32
        inline = index._state.base.tables.inline
        assert isinstance(inline.base, np.ndarray | np.memmap)
        assert not inline.flags.writeable


def test_both_layouts_take_the_memory_that_they_promise() -> None:
    per_code = [
        sum(int(np.prod(s)) * np.dtype(t).itemsize for t, s in shapes.values()) / 10_000_000
        for shapes in (index_module_shapes(layout) for layout in (WIDE, COMPACT))
    ]
    assert per_code[0] < 130
    assert per_code[1] < 80


def index_module_shapes(layout: Layout) -> dict[str, tuple[type, tuple[int, ...]]]:
    from registry.core.matching.chain.tables import shapes

    return shapes(layout, 10_000_000, 10_000_000)


def test_building_in_a_folder_holds_a_bounded_part_in_memory(tmp_path: Path) -> None:
    codes = random_codes(100_000, 2)
    ChainIndex.build(codes[:10], tmp_path / "first")  # loads the kernels
    tracemalloc.start()
    try:
        ChainIndex.build(codes, tmp_path / "index")
        assert tracemalloc.get_traced_memory()[1] < 50 * len(codes) + 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("folder", [False, True])
def test_an_index_without_codes_finds_nothing(folder: bool, tmp_path: Path) -> None:
    empty = np.empty((0, 32), np.uint8)
    index = ChainIndex.build(empty, tmp_path / "index" if folder else None)
    assert by_tables(index, random_codes(3, 1), 63) == []
    assert by_tables(index, empty, 31) == []
    hits = index.search(random_codes(1, 1), 31, way="each")
    assert [c.dtype.str for c in (hits.query, hits.row, hits.distance)] == ["<u4", "<u4", "<u2"]
    index.merge()
    assert index.append(random_codes(2, 2)) == range(2)
    index.merge()
    assert by_tables(index, random_codes(2, 2), 0) == [(0, 0, 0), (1, 1, 0)]


def test_a_hit_outlasts_the_next_search_of_its_thread() -> None:
    codes = random_codes(500, 1)
    index = ChainIndex.build(codes)
    first = index.search(codes[7:8], 31, way="each")
    second = index.search(near(codes[8:9], 31, 2), 31, way="each")
    assert (pairs(first), pairs(second)) == ([(0, 7, 0)], [(0, 8, 31)])


@pytest.mark.parametrize("count", [1, 64, 65])
def test_more_hits_than_a_thread_has_room_for_are_all_returned(count: int) -> None:
    codes = near(np.repeat(random_codes(1, 1), 1500, axis=0), 4, 2)
    index = ChainIndex.build(codes)
    queries = codes[:count]
    expected = pairs(CodeIndex(codes).search(queries, 31))
    assert len(expected) == 1500 * count
    assert by_tables(index, queries, 31) == expected


def test_threads_do_not_disturb_each_other() -> None:
    codes = random_codes(20_000, 1)
    index = ChainIndex.build(codes)

    def wrong(begin: int) -> list[int]:
        rows = range(begin, begin + 300)
        return [row for row in rows if by_tables(index, codes[row : row + 1], 31) != [(0, row, 0)]]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wrong, range(0, 2400, 300))) == [[]] * 8


def test_codes_that_are_equal_stand_once_in_the_tables() -> None:
    codes = np.repeat(random_codes(40, 3), 50, axis=0)[np.random.default_rng(4).permutation(2000)]
    index = ChainIndex.build(codes)
    assert index._state.base.tables.entries == 40
    hits = index.search(codes[:10], 31, way="each")
    assert len(hits) == 500
    assert pairs(hits) == pairs(CodeIndex(codes).search(codes[:10], 31))


@pytest.mark.parametrize("layout", [WIDE, COMPACT], ids=lambda layout: layout.name)
@pytest.mark.parametrize("way", ["each", "regions"])
@pytest.mark.parametrize("family", [1, 9])
def test_a_flooded_query_is_compared_with_everything(
    family: int, way: costs.Way, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 codes share a quarter with the query and are strangers otherwise; two are near."""
    query = random_codes(3, 5)
    codes = random_codes(20_000, 6)
    dealt = np.empty((1, 4), np.uint64)
    from registry.core.matching.chain.preparing import deal

    all_dealt = np.empty((20_000, 4), np.uint64)
    deal(words(query[:1]), dealing(), dealt)
    deal(words(codes), dealing(), all_dealt)
    all_dealt[:, 2] = dealt[0, 2]
    deal(all_dealt, dealing(inverse(PERMUTATION)), words_of := np.empty_like(all_dealt))
    codes = words_of.view(np.uint8)
    codes[[7, 9000]] = near(query[:1], 30, 7)[0], near(query[1:2], 30, 8)[0]
    runs, run = [], search_module._run

    def noted(*asked: Any) -> NDArray[np.bool_]:
        runs.append(asked[3])
        return run(*asked)

    monkeypatch.setattr(search_module, "_run", noted)
    stored = build(words(codes), layout=layout)
    asked = query if family == 1 else variants(query).reshape(-1, 32)
    hits = search(stored, words(asked), 31, way, family)
    assert pairs(hits) == [(0, 7, 30), (family, 9000, 30)]
    assert runs == [way, "brute"]


def test_every_damaged_file_is_refused(tmp_path: Path) -> None:
    """Each file cut short, emptied, missing and with one bit changed at several places."""
    codes = random_codes(400, 9)
    codes[100:120] = codes[:20]
    index = ChainIndex.build(codes, tmp_path / "sound")
    index.append(random_codes(10, 10))
    index.remove(np.array([3]))
    files = sorted(p.relative_to(tmp_path / "sound") for p in (tmp_path / "sound").rglob("*") if p.is_file())
    files = [f for f in files if f.name != ".lock"]
    assert len(files) == 1 + (8 + 1) + (2 + 1)
    shutil.copytree(tmp_path / "sound", tmp_path / "index")
    for file in files:
        place = tmp_path / "index" / file
        content = place.read_bytes()
        flips = [0, len(content) // 2, len(content) - 1] if content else []
        damaged = [content[: len(content) // 2], content[:-1], b""]
        damaged += [content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :] for at in flips]
        for version in damaged:
            place.write_bytes(version)
            with pytest.raises(Corrupt, match="Delete that folder"):
                ChainIndex.open(tmp_path / "index")
        place.unlink()
        with pytest.raises(Corrupt):
            ChainIndex.open(tmp_path / "index")
        place.write_bytes(content)
    assert len(ChainIndex.open(tmp_path / "index")) == 410


def test_damage_that_nobody_checked_gives_wrong_answers_at_worst(tmp_path: Path) -> None:
    codes = random_codes(2000, 11)
    ChainIndex.build(codes, tmp_path / "index", layout=COMPACT)
    rng = np.random.default_rng(12)
    for name in ("inline", "low", "high", "rest", "twin", "permutation", "offsets"):
        place = tmp_path / "index" / "base-1" / f"{name}.npy"
        content = place.read_bytes()
        noise = rng.integers(0, 256, max(len(content) - 128, 0), dtype=np.uint8).tobytes()
        place.write_bytes(content[:128] + noise)
        try:
            index = ChainIndex.open(tmp_path / "index", verify=False)
            index.search(codes[:50], 47, way="each")
        except Corrupt:
            pass
        place.write_bytes(content)


def test_an_index_of_other_codes_is_refused(tmp_path: Path) -> None:
    codes = random_codes(100, 13)
    ChainIndex.build(codes, tmp_path / "index")
    other = codes.copy()
    other[50] ^= 1
    for wrong in (other, codes[:-1]):
        with pytest.raises(Corrupt, match=r"other data|built from 100 codes"):
            ChainIndex.open(tmp_path / "index", codes=wrong)
    assert len(ChainIndex.open(tmp_path / "index", codes=codes)) == 100


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    index = ChainIndex.build(random_codes(10, 14))
    with pytest.raises(InvalidInput, match="between 0 and 256"):
        index.search(random_codes(1, 1), 257)
    with pytest.raises(InvalidInput, match="array of bytes"):
        index.search(np.zeros((1, 31), np.uint8), 31)
    with pytest.raises(InvalidInput, match="array of bytes"):
        index.append(np.zeros((1, 31), np.uint8))
    for rows in ([10], [-1]):
        with pytest.raises(InvalidInput, match="rows 0 to 9"):
            index.remove(np.array(rows))
    with pytest.raises(Corrupt, match="Delete that folder"):
        ChainIndex.open(tmp_path / "nothing")


@pytest.mark.parametrize("radius", [64, 79, 80, 128, 256])
def test_radii_beyond_the_pigeonholes_are_exact_too(radius: int) -> None:
    codes = random_codes(300, 15)
    queries = np.concatenate([near(codes[:3], radius, 16), near(codes[3:6], min(radius + 1, 256), 17)])
    expected = pairs(CodeIndex(codes).search(queries, radius))
    assert pairs(ChainIndex.build(codes).search(queries, radius)) == expected
    assert pairs(search(build(words(codes)), words(queries), radius, "brute")) == expected


def test_many_added_codes_lead_to_new_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(index_module, "_DELTA", 100)
    index = ChainIndex.build(random_codes(50, 18), tmp_path / "index")
    index.append(random_codes(100, 19))
    assert index._state.base.tables.entries == 50
    index.append(random_codes(1, 20))
    assert index._state.base.tables.entries == 151
    assert len(index._state.delta) == 0
    assert by_tables(index, random_codes(1, 20), 0) == [(0, 150, 0)]


def test_one_process_does_not_undo_what_another_did(tmp_path: Path) -> None:
    first = ChainIndex.build(random_codes(50, 21), tmp_path / "index")
    second = ChainIndex.open(tmp_path / "index")
    first.append(random_codes(5, 22))
    with pytest.raises(ChangedMeanwhile, match="open it again"):
        second.remove(np.array([1]))
    assert len(second) == 50, "a process keeps the state that it opened"
    assert len(ChainIndex.open(tmp_path / "index")) == 55


def test_an_opened_index_survives_that_its_files_are_replaced(tmp_path: Path) -> None:
    codes = random_codes(500, 23)
    index = ChainIndex.build(codes, tmp_path / "index")
    other = ChainIndex.open(tmp_path / "index")
    index.remove(np.arange(250))
    index.merge()
    assert not (tmp_path / "index" / "base-1").exists()
    assert len(by_tables(other, codes, 0)) == 500
    assert len(by_tables(index, codes, 0)) == 250


def test_a_build_that_dies_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = random_codes(50, 24)
    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "point", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ChainIndex.build(codes, tmp_path / "index")
    with pytest.raises(Corrupt):
        ChainIndex.open(tmp_path / "index")
    assert len(ChainIndex.build(codes, tmp_path / "index")) == 50
    manifest = json.loads((tmp_path / "index" / "current.json").read_bytes())
    assert manifest["base"]["number"] == 1


def _open_and_search(folder: Path, codes: Codes) -> tuple[int, list[tuple[int, int, int]]]:
    index = open_index(codes, folder)
    assert isinstance(index, ChainIndex)
    return (folder / "base-1" / "inline.npy").stat().st_ino, by_tables(index, codes[:5], 31)


def test_processes_build_once_and_share_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "KEPT", 100)  # inherited by the forked processes
    codes = random_codes(5000, 25)
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        answers = pool.starmap(_open_and_search, [(tmp_path / "index", codes)] * 6)
    assert len({inode for inode, _ in answers}) == 1
    assert all(found == [(q, q, 0) for q in range(5)] for _, found in answers)
    assert sorted(p.name for p in (tmp_path / "index").iterdir()) == [".lock", "base-1", "current.json"]


def test_the_length_of_the_list_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = random_codes(500, 26)
    assert isinstance(open_index(codes, tmp_path / "index"), CodeIndex)
    assert not (tmp_path / "index").exists()
    monkeypatch.setattr(opening, "KEPT", 400)
    assert isinstance(open_index(codes), CodeIndex)
    assert isinstance(open_index(codes, tmp_path / "index"), ChainIndex)
    assert isinstance(open_index(codes, tmp_path / "index", verify=False), ChainIndex)
    (tmp_path / "file").write_bytes(b"")
    assert isinstance(open_index(codes, tmp_path / "file" / "index"), CodeIndex), (
        "nothing can be written there"
    )
    monkeypatch.setattr(opening, "HELD", 400)
    assert isinstance(open_index(codes), ChainIndex)
    assert isinstance(open_index(codes, tmp_path / "file" / "index"), ChainIndex)


def test_the_permutation_is_frozen() -> None:
    assert PERMUTATION[:8].tolist() == FIRST
    assert sorted(PERMUTATION.tolist()) == list(range(256))
    codes, back = words(random_codes(20, 27)), np.empty((20, 4), np.uint64)
    from registry.core.matching.chain.preparing import deal

    dealt = np.empty_like(back)
    deal(codes, dealing(), dealt)
    bits = np.unpackbits(codes.view(np.uint8), axis=1, bitorder="little")
    assert (np.unpackbits(dealt.view(np.uint8), axis=1, bitorder="little") == bits[:, PERMUTATION]).all()
    deal(dealt, dealing(inverse(PERMUTATION)), back)
    assert (back == codes).all()


FIRST = [37, 227, 67, 45, 13, 235, 171, 103]


def test_the_cheapest_way_depends_on_how_much_is_asked() -> None:
    def way(entries: int, queries: int, radius: int) -> str:
        estimated = costs.estimate(WIDE, entries, queries, radius, codes_at_hand=True)
        return estimated.by_tables if estimated.saved > 0 else "brute"

    assert way(10_000, 1, 31) == "brute"
    assert way(10_000_000, 1, 31) == "each"
    assert way(10_000_000, 20_000, 31) == "regions"
    assert way(10_000_000, 20_000, 63) == "regions"
    assert way(10_000_000, 20_000, 100) == "brute"
    assert way(1_000_000, 1, 63) == "brute"


def test_a_process_that_asks_little_loads_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brute force until it has cost as much more as loading would; then the tables."""
    codes = random_codes(3000, 28)
    index, meter = ChainIndex.build(codes), Meter(30_000)
    monkeypatch.setattr(index_module, "LOADING", meter)
    monkeypatch.setattr(
        index_module, "estimate", lambda *_, **__: costs.Estimate(brute=20_000, each=10_000, regions=15_000)
    )
    ways = [index_module._cheapest(index._state, 1, 31, 1) for _ in range(5)]
    assert ways == ["brute", "brute", "brute", "each", "each"]
    without = ChainIndex.build(codes[:10])
    monkeypatch.setattr(index_module, "LOADING", Meter(10**9))
    object.__setattr__(without, "_state", replace(without._state, codes=None))
    assert index_module._cheapest(without._state, 1, 31, 1) == "each"


PROGRAM = """
import sys
from hashlib import sha256
import numpy as np
from numba import njit
from registry.core.matching.chain import COMPACT, WIDE
from registry.core.matching.chain.build import build
from registry.core.matching.chain.search import search
from registry.core.matching.codes import search_compiled
from registry.core.matching.kernels import ones

@njit
def sample(words, shift):  # compiled here and now: what comes from a cache cannot be inspected
    total = 0
    for word in words:
        total += ones(word) << shift
    return total

rng = np.random.default_rng(3)
centres = rng.integers(0, 256, (9, 32), dtype=np.uint8)
codes = centres[rng.integers(0, 9, 3000)] ^ np.packbits(rng.random((3000, 256)) < 0.08, axis=1)
digest, words = sha256(), codes.view(np.uint64)
for layout in (WIDE, COMPACT):
    stored = build(words, layout=layout)
    for array in stored.tables[:5]:
        digest.update(array.tobytes())
    for radius in (31, 47):
        for way in ("each", "regions", "brute"):
            hits = search(stored, words[:200], radius, way)
            assert len(hits) > 200
            digest.update(b"".join(c.tobytes() for c in (hits.query, hits.row, hits.distance)))
words.flags.writeable = False
for radius in (14, 31, 63, 120):
    hits = search_compiled(words, words[:50], radius)
    digest.update(b"".join(c.tobytes() for c in (hits.query, hits.row, hits.distance)))
print(digest.hexdigest())
if sys.argv[1:]:
    sample(words[0], 3)
    asm = next(iter(sample.inspect_asm().values()))
    print(*(name in asm for name in ("ymm", "zmm", "shlx", "popcnt")))
"""
KERNELS = Path(__file__).parents[4] / "var" / "kernels-without-vectors"
"""Where kernels for the least processor are kept from run to run; numba's cache tells processors apart."""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="names instructions of x86-64")
def test_a_processor_without_vector_instructions_finds_the_same() -> None:
    def run(**settings: str) -> list[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        environment |= settings
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *settings],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    own, generic = run(), run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=str(KERNELS))
    assert generic[1:] == ["False"] * 4, "neither AVX nor AVX-512 nor BMI2 nor even a population count"
    assert own[0] == generic[0]
