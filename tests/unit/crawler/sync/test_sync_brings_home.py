"""What a sync does when nothing is wrong: the first, the next, one without change."""

from __future__ import annotations

import fcntl
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.sync import what_stays
from registry.core.errors import Conflict, InvalidInput, NetworkFailed, NotReady, StaleSnapshot, TrustRefused
from registry.core.snapshots import Snapshot
from tests.support.snapshots import NOW, SECONDS, Registry, Served, answer, make_content, redirect, serve
from tests.unit.crawler.sync.conftest import Lab

DAY = 24 * 3600


def _installed(lab: Lab) -> list[str]:
    return sorted(p.name for p in (lab.folder / "editions").iterdir())


def test_first_sync(lab: Lab, registry: Registry) -> None:
    result = lab.sync()
    assert (result.sequence, result.changed, result.expires) == (1, True, SECONDS + DAY)
    assert result.root_sha256 == registry.root_sha256
    assert result.licences is None
    assert result.received > 0
    (note,) = result.notes
    assert "Compare its digest" in note

    snapshot = lab.open()
    assert (snapshot.sequence, snapshot.expires) == (1, SECONDS + DAY)
    assert snapshot.standing.versions == {
        "root": 1,
        "timestamp": 1,
        "snapshot": 1,
        "targets": 1,
        "publisher": 1,
    }
    assert snapshot.standing.stale_override is None
    assert (lab.folder / "current").readlink() == Path("editions/1")


def test_a_given_root_is_checked_and_then_nothing_needs_comparing(lab: Lab, registry: Registry) -> None:
    assert lab.sync(root_sha256=registry.root_sha256.upper()).notes == ()


def test_a_digest_may_be_given_as_it_was_copied_but_not_in_part(lab: Lab, registry: Registry) -> None:
    for text in ("", "abcd", registry.root_sha256[:-1], "g" * 64):
        with pytest.raises(InvalidInput, match="64 hexadecimal digits"):
            lab.sync(root_sha256=text)
    assert not lab.folder.exists()
    assert lab.sync(root_sha256=f" {registry.root_sha256}\n").sequence == 1


def test_a_root_is_to_be_compared_until_something_was_brought_home(lab: Lab, served: Served) -> None:
    served.answers["edition.json"] = lambda handler: answer(handler, None)
    with pytest.raises(NetworkFailed):
        lab.sync()
    served.answers.clear()
    assert "Compare its digest" in lab.sync().notes[0]
    assert lab.sync().notes == ()


def test_a_clock_that_cannot_be_right(lab: Lab) -> None:
    """By a clock that was set back, an old copy would be good for as long as somebody likes."""
    before = NOW - timedelta(hours=2)
    with pytest.raises(StaleSnapshot, match="Set the clock"):
        lab.sync(before)
    assert not (lab.folder / "current").exists()
    lab.sync(NOW - timedelta(minutes=50))  # clocks differ a little
    lab.open(NOW - timedelta(minutes=50))
    with pytest.raises(StaleSnapshot, match="clock"):
        lab.open(before)
    assert lab.open(before, allow_stale="no battery").standing.stale_override == "no battery"


def test_what_stays_in_use_after_a_failure_is_told(lab: Lab) -> None:
    assert what_stays(lab.folder, NOW) == ""
    lab.sync()
    assert what_stays(lab.folder, NOW) == "Edition 1, which is here, stays in use until 2026-08-03T09:30:00Z."
    assert "out of date since 2026-08-03" in what_stays(lab.folder, NOW + timedelta(days=1))
    assert what_stays(lab.folder, NOW - timedelta(days=1)) == ""
    (lab.folder / "editions/1/trust.json").write_bytes(b"{}")
    assert what_stays(lab.folder, NOW) == ""


def test_another_root_than_the_given_one_is_refused_on_first_use_and_later(lab: Lab) -> None:
    with pytest.raises(TrustRefused, match="root of trust"):
        lab.sync(root_sha256="00" * 32)
    with pytest.raises(NotReady):
        lab.open()
    lab.sync()
    with pytest.raises(TrustRefused, match="root of trust"):
        lab.sync(root_sha256="00" * 32)
    lab.open()


