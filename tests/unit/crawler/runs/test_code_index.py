"""By its index a table of codes is sifted without being read: nothing near is missed, and no damage unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import durable
from crawler.runs import code_keys, papers
from crawler.runs.codes_table import CodesTable
from crawler.runs.finish import write_codes
from crawler.runs.layout import CODES, INDEX
from crawler.runs.reach import Reach
from registry.core.errors import VerificationFailed
from registry.core.fingerprints import Fingerprint, fingerprint_bytes
from registry.core.fingerprints.metering import Meter
from registry.core.records.runs import FileUsed
from tests.support.lists import lists_of
from tests.unit.crawler import lab

_PAGES = [lab.prose(800 + n, 60 + n) for n in range(24)]
_PICTURES = [lab.encoded(lab.picture(800 + n), "JPEG", quality=80) for n in range(2)]


@cache
def _codes(data: bytes) -> tuple[Fingerprint, ...]:
    return fingerprint_bytes(data).fingerprints


def _reach(*works: str | bytes) -> Reach:
    made = [_codes(work.encode() if isinstance(work, str) else work) for work in works]
    return Reach([lists_of(made)])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, FileUsed]:
    """The table of the codes of some pages and two pictures, in small row groups."""
    monkeypatch.setattr(papers, "ROWS_PER_GROUP", 10)
    items = [*map(str.encode, _PAGES[:12]), *_PICTURES, *map(str.encode, _PAGES[12:])]
    rows = [
        {
            "shard": n // 5,
            "row": n % 5,
            "key": str(n),
            "algorithm": f.algorithm,
            "kind": f.kind,
            "code": f.code,
        }
        for n, data in enumerate(items)
        for f in _codes(data)
    ]
    used = write_codes(tmp_path / CODES, tmp_path / INDEX, [papers.batch(rows, papers.CODES)])
    assert used.sha256 == durable.sha256_of(tmp_path / CODES)
    return tmp_path, used


def _near(run: tuple[Path, FileUsed], reach: Reach, *, indexed: bool = True) -> list[tuple[int, int]]:
    places = CodesTable(*run, indexed=indexed).near(reach)
    return [divmod(int(place), 1 << 32) for place in places]


_REACHES: list[tuple[Sequence[str | bytes], list[tuple[int, int]]]] = [
    ([_PAGES[3]], [(0, 3)]),
    ([_PAGES[13], _PAGES[0]], [(0, 0), (3, 0)]),
    ([_PICTURES[1]], [(2, 3)]),
    ([lab.prose(1, 50) + " " + " ".join(_PAGES[20].split()[5:25]), _PAGES[7]], [(1, 2), (4, 2)]),
    ([lab.prose(2, 80)], []),
]


@pytest.mark.parametrize(("works", "places"), _REACHES)
def test_the_same_is_near_with_and_without_an_index(
    run: tuple[Path, FileUsed], works: Sequence[str | bytes], places: list[tuple[int, int]]
) -> None:
    assert _near(run, _reach(*works)) == places
    assert _near(run, _reach(*works), indexed=False) == places


def test_what_no_change_can_touch_is_not_read(run: tuple[Path, FileUsed]) -> None:
    folder, _ = run
    data = bytearray((folder / CODES).read_bytes())
    data[20] ^= 1  # in the first row group
    (folder / CODES).write_bytes(data)
    assert _near(run, _reach(_PAGES[20])) == [(4, 2)]
    for works, indexed in (([_PAGES[0]], True), ([_PICTURES[0]], False), ([_PAGES[20]], False)):
        with pytest.raises(VerificationFailed, match="was changed after the run"):
            _near(run, _reach(*works), indexed=indexed)
    with pytest.raises(VerificationFailed, match="was changed after the run"):
        list(CodesTable(*run).rows(np.zeros(1, np.uint64)))


def test_no_damage_to_the_index_hides_anything(run: tuple[Path, FileUsed]) -> None:
    folder, random = run[0], Random(3)
    whole = (folder / INDEX).read_bytes()
    reach, found = _reach(_PAGES[3], _PAGES[20]), [(0, 3), (4, 2)]
    for _ in range(80):
        data = bytearray(whole)
        if random.random() < 0.1:
            del data[random.randrange(len(data)) :]
        else:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        (folder / INDEX).write_bytes(data)
        with suppress(VerificationFailed):  # else what was hit is never looked at
            assert _near(run, reach) == found


def test_the_index_of_another_table_is_refused(run: tuple[Path, FileUsed], tmp_path: Path) -> None:
    rows = pq.read_table(run[0] / CODES).to_pylist()
    rows[0]["key"] = "another"
    other = tmp_path / "other"
    other.mkdir()
    used = write_codes(other / CODES, other / INDEX, [papers.batch(rows, papers.CODES)])
    (other / INDEX).write_bytes((run[0] / INDEX).read_bytes())
    with pytest.raises(VerificationFailed):
        _near((other, used), _reach(_PAGES[0]))
    (other / INDEX).unlink()
    assert _near((other, used), _reach(_PAGES[0])) == [(0, 0)]


@given(
    known=st.lists(st.integers(0, 2**40 - 1), min_size=1, max_size=300),
    asked=st.lists(st.integers(0, 2**40 - 1), max_size=300),
    some=st.integers(0, 300),
)
@settings(max_examples=60)
def test_keys_are_met_by_either_engine(known: list[int], asked: list[int], some: int) -> None:
    others = [key ^ 1 for key in known[:some]]  # alike but for the last bit
    hashes = np.array([*asked, *known[:some], *others], np.uint64)
    among = set(known)
    expected = [n for n, key in enumerate(hashes.tolist()) if key in among]
    for head_start in (1 << 40, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(code_keys, "LOOKUPS", Meter(head_start))
            met = code_keys.KeySet(np.array(known, np.uint64)).met_by(code_keys.Keys.of(hashes))
            assert met.tolist() == expected
