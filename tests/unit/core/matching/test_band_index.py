"""The text index proposes what datasketch's LSH proposes, counts exactly, and trusts no damaged file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from registry.core.errors import Corrupt, InvalidInput
from registry.core.matching import BandIndex, Hits

Signatures = NDArray[np.uint32]


def random_signatures(count: int, seed: int = 0) -> Signatures:
    return np.random.default_rng(seed).integers(0, 2**32, (count, 128), dtype=np.uint32)


def related(signatures: Signatures, similarity: float, seed: int = 1) -> Signatures:
    """Each signature with about this share of its values kept."""
    rng = np.random.default_rng(seed)
    kept = rng.random(signatures.shape) < similarity
    return np.where(kept, signatures, rng.integers(0, 2**32, signatures.shape, dtype=np.uint32))


def by_hand(signatures: Signatures, queries: Signatures, max_distance: int) -> list[tuple[int, int, int]]:
    """The definition: some band of four equal, and enough values equal."""
    equal = queries[:, None] == signatures[None]
    in_a_band = equal.reshape(len(queries), len(signatures), 32, 4).all(axis=3).any(axis=2)
    distance = 128 - equal.sum(axis=2)
    found = np.argwhere(in_a_band & (distance <= max_distance)).tolist()
    return [(q, r, int(distance[q, r])) for q, r in found]


def pairs(hits: Hits) -> list[tuple[int, int, int]]:
    return list(zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 200])
@pytest.mark.parametrize("max_distance", [0, 25, 64, 128])
def test_pairs_follow_the_definition(count: int, max_distance: int) -> None:
    signatures = random_signatures(count)
    queries = np.concatenate([related(signatures, s) for s in (1.0, 0.9, 0.7, 0.5, 0.3)])
    hits = BandIndex.build(signatures).search(queries, max_distance)
    assert pairs(hits) == by_hand(signatures, queries, max_distance)
    assert len(hits) >= count


def test_candidates_are_those_of_datasketch() -> None:
    signatures = random_signatures(60)
    queries = np.concatenate([related(signatures, s) for s in (0.6, 0.4, 0.3)])
    peer = MinHashLSH(num_perm=128, params=(32, 4))
    as_peer = [
        MinHash(num_perm=128, seed=1, scheme="affine32", hashvalues=s.copy()) for s in (*signatures, *queries)
    ]
    for row in range(60):
        peer.insert(row, as_peer[row])
    expected = [(q, r) for q in range(len(queries)) for r in sorted(peer.query(as_peer[60 + q]))]
    hits = BandIndex.build(signatures).search(queries, 128)
    assert list(zip(hits.query.tolist(), hits.row.tolist(), strict=True)) == expected
    assert expected


def test_a_bucket_flooded_with_one_text_is_answered_in_full() -> None:
    signatures = np.repeat(random_signatures(1), 5000, axis=0)
    index = BandIndex.build(signatures)
    for search in (index.search_by_numpy, index.search_by_kernel):
        hits = search(signatures[:9], 0)
        assert len(hits) == 45_000
        assert hits.row.tolist() == list(range(5000)) * 9


def test_signatures_inside_wider_rows_stay_in_place() -> None:
    """As they lie in a list of LeanMinHash codes: 13 bytes of header, then the values, not aligned."""
    signatures = random_signatures(50)
    codes = np.zeros((50, 525), np.uint8)
    codes[:, 13:] = signatures.view(np.uint8)
    values = codes[:, 13:].view("<u4")
    assert values.base is not None
    index = BandIndex.build(values)
    for search in (index.search_by_numpy, index.search_by_kernel):
        assert pairs(search(signatures, 0)) == [(i, i, 0) for i in range(50)]


@pytest.mark.parametrize("count", [1, 7, 8, 63, 1_000])
@pytest.mark.parametrize("distance", [0, 64, 128])
def test_both_lookups_give_the_same_answers(count: int, distance: int) -> None:
    signatures = random_signatures(count)
    queries = np.concatenate([related(signatures, 0.6), random_signatures(130), signatures[:3]])
    index = BandIndex.build(signatures)
    expected = pairs(index.search_by_numpy(queries, distance))
    assert pairs(index.search_by_kernel(queries, distance)) == expected
    assert expected


def test_a_text_takes_196_bytes(tmp_path: Path) -> None:
    BandIndex.build(random_signatures(20_000), tmp_path / "texts")
    tables = sum(path.stat().st_size for path in (tmp_path / "texts").glob("*.npy"))
    assert tables / 20_000 < 196.2


def test_nothing_in_nothing() -> None:
    empty, some = random_signatures(0), random_signatures(2)
    assert len(BandIndex.build(empty).search(some, 128)) == 0
    assert len(BandIndex.build(some).search(empty, 128)) == 0


@pytest.mark.parametrize(
    "signatures", [np.zeros((2, 127), np.uint32), np.zeros(128, np.uint32), np.zeros((2, 128))]
)
def test_other_shapes_are_refused(signatures: Signatures) -> None:
    with pytest.raises(InvalidInput, match="array of uint32"):
        BandIndex.build(signatures)
    with pytest.raises(InvalidInput, match="array of uint32"):
        BandIndex.build(random_signatures(2)).search(signatures, 64)


@pytest.mark.parametrize("distance", [-1, 129])
def test_an_impossible_distance_is_refused(distance: int) -> None:
    with pytest.raises(InvalidInput, match="between 0 and 128"):
        BandIndex.build(random_signatures(2)).search(random_signatures(2), distance)


# -- on disk -------------------------------------------------------------------------------------------------
FILES = ["bitmap.npy", "starts.npy", "rows.npy", "tags.npy", "index.json"]


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Signatures]:
    signatures = random_signatures(300)
    folder = tmp_path / "edition" / "texts"
    BandIndex.build(signatures, folder)
    return folder, signatures


def test_a_folder_gives_the_same_answers(built: tuple[Path, Signatures]) -> None:
    folder, signatures = built
    queries = related(signatures, 0.7)
    expected = pairs(BandIndex.build(signatures).search(queries, 64))
    for verify in (True, False):
        opened = BandIndex.open(folder, signatures, verify=verify)
        assert isinstance(opened._rows.base, np.memmap)
        assert pairs(opened.search(queries, 64)) == expected
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert [p.name for p in folder.parent.iterdir()] == ["texts"], "nothing half-built is left"


def test_an_index_without_texts_can_be_kept_too(tmp_path: Path) -> None:
    assert len(BandIndex.build(random_signatures(0), tmp_path / "texts")) == 0


@pytest.mark.parametrize("name", FILES[:3])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_flipped_bit_is_noticed(built: tuple[Path, Signatures], name: str, place: float) -> None:
    folder, signatures = built
    data = bytearray((folder / name).read_bytes())
    data[int(len(data) * place)] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(Corrupt, match="Delete that folder"):
        BandIndex.open(folder, signatures)


@pytest.mark.parametrize("field", ["format", "source", "sha256"])
def test_a_changed_manifest_is_noticed(built: tuple[Path, Signatures], field: str) -> None:
    folder, signatures = built
    manifest = json.loads((folder / "index.json").read_bytes())
    for value in ("vorbehalt-bands-v1", {"rows": ""}, None):
        (folder / "index.json").write_text(json.dumps(manifest | {field: value}))
        with pytest.raises(Corrupt, match="Delete that folder"):
            BandIndex.open(folder, signatures)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"{}")]
)
def test_missing_and_foreign_files_are_noticed(
    built: tuple[Path, Signatures], name: str, damage: Callable[[Path], object]
) -> None:
    folder, signatures = built
    damage(folder / name)
    for verify in (True, False):
        with pytest.raises(Corrupt, match="Delete that folder"):
            BandIndex.open(folder, signatures, verify=verify)


def test_an_index_of_other_texts_is_refused(built: tuple[Path, Signatures]) -> None:
    folder, signatures = built
    other = signatures.copy()
    other[17, 3] ^= 1
    with pytest.raises(Corrupt, match="built from other data"):
        BandIndex.open(folder, other)
    with pytest.raises(Corrupt, match="do not fit 299"):
        BandIndex.open(folder, signatures[:-1], verify=False)


def test_the_second_of_two_builders_leaves_the_first_ones_work(built: tuple[Path, Signatures]) -> None:
    folder, signatures = built
    before = (folder / "rows.npy").stat().st_ino
    assert len(BandIndex.build(signatures, folder)) == 300
    assert (folder / "rows.npy").stat().st_ino == before
    assert [p.name for p in folder.parent.iterdir()] == ["texts"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        BandIndex.build(random_signatures(9), tmp_path / "texts")
    assert list(tmp_path.iterdir()) == []
