"""What counts as changed between two editions is exactly what has another leaf, and what moves in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from crawler.runs.changes import changed_rows
from crawler.sync import open_snapshot
from registry.core.decisions import Grant, Purpose, Terms
from registry.core.snapshots import Snapshot
from tests.unit.crawler import lab

_WORKS = [
    *list(lab.WORKS.values())[:1],
    *(lab.Work(f"text {n}", lab.prose(500 + n).encode()) for n in range(8)),
]


def _edition(folder: Path, works: list[lab.Work], sequence: int) -> Snapshot:
    lab.make_snapshot(folder, datetime.now(UTC), sequence=sequence, works=works)
    return open_snapshot(folder, now=datetime.now(UTC))


def test_a_row_is_changed_where_its_leaf_is_another(tmp_path: Path) -> None:
    later = [
        replace(_WORKS[0], terms=Terms(contested_since=1)),
        replace(_WORKS[1], data=lab.prose(902).encode()),
        *_WORKS[2:6],
        replace(_WORKS[6], data=lab.prose(900, 300).encode()),
        lab.Work("another work in its row", _WORKS[7].data),
        *_WORKS[8:],
        lab.Work("one more", lab.prose(901).encode()),
    ]
    for before, after in ((_WORKS, later), (later, _WORKS[:3])):
        here = tmp_path / str(len(list(tmp_path.iterdir())))
        old, new = _edition(here / "old", list(before), 1), _edition(here / "new", list(after), 2)
        leaves = [edition.leaves() for edition in (old, new)]
        differ = [one != other for one, other in zip(*leaves, strict=False)]
        longest = max(map(len, leaves))
        expected = differ + [True] * (longest - len(differ))
        assert changed_rows(old, new, old.created, old.created).tolist() == expected


def test_a_row_moves_where_a_grant_begins_between_the_two_dates(tmp_path: Path) -> None:
    grant = Grant(Purpose.TRAIN_GENAI, ("world",), 5_000, 6_000, 0, lab.OPEN_OFFER, None)
    works = [replace(_WORKS[0], terms=Terms((grant,))), *_WORKS[1:3]]
    edition = _edition(tmp_path / "vb", works, 1)
    for since, until, moved in (
        (0, 4_999, False),
        (0, 5_000, True),
        (5_000, 5_999, False),
        (6_000, 5_999, True),
    ):
        assert changed_rows(edition, edition, since, until).tolist() == [moved, False, False]
        assert np.count_nonzero(changed_rows(edition, edition, since, since)) == 0
