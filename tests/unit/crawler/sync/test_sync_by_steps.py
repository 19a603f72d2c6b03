"""A lab that has an edition fetches what changed; whatever is wrong with that costs it a download and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from crawler.sync import SyncResult
from registry.core.errors import TrustRefused
from registry.core.snapshots import Snapshot, write_edition
from registry.core.snapshots.blocks import bytes_block, facts_block, numbers_block
from registry.core.snapshots.packs import pack_edition
from tests.support.snapshots import NOW, Registry, Served, answer, flip, growing_content
from tests.unit.crawler.sync.conftest import Lab


def _publish(registry: Registry, sequence: int, withdrawn: set[int] | None = None) -> None:
    """Edition after edition, each with a few works more."""
    registry.publish(growing_content(sequence, 2000 + 5 * sequence, withdrawn or set()))


@pytest.fixture(autouse=True)
def _two_editions(registry: Registry, lab: Lab, served: Served) -> None:
    """The lab has edition 2 of a registry of two thousand works; since then edition 3 was published."""
    _publish(registry, 2)
    lab.sync()
    _publish(registry, 3, {7, 8, 1500})
    served.requests.clear()


def _fetched(served: Served) -> set[str]:
    return {path.partition(".")[2] for path, _ in served.requests if path.startswith("targets/")}


def _is_whole(lab: Lab, sequence: int) -> Snapshot:
    """The copy of that edition is in use, is what was published, and says so."""
    snapshot = lab.open()
    assert snapshot.sequence == sequence
    snapshot.check_works_root()
    return snapshot


def _steps_files(registry: Registry) -> list[Path]:
    return [path for name, path in registry.published_files().items() if "steps-" in name]


def test_only_the_steps_come(lab: Lab, served: Served) -> None:
    result = lab.sync()
    assert _fetched(served) == {"edition.json", "steps-2-3.pack"}
    assert result.received < 10_000
    snapshot = _is_whole(lab, 3)
    assert 7 not in snapshot.lists["image.phash256.v1"].work_rows
    assert snapshot.withdrawn(7)
    assert not [note for note in result.notes if "steps" in note]


def test_the_same_files_come_by_steps_and_whole(lab: Lab, tmp_path: Path) -> None:
    lab.sync()
    fresh = Lab(tmp_path / "fresh", lab.served)
    fresh.sync()
    for path in sorted((lab.folder / "editions/3/lists").iterdir()):
        assert path.read_bytes() == (fresh.folder / "editions/3/lists" / path.name).read_bytes()


def test_several_steps_one_after_the_other(lab: Lab, registry: Registry, served: Served) -> None:
    for sequence in (4, 5, 8):
        _publish(registry, sequence, {9, sequence})
    lab.sync()
    assert _fetched(served) == {"edition.json", *(f"steps-{s}.pack" for s in ("2-3", "3-4", "4-5", "5-8"))}
    _is_whole(lab, 8)


def _fell_back(lab: Lab, result: SyncResult, said: str) -> None:
    """The whole files came instead, and the lab was told why."""
    assert (result.sequence, result.changed) == (3, True)
    assert [note for note in result.notes if said in note], result.notes
    _is_whole(lab, 3)


def test_steps_that_are_missing(lab: Lab, registry: Registry) -> None:
    for path in _steps_files(registry):
        path.unlink()
    _fell_back(lab, lab.sync(), "could not be had")


@pytest.mark.parametrize("position", [3, 400, -3])
def test_one_flipped_bit_in_the_steps(lab: Lab, registry: Registry, position: int) -> None:
    for path in _steps_files(registry):
        flip(path, position)
    _fell_back(lab, lab.sync(), "could not be had")


def test_truncated_steps(lab: Lab, registry: Registry) -> None:
    for path in _steps_files(registry):
        path.write_bytes(path.read_bytes()[:-1])
    _fell_back(lab, lab.sync(), "could not be had")


def test_endless_steps(lab: Lab, served: Served) -> None:
    served.answers["steps-2-3.pack"] = lambda handler: answer(handler, bytes(1 << 20))
    _fell_back(lab, lab.sync(), "could not be had")


def _sign_other_steps(registry: Registry, *files: tuple[str, bytes]) -> None:
    """Somebody has the publisher's key, or the registry has a fault: what is signed as steps is none, or wrong."""
    written = write_edition(registry.folder / "three", growing_content(3, 2015, {7, 8, 1500}))
    targets: dict[str, bytes | Path] = dict(pack_edition(written))
    registry.publisher.publish(targets | dict(files), written.custom, NOW)


