"""Few steps files, for everyone who was here in the last 28 days; and nothing stays in the store for ever."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from registry.base.files import FolderStore
from registry.core.snapshots.history import LONGEST, SERVED, Stretch, stretches
from registry.core.snapshots.retired import RETIRED, RETIRED_FOR, remove_retired
from registry.core.snapshots.steps import MOST_FILES, StepsName, way
from tests.support.snapshots import NOW, Registry, growing_content

HOUR, DAY = 3600, 24 * 3600


def _life(gaps: list[int]) -> list[tuple[int, list[Stretch], list[int]]]:
    """Publish an edition after each of these gaps: at every time, what is published and when each edition was made."""
    made: list[int] = [0]
    published: list[Stretch] = []
    seen = []
    for number, gap in enumerate(gaps, 1):
        made.append(made[-1] + gap)
        newest = Stretch((StepsName(number, number + 1),), made[-2], made[-1])
        found = stretches(published, newest, made[-1])
        published = [Stretch((s.name,), s.since, s.until) for s in found]
        seen.append((made[-1], published, list(made)))
    return seen


RATES = {
    "hourly": [HOUR] * 1000,
    "every ten minutes": [600] * 5000,
    "twice a day": [DAY // 2] * 100,
    "with pauses": ([HOUR] * 30 + [10 * DAY] + [HOUR] * 200 + [3 * DAY] + [60] * 300) * 2,
}


@pytest.mark.parametrize("gaps", RATES.values(), ids=RATES)
def test_twelve_files_lead_from_every_edition_of_28_days(gaps: list[int]) -> None:
    for now, published, made in _life(gaps)[:: max(1, len(gaps) // 15)]:
        assert len(published) <= MOST_FILES
        newest = len(made)
        lengths = {s.name: s.name.last - s.name.first for s in published}
        for edition, time in list(enumerate(made, 1))[:-1]:
            if time > now - SERVED:
                found = way(lengths, edition, newest)
                assert found is not None, f"no way from edition {edition} to {newest}"


@pytest.mark.parametrize("gaps", RATES.values(), ids=RATES)
def test_nothing_stays_longer_than_28_days_and_a_week(gaps: list[int]) -> None:
    for now, published, _ in _life(gaps)[:: max(1, len(gaps) // 15)]:
        for stretch in published:
            assert stretch.until > now - SERVED
            single_step = stretch.name.last - stretch.name.first == 1
            assert single_step or stretch.since >= now - SERVED - LONGEST


def test_who_is_a_little_behind_fetches_a_little() -> None:
    for _, published, made in _life(RATES["hourly"])[700::50]:
        newest = len(made)
        lengths = {s.name: s.name.last - s.name.first for s in published}
        for behind in (1, 2, 5, 24, 100, 300):
            found = way(lengths, newest - behind, newest)
            assert found is not None
            assert sum(lengths[name] for name in found) <= 1 + behind * 4


def test_steps_after_a_gap_in_the_steps_start_anew() -> None:
    old = Stretch((StepsName(1, 2),), 0, 1)
    newest = Stretch((StepsName(3, 4),), 2, 3)
    assert stretches([old], newest, 3) == [newest]


def test_facts_come_back() -> None:
    stretch = Stretch((StepsName(4, 9),), 1_700_000_000, 1_700_003_600)
    assert Stretch.of(stretch.name, stretch.facts) == stretch
    with pytest.raises(KeyError):
        Stretch.of(stretch.name, {})


# -- in the store ------------------------------------------------------------------------------------------
def test_what_is_not_in_use_goes_after_two_days(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for name in ("a", "b", "left"):
        store.put(f"snapshot/targets/lists/{name}", b"x")
    store.put("elsewhere/c", b"x")
    used = {"snapshot/targets/lists/a", "snapshot/targets/lists/b"}
    assert remove_retired(store, used, 1000) == []
    used.remove("snapshot/targets/lists/b")
    assert remove_retired(store, used, 1000 + HOUR) == []
    assert remove_retired(store, used, 1000 + RETIRED_FOR) == ["snapshot/targets/lists/left"]
    assert remove_retired(store, used, 1000 + HOUR + RETIRED_FOR) == ["snapshot/targets/lists/b"]
    assert sorted(store.paths("snapshot/targets/")) == ["snapshot/targets/lists/a"]
    assert store.exists("elsewhere/c")


def test_what_is_used_again_stays(tmp_path: Path) -> None:
    store, path = FolderStore(tmp_path), "snapshot/targets/lists/a"
    store.put(path, b"x")
    remove_retired(store, set(), 0)
    remove_retired(store, {path}, DAY)
    assert remove_retired(store, set(), 10 * DAY) == []
    assert store.exists(path)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a":3}', b'{"a":"yesterday"}'])
def test_a_damaged_note_only_prolongs(tmp_path: Path, damage: bytes) -> None:
    store, path = FolderStore(tmp_path), "snapshot/targets/lists/a"
    store.put(path, b"x")
    remove_retired(store, set(), 0)
    store.put(RETIRED, damage)
    assert remove_retired(store, set(), RETIRED_FOR) == []
    assert remove_retired(store, set(), 2 * RETIRED_FOR) == [path]


def test_a_withdrawn_works_code_leaves_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code is in the first files; later nobody can fetch them, whatever digest he knows."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    registry = Registry.create(tmp_path)
    for sequence in range(1, 40):
        now = NOW + timedelta(days=sequence - 1)
        content = growing_content(
            sequence, 60 + sequence, {7} if sequence > 2 else set(), int(now.timestamp())
        )
        registry.publisher.prune(now)
        registry.publish(content, now)
        files = registry.published_files()
        first = [name for name in files if "steps-1-" in name or "steps-2-" in name]
        assert first or not 1 < sequence < 28
        assert not first or sequence <= 35 + 2
        kept = {name.partition(".")[2] for name in files}
        assert len([name for name in kept if name.startswith("steps-")]) <= MOST_FILES + 6
    files = registry.published_files()
    packs = [name for name in files if name.endswith("image.phash256.v1.pack")]
    assert len(packs) <= 4, "today's, and those of the last two days"
    assert len([name for name in files if name.startswith("metadata/")]) < 12
