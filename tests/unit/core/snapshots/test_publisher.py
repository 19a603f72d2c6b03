"""Publishing: what is visible when, and what is refused."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from registry.base.files import FolderStore
from registry.core.errors import Conflict, Corrupt, InvalidInput, NotReady, TrustRefused
from registry.core.snapshots.manifest import MANIFEST
from registry.core.snapshots.trust import Publisher, init_trust, verify_chain
from tests.support.snapshots import NOW, SECONDS, Registry, flip, make_content, make_licences

HOUR, DAY = 3600, 24 * 3600


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.create(tmp_path)


def _visible(registry: Registry) -> Mapping[str, int]:
    """Versions that a client which starts from the timestamp ends up with; verified."""
    get = registry.store.get
    timestamp = get("snapshot/metadata/timestamp.json")
    assert timestamp is not None
    number = json.loads(timestamp)["signed"]["meta"]["snapshot.json"]["version"]
    snapshot = get(f"snapshot/metadata/{number}.snapshot.json")
    assert snapshot is not None
    number = json.loads(snapshot)["signed"]["meta"]["publisher.json"]["version"]
    publisher = get(f"snapshot/metadata/{number}.publisher.json")
    targets = get("snapshot/metadata/1.targets.json")
    assert publisher is not None
    assert targets is not None
    chain = verify_chain(
        {
            "root": registry.root,
            "timestamp": timestamp,
            "snapshot": snapshot,
            "publisher": publisher,
            "targets": targets,
        }
    )
    for name, file in chain.targets.items():
        assert registry.store.exists(f"snapshot/targets/{file.get_prefixed_paths()[0]}"), name
    return {**chain.versions, "edition": chain.custom(MANIFEST)["sequence"]}


def test_publishes_under_names_that_are_used_once(registry: Registry) -> None:
    published = registry.publish(make_content(), licences=(make_licences(),))
    files = registry.published_files()
    assert {p.partition("/")[2] for p in files if p.startswith("metadata/")} == {
        "1.root.json",
        "1.targets.json",
        "1.publisher.json",
        "1.snapshot.json",
        "timestamp.json",
    }
    targets = [p.removeprefix("targets/") for p in files if p.startswith("targets/")]
    assert len(targets) == 8
    assert all(len(t.split("/")[1].split(".")[0]) == 64 for t in targets)
    assert published.versions == {"root": 1, "targets": 1, "publisher": 1, "snapshot": 1, "timestamp": 1}
    assert published.expires == SECONDS + DAY


def test_versions_only_grow_and_unchanged_files_are_not_written_again(registry: Registry) -> None:
    registry.publish(make_content(1))
    before = {p: f.stat().st_mtime_ns for p, f in registry.published_files().items()}
    published = registry.publish(make_content(2))
    assert published.versions["publisher"] == published.versions["timestamp"] == 2
    after = {p: f.stat().st_mtime_ns for p, f in registry.published_files().items()}
    assert [p for p in before if after[p] != before[p]] == ["metadata/timestamp.json"]
    assert _visible(registry)["edition"] == 2


def test_lifetimes(registry: Registry) -> None:
    registry.publish(make_content())
    signed = [
        json.loads(f.read_bytes())["signed"]
        for p, f in registry.published_files().items()
        if "metadata/" in p
    ]
    lifetimes = {
        ("publisher" if "delegations" not in s else "targets") if s["_type"] == "targets" else s["_type"]: s[
            "expires"
        ]
        for s in signed
    }
    assert lifetimes == {
        "root": "2027-08-02T09:30:00Z",
        "targets": "2027-08-02T09:30:00Z",
        "publisher": "2026-08-09T09:30:00Z",
        "snapshot": "2026-08-09T09:30:00Z",
        "timestamp": "2026-08-03T09:30:00Z",
    }


def test_refreshing_the_timestamp_renews_nothing_else(registry: Registry) -> None:
    registry.publish(make_content())
    later = NOW + timedelta(hours=12)
    refreshed = registry.publisher.refresh_timestamp(later)
    assert refreshed is not None
    assert refreshed.versions == {"root": 1, "targets": 1, "publisher": 1, "snapshot": 1, "timestamp": 2}
    assert refreshed.expires == SECONDS + 36 * HOUR
    assert _visible(registry) == {**refreshed.versions, "edition": 1}
    refreshed = registry.publisher.refresh_timestamp(NOW + timedelta(days=6.5))
    assert refreshed is not None
    assert refreshed.expires == SECONDS + 7 * DAY
    with pytest.raises(NotReady, match="publish"):
        registry.publisher.refresh_timestamp(NOW + timedelta(days=7))


def test_there_is_nothing_to_refresh_before_the_first_publish(registry: Registry) -> None:
    with pytest.raises(NotReady, match="publish"):
        registry.publisher.refresh_timestamp(NOW)


class Interrupted(Exception):
    """Stands for a power cut."""


@dataclass
class FailingStore:
    """A store that works `good` more times, then not."""

    inner: FolderStore
    good: int

    def put(self, path: str, data: bytes | Path) -> None:
        if self.good == 0:
            raise Interrupted(path)
        self.good -= 1
        self.inner.put(path, data)

    def get(self, path: str) -> bytes | None:
        return self.inner.get(path)

    def exists(self, path: str) -> bool:
        return self.inner.exists(path)

    def paths(self, folder: str) -> Iterable[str]:
        return self.inner.paths(folder)

    def remove(self, path: str) -> None:
        self.inner.remove(path)


@pytest.mark.parametrize("first", [True, False], ids=["first publish", "second publish"])
def test_an_interrupted_publish_is_never_visible_and_the_next_one_goes_on(
    tmp_path: Path, first: bool
) -> None:
    for good in range(100):
        registry = Registry.create(tmp_path / str(good))
        if not first:
            registry.publish(make_content(1))
        publisher = Publisher(registry.folder / "online", FailingStore(registry.store, good))
        try:
            registry.publish(make_content(2), publisher=publisher)
        except Interrupted:
            if first:
                assert not registry.store.exists("snapshot/metadata/timestamp.json")
            else:
                assert _visible(registry)["edition"] == 1
        else:
            break
        versions = registry.publish(make_content(2)).versions
        assert _visible(registry) == {**versions, "edition": 2}
    assert good >= 5


@pytest.mark.parametrize("sequence", [1, 2])
def test_an_edition_number_never_goes_back_nor_means_two_things(registry: Registry, sequence: int) -> None:
    registry.publish(make_content(2))
    with pytest.raises(Conflict, match="greater"):
        registry.publish(make_content(sequence, works=4))
    assert _visible(registry)["edition"] == 2


def test_the_same_edition_can_be_signed_again(registry: Registry) -> None:
    registry.publish(make_content())
    assert registry.publish(make_content(), now=NOW + timedelta(days=1)).versions["publisher"] == 2


@pytest.mark.parametrize(
    "name",
    [
        "works.arrow",
        "../lists/x",
        "lists/../x",
        "lists/..",
        "lists/.x",
        "lists/a/b",
        "/lists/x",
        "lists/X",
        "",
    ],
)
def test_names_that_lead_elsewhere_are_not_published(registry: Registry, name: str) -> None:
    with pytest.raises(InvalidInput):
        registry.publisher.publish({name: b"data"}, {}, NOW)
    assert registry.published_files() == {}


def test_facts_about_a_file_that_is_not_there_are_refused(registry: Registry) -> None:
    with pytest.raises(InvalidInput):
        registry.publisher.publish({}, {"lists/x": {}}, NOW)


@pytest.mark.parametrize(
    "name", ["keys/publisher.pem", "keys/snapshot.pem", "keys/timestamp.pem", "versions.json"]
)
def test_will_not_start_without_its_keys_and_record(registry: Registry, name: str) -> None:
    (registry.folder / "online" / name).unlink()
    with pytest.raises(NotReady):
        registry.publisher  # noqa: B018


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"publisher": -1, "snapshot": 0, "timestamp": 0, "published": 0}']
)
def test_will_not_start_with_a_damaged_record(registry: Registry, text: str) -> None:
    (registry.folder / "online/versions.json").write_text(text)
    with pytest.raises(Corrupt, match="restore"):
        registry.publisher  # noqa: B018


@pytest.mark.parametrize("name", ["1.root.json", "1.targets.json"])
@pytest.mark.parametrize("position", [50, 700, -300])
def test_will_not_start_with_damaged_offline_metadata(registry: Registry, name: str, position: int) -> None:
    flip(registry.folder / "online/metadata" / name, position)
    with pytest.raises(TrustRefused):
        registry.publisher  # noqa: B018


def test_will_not_start_without_a_root(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="trust init"):
        Publisher(tmp_path, FolderStore(tmp_path / "files"))


def test_will_not_sign_with_a_key_that_is_not_named_for_the_role(registry: Registry, tmp_path: Path) -> None:
    init_trust(tmp_path / "other-offline", tmp_path / "other-online", NOW)
    shutil.copy(tmp_path / "other-online/keys/publisher.pem", registry.folder / "online/keys/publisher.pem")
    with pytest.raises(TrustRefused, match="publisher"):
        registry.publisher  # noqa: B018


def test_will_not_publish_under_an_expired_offline_signature(registry: Registry) -> None:
    with pytest.raises(NotReady, match="offline"):
        registry.publish(make_content(), now=NOW + timedelta(days=365))


def _drop(path: Path) -> None:
    path.unlink()


def _damage(path: Path) -> None:
    flip(path, 200)


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.publisher.json", "1.targets.json"])
@pytest.mark.parametrize("harm", [_drop, _damage])
def test_missing_or_damaged_published_metadata_is_refused_until_recreated(
    registry: Registry, name: str, harm: Callable[[Path], None]
) -> None:
    registry.publish(make_content(1))
    harm(registry.store.path(f"snapshot/metadata/{name}"))
    with pytest.raises((NotReady, TrustRefused)):
        registry.publish(make_content(2))
    with pytest.raises((NotReady, TrustRefused)):
        registry.publisher.refresh_timestamp(NOW)
    data = b"{}"
    registry.publisher.publish({MANIFEST: data}, {MANIFEST: {"sequence": 3}}, NOW, recreate=True)
    assert _visible(registry)["edition"] == 3
    assert _visible(registry)["timestamp"] >= 2


def test_an_old_record_beside_the_keys_does_not_repeat_versions(registry: Registry) -> None:
    registry.publish(make_content(1))
    record = registry.folder / "online/versions.json"
    old = record.read_bytes()
    registry.publish(make_content(2))
    record.write_bytes(old)
    assert registry.publish(make_content(3)).versions["publisher"] == 3


def test_one_publish_at_a_time(registry: Registry) -> None:
    publisher = registry.publisher
    with (registry.folder / "online/lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="wait"):
            registry.publish(make_content(), publisher=publisher)
    registry.publish(make_content(2), publisher=publisher)