def _steps(registry: Registry) -> bytes:
    (path,) = [path for path in _steps_files(registry) if path.name.endswith("steps-2-3.pack")]
    return path.read_bytes()


def test_replayed_steps(lab: Lab, registry: Registry) -> None:
    """Those from 2 to 3 under the name of those from 3 to 4: they lead to edition 3 and not on."""
    good = _steps(registry)
    registry.publish(growing_content(4, 2020, {7, 8, 1500}))
    lab.sync()
    registry.publish(growing_content(5, 2025, {7, 8, 1500}))
    written = write_edition(registry.folder / "five", growing_content(5, 2025, {7, 8, 1500}))
    targets: dict[str, bytes | Path] = dict(pack_edition(written)) | {"lists/steps-4-5.pack": good}
    registry.publisher.publish(targets, written.custom, NOW)
    result = lab.sync()
    assert "to 4, not to 5" in " ".join(result.notes)
    _is_whole(lab, 5)


def test_steps_out_of_order(lab: Lab, registry: Registry) -> None:
    other = b"VBHSTEPS" + facts_block({"from": 1, "tables": [], "to": 3})
    _sign_other_steps(registry, ("lists/steps-2-3.pack", other))
    _fell_back(lab, lab.sync(), "starts at edition 1, not at 2")


def test_steps_that_lead_elsewhere(lab: Lab, registry: Registry) -> None:
    other = b"VBHSTEPS" + facts_block({"from": 2, "tables": [], "to": 3})
    _sign_other_steps(registry, ("lists/steps-2-3.pack", other))
    _fell_back(lab, lab.sync(), "something else than what was signed")


def test_steps_that_claim_a_huge_result(lab: Lab, registry: Registry) -> None:
    numbers = numbers_block(np.empty(0, "<u4"))
    counts = {"added": 1 << 50, "after": 1 << 50, "before": 2010, "removed": 0}
    facts = facts_block({"altered": [], "frame": [0] * 5, "width": 32, **counts})
    inner = facts + bytes_block(b"") + numbers + numbers + bytes_block(bytes(1 << 24))
    outer = facts_block({"from": 2, "tables": [["lists/image.phash256.v1.arrow", len(inner)]], "to": 3})
    _sign_other_steps(registry, ("lists/steps-2-3.pack", b"VBHSTEPS" + outer + inner))
    _fell_back(lab, lab.sync(), "bytes where")


def test_a_damaged_copy_is_no_start_for_steps(lab: Lab) -> None:
    """One bit of the installed list has changed: the steps lead elsewhere, the whole list comes."""
    flip(lab.folder / "editions/2/lists/image.phash256.v1.arrow", 5000)
    result = lab.sync()
    assert "image.phash256.v1" in " ".join(result.notes)
    _is_whole(lab, 3)


def test_a_cut_off_copy_is_no_start_for_steps(lab: Lab) -> None:
    path = lab.folder / "editions/2/lists/image.phash256.v1.arrow"
    path.write_bytes(path.read_bytes()[:200])
    lab.sync()
    _is_whole(lab, 3)


def test_a_wrong_step_and_a_wrong_whole_file_leave_the_old_copy(lab: Lab, registry: Registry) -> None:
    for name, path in registry.published_files().items():
        if "steps-" in name or name.endswith("phash256.v1.pack"):
            flip(path, 50)
    with pytest.raises(TrustRefused):
        lab.sync()
    assert _is_whole(lab, 2).lists


def test_a_lab_older_than_all_steps_fetches_everything(lab: Lab, registry: Registry, served: Served) -> None:
    later = NOW + timedelta(days=60)
    registry.publish(growing_content(4, 2020, created=int(later.timestamp())), later)
    assert lab.sync(later).sequence == 4
    assert "image.phash256.v1.pack" in _fetched(served)
    assert not [name for name in _fetched(served) if name.startswith("steps-")]