def test_without_change_only_signatures_come(lab: Lab, registry: Registry, served: Served) -> None:
    first = lab.sync()
    served.requests.clear()
    registry.publisher.refresh_timestamp(NOW + timedelta(hours=5))
    result = lab.sync(NOW + timedelta(hours=5))
    assert (result.sequence, result.changed, result.expires) == (1, False, first.expires + 5 * 3600)
    assert result.received < 2_000
    assert result.notes == ()
    assert not [path for path, _ in served.requests if path.startswith("targets/")]
    assert lab.open().expires == result.expires


def test_a_new_edition_replaces_the_old_and_brings_only_what_changed(
    lab: Lab, registry: Registry, served: Served
) -> None:
    lab.sync()
    old = lab.open()
    served.requests.clear()
    registry.publish(make_content(2))
    assert lab.sync().changed
    assert lab.open().sequence == 2
    fetched = {path.partition(".")[2] for path, _ in served.requests if path.startswith("targets/")}
    assert fetched == {"edition.json", "terms.pack", "image.phash256.v1.pack", "image.dhash256.v1.pack"}
    assert old.lists["image.phash256.v1"].codes.any()  # still readable by whoever has it open
    assert Snapshot.open(lab.folder / "editions/1").sequence == 1


def test_the_last_two_editions_are_kept(lab: Lab, registry: Registry) -> None:
    lab.sync()
    for sequence in (2, 3, 7):
        registry.publish(make_content(sequence))
        lab.sync()
    assert _installed(lab) == ["3", "7"]
    assert lab.open().sequence == 7


def test_a_lab_that_missed_editions_catches_up(lab: Lab, registry: Registry) -> None:
    lab.sync()
    registry.publish(make_content(2))
    registry.publish(make_content(3))
    assert lab.sync().sequence == 3
    assert _installed(lab) == ["1", "3"]


def test_a_damaged_copy_is_replaced_by_the_next_sync(lab: Lab) -> None:
    lab.sync()
    (lab.folder / "editions/1/lists/terms.jsonl").write_bytes(b"")
    result = lab.sync()
    assert result.changed
    assert "damaged" in result.notes[0]
    assert lab.open().sequence == 1
    assert _installed(lab) == ["1"]


def test_damaged_signatures_of_a_copy_are_replaced_too(lab: Lab) -> None:
    lab.sync()
    (lab.folder / "editions/1/trust.json").write_bytes(b"{}")
    assert "damaged" in lab.sync().notes[0]
    lab.open()


def test_before_the_first_sync_there_is_nothing_to_open(lab: Lab) -> None:
    with pytest.raises(NotReady, match="vorbehalt sync"):
        lab.open()


def test_expires_to_the_second(lab: Lab) -> None:
    lab.sync()
    lab.open(NOW + timedelta(seconds=DAY - 1))
    with pytest.raises(StaleSnapshot, match="2026-08-03T09:30:00Z") as refused:
        lab.open(NOW + timedelta(seconds=DAY))
    assert refused.value.details == {"expires": SECONDS + DAY}


def test_a_stale_copy_needs_a_reason_which_is_remembered(lab: Lab) -> None:
    lab.sync()
    later = NOW + timedelta(days=30)
    assert lab.open(later, allow_stale="court order").standing.stale_override == "court order"
    assert lab.open(NOW, allow_stale="court order").standing.stale_override is None
    for empty in ("", "  "):
        with pytest.raises(InvalidInput, match="reason"):
            lab.open(later, allow_stale=empty)


def test_one_sync_at_a_time(lab: Lab) -> None:
    lab.sync()
    with (lab.folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="wait"):
            lab.sync()
    lab.sync()


@pytest.mark.parametrize(
    "url",
    [
        "registry.example",
        "ftp://x",
        "http://",
        "http://user@x",
        "https://x/?a=b",
        "https://x/#a",
        "file:///x",
    ],
)
def test_what_is_no_address_of_a_registry_is_refused(tmp_path: Path, lab: Lab, url: str) -> None:
    lab.served.url = url
    with pytest.raises(InvalidInput, match="address"):
        lab.sync()
    assert not lab.folder.exists()


def test_public_files_may_come_from_elsewhere(lab: Lab, registry: Registry, served: Served) -> None:
    """A registry may send clients on to a mirror: what arrives is verified wherever it comes from."""
    with serve(registry.store) as mirror:
        served.answers["works.pack"] = lambda handler: redirect(handler, mirror.url + handler.path)
        lab.sync()
        assert [path for path, _ in mirror.requests if path.endswith("works.pack")]
    lab.open()
