"""A lab that goes on syncing while the registry's keys change: before, during and after."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import Key

from crawler.sync import sync
from registry.base.files import FolderStore
from registry.core.errors import NotReady, StaleSnapshot, TrustRefused
from registry.core.snapshots import write_edition
from registry.core.snapshots.trust import Publisher
from registry.core.snapshots.trust.installing import install, prepare_key
from registry.core.snapshots.trust.keys import create_key, load_key, load_offline_keys, read_public
from registry.core.snapshots.trust.offline import OfflinePart, public_key
from registry.core.snapshots.trust.signing import renew, replace_key
from registry.publishing.parcels import make_parcel
from tests.support.snapshots import NOW, Registry, Served, make_content, serve
from tests.unit.crawler.sync.conftest import Lab

ONLINE = ("publisher", "snapshot", "timestamp")
YEAR = timedelta(days=365)


def _carry(registry: Registry, tmp_path: Path) -> Path:
    """A fresh copy of the metadata, on the machine of the offline keys."""
    folder = tmp_path / "carried"
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(registry.folder / "online/metadata", folder)


def _ceremony(registry: Registry, tmp_path: Path, role: str, now: datetime = NOW) -> None:
    """Replace a key of this role with all offline keys at hand, and take it over."""
    home = registry.folder / "online"
    new: Key
    if role in ONLINE:
        prepare_key(home, role)
        folder = _carry(registry, tmp_path)
        new = read_public(public_key(folder, role))
    else:
        folder = _carry(registry, tmp_path)
        new = create_key(tmp_path / f"new-{role}.pem").public_key
    old = min(OfflinePart.read(folder).key_ids(role))
    signers = load_offline_keys([registry.folder / "offline"], lambda _: b"")
    replace_key(folder, signers, now, old=old, new=new)
    install(home, folder, now)


@pytest.mark.parametrize("role", ["root", "targets", *ONLINE])
def test_a_lab_follows_the_rotation_of_each_role(
    lab: Lab, registry: Registry, tmp_path: Path, role: str
) -> None:
    pinned = lab.sync(root_sha256=registry.root_sha256).root_sha256
    _ceremony(registry, tmp_path, role)
    assert lab.sync().sequence == 1  # installed, but nothing was published under it yet
    registry.publish(make_content(2))
    assert lab.sync().sequence == 2
    assert lab.sync().root_sha256 == pinned
    assert lab.open().sequence == 2


def test_a_lab_that_slept_through_several_roots_catches_up(
    lab: Lab, registry: Registry, tmp_path: Path
) -> None:
    lab.sync()
    for role in ("timestamp", "root", "snapshot", "publisher"):
        _ceremony(registry, tmp_path, role)
    registry.publish(make_content(2))
    assert lab.sync().sequence == 2
    assert lab.open().standing.versions["root"] == 4


def test_a_new_lab_with_the_first_digest_follows_as_well(
    registry: Registry, served: Served, tmp_path: Path
) -> None:
    for role in ("timestamp", "root"):
        _ceremony(registry, tmp_path, role)
    registry.publish(make_content(2))
    late = Lab(tmp_path / "late", served)
    assert late.sync(root_sha256=registry.root_sha256).sequence == 2


def test_an_expired_root_is_renewed(lab: Lab, registry: Registry, tmp_path: Path) -> None:
    lab.sync()
    later = NOW + YEAR
    with pytest.raises(NotReady, match="trust renew"):
        registry.publish(make_content(2), now=later)
    with pytest.raises(StaleSnapshot):
        lab.sync(now=later)
    folder = _carry(registry, tmp_path)
    renew(folder, load_offline_keys([registry.folder / "offline"], lambda _: b""), later)
    install(registry.folder / "online", folder, later)
    registry.publish(make_content(2), now=later)
    assert lab.sync(now=later).sequence == 2


def test_the_timestamp_alone_is_not_renewed_under_old_signatures(
    lab: Lab, registry: Registry, tmp_path: Path
) -> None:
    """Whoever only wants to say that nothing is new is told to publish anew."""
    _ceremony(registry, tmp_path, "publisher")
    assert registry.publisher.refresh_timestamp(NOW) is None
    registry.publish(make_content(2))
    assert registry.publisher.refresh_timestamp(NOW) is not None
    assert lab.sync().sequence == 2


# -- stolen keys ----------------------------------------------------------------------------------------------
class _Thief:
    """Has a copy of all online keys, and can write to the file store."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        shutil.copytree(registry.folder / "online", folder)
        self.registry, self.folder = registry, folder

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.folder, self.registry.store)

    def publish(self, sequence: int) -> None:
        """Something else than the registry says, with versions far ahead."""
        record = self.folder / "versions.json"
        record.write_text(
            '{"publisher": 900000, "snapshot": 900000, "timestamp": 900000, "published": 900000}'
        )
        files = write_edition(self.folder / "lies", make_content(sequence, works=2))
        parcel = make_parcel(self.publisher, files, self.folder / "lies", NOW, recreate=True)
        self.publisher.publish(parcel.targets, parcel.custom, NOW, recreate=True)


