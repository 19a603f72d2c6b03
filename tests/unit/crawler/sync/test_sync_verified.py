"""What was read and found whole is not read again by each visit; nothing is believed because of that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler import verified
from registry.core.errors import Corrupt
from registry.core.records.canonical import canonical
from registry.core.snapshots import snapshot
from tests.support.snapshots import SECONDS
from tests.unit.crawler.sync.conftest import Lab

LIST = "lists/works.arrow"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files were read to compare their digests."""
    digest, found = snapshot.file_digest, list[str]()  # type: ignore[attr-defined]

    def noted(file: Any, name: str) -> Any:
        found.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(snapshot, "file_digest", noted)
    return found


def _edition(lab: Lab) -> Path:
    return lab.folder / "editions" / "1"


def _rewrite(lab: Lab, change: Change) -> None:
    path = _edition(lab) / "verified.json"
    known = json.loads(path.read_bytes())
    change(known)
    path.write_bytes(canonical(known))


def _rot(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_visit_without_change_reads_no_list_until_a_day_later(lab: Lab, read: list[str]) -> None:
    lab.sync()
    read.clear()
    assert not lab.sync().changed
    assert read == []
    _rewrite(lab, lambda known: known.update(at=SECONDS - verified.AGAIN_AFTER))
    assert not lab.sync().changed
    assert "works.arrow" in read
    read.clear()
    lab.sync()
    assert read == []
    lab.open()
    assert "works.arrow" in read, "whoever judges by it reads everything, each time"


@pytest.mark.parametrize(
    "change",
    [
        lambda known: known.update(at=SECONDS + 1),
        lambda known: known.update(manifest="00" * 32),
        lambda known: known["files"].update({LIST: "1 2 3 4"}),
        lambda known: known["files"].update({"lists/none": "1 2 3 4"}),
        lambda known: known.clear(),
        lambda known: known.update(files=[]),
        None,
    ],
)
def test_in_doubt_everything_is_read(lab: Lab, read: list[str], change: Change | None) -> None:
    lab.sync()
    read.clear()
    if change is None:
        (_edition(lab) / "verified.json").write_bytes(b"no JSON")
    else:
        _rewrite(lab, change)
    assert not lab.sync().changed
    assert "works.arrow" in read


def test_a_file_that_was_touched_is_read_again(lab: Lab, read: list[str]) -> None:
    lab.sync()
    read.clear()
    path = _edition(lab) / LIST
    shutil.copy2(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)  # the same bytes, size and time
    lab.sync()
    assert "works.arrow" in read


def test_damage_that_a_visit_could_not_notice_is_refused_by_who_opens_it_and_then_replaced(lab: Lab) -> None:
    """A rotten bit changes no time; and whoever may write here can make it look so."""
    lab.sync()
    name = "lists/terms.jsonl"
    _rot(_edition(lab) / name)
    facts = verified.facts_of(_edition(lab), [name])
    _rewrite(lab, lambda known: known["files"].update(facts))
    assert not lab.sync().changed
    with pytest.raises(Corrupt, match="not what its digest says"):
        lab.open()
    result = lab.sync()
    assert result.changed
    assert "damaged" in result.notes[0]
    assert lab.open().sequence == 1