@pytest.fixture
def thief(registry: Registry, tmp_path: Path) -> _Thief:
    return _Thief(registry, tmp_path / "thief")


def test_what_stolen_keys_sign_after_they_were_replaced_is_refused(
    lab: Lab, registry: Registry, thief: _Thief, tmp_path: Path
) -> None:
    lab.sync()
    for role in ONLINE:
        _ceremony(registry, tmp_path, role)
    registry.publish(make_content(2))
    lab.sync()
    thief.publish(900)
    with pytest.raises(TrustRefused):
        lab.sync()
    assert lab.open().sequence == 2


@pytest.mark.parametrize("role", ONLINE)
def test_one_replaced_key_is_enough_to_shut_out_the_thief_of_all(
    lab: Lab, registry: Registry, thief: _Thief, tmp_path: Path, role: str
) -> None:
    """Even one who has the other two; of a new publisher, though, such a one can keep a lab from hearing."""
    lab.sync()
    _ceremony(registry, tmp_path, role)
    registry.publish(make_content(2))
    known = lab.sync().sequence if role == "publisher" else 1
    thief.publish(900)
    with pytest.raises(TrustRefused):
        lab.sync()
    assert lab.open().sequence == known


def test_labs_that_were_led_far_ahead_come_back_once_the_keys_are_replaced(
    lab: Lab, registry: Registry, thief: _Thief, tmp_path: Path
) -> None:
    """The thief's numbers are so high that nothing could follow them: with the keys they are forgotten."""
    thief.publish(900)
    assert lab.sync().sequence == 900
    for role in ONLINE:
        _ceremony(registry, tmp_path, role)
    published = registry.publish(make_content(2))
    assert published.versions["publisher"] < 900
    assert lab.sync().sequence == 2
    assert lab.open().sequence == 2
    assert lab.sync().sequence == 2


def test_a_publisher_builds_upon_nothing_that_the_thief_of_its_old_key_left(
    registry: Registry, thief: _Thief, tmp_path: Path
) -> None:
    thief.publish(900)
    assert registry.publisher.published() is not None
    _ceremony(registry, tmp_path, "publisher")
    assert registry.publisher.published() is None


def test_two_stolen_root_keys_lead_labs_astray_but_one_does_not(
    lab: Lab, registry: Registry, tmp_path: Path
) -> None:
    """What one holder of a root key signs alone is no root, whatever it says."""
    lab.sync()
    key = load_key(registry.folder / "offline/root-1.pem")
    folder = _carry(registry, tmp_path)
    with pytest.raises(NotReady, match="must agree"):
        replace_key(
            folder,
            {key.public_key.keyid: key},
            NOW,
            old=min(OfflinePart.read(folder).key_ids("timestamp")),
            new=create_key(tmp_path / "mine.pem").public_key,
        )
    forged = (
        (registry.folder / "online/metadata/1.root.json")
        .read_bytes()
        .replace(b'"version": 1', b'"version": 2')
    )
    registry.store.put("snapshot/metadata/2.root.json", forged)
    with pytest.raises(TrustRefused):
        lab.sync()
    assert lab.open().sequence == 1


@pytest.fixture
def other_served(tmp_path: Path) -> Iterator[Served]:
    """Another registry, which has keys of its own."""
    other = Registry.create(tmp_path / "other")
    other.publish(make_content(5))
    with serve(FolderStore(other.folder / "files")) as served:
        yield served


def test_a_revoked_key_does_not_help_another_registry(
    lab: Lab, registry: Registry, other_served: Served, tmp_path: Path
) -> None:
    lab.sync()
    _ceremony(registry, tmp_path, "root")
    with pytest.raises(TrustRefused):
        sync(other_served.url, lab.folder, now=NOW)
    assert lab.open().sequence == 1
