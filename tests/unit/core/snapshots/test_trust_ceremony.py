"""The first keys: who has which, how many must agree, and that none is ever overwritten."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tuf.api.metadata import Metadata, Root, Targets

from registry.core.errors import Corrupt, InvalidInput, NotReady, OutputExists
from registry.core.snapshots.trust import init_trust
from registry.core.snapshots.trust.keys import create_key, load_key
from tests.support.snapshots import NOW

OFFLINE = {f"{role}-{n}.pem" for role in ("root", "targets") for n in (1, 2, 3)}
ONLINE = {"publisher.pem", "snapshot.pem", "timestamp.pem"}


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    return init_trust(tmp_path / "offline", tmp_path / "online", NOW)


def test_one_key_a_file_readable_by_its_owner_alone(root: bytes, tmp_path: Path) -> None:
    offline = {p.name: p for p in (tmp_path / "offline").iterdir()}
    online = {p.name: p for p in (tmp_path / "online/keys").iterdir()}
    assert (set(offline), set(online)) == (OFFLINE, ONLINE)
    seen = set()
    for path in [*offline.values(), *online.values()]:
        pem = path.read_bytes()
        assert pem.count(b"PRIVATE KEY") == 2  # one BEGIN, one END
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        seen.add(pem)
    assert len(seen) == 9
    for folder in ("offline", "online/keys"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_no_offline_key_is_left_online(root: bytes, tmp_path: Path) -> None:
    online = b"".join(p.read_bytes() for p in (tmp_path / "online").rglob("*") if p.is_file())
    for path in (tmp_path / "offline").iterdir():
        assert path.read_bytes().splitlines()[1] not in online


def test_two_of_three_must_agree_for_a_year(root: bytes) -> None:
    metadata = Metadata[Root].from_bytes(root)
    for role in ("root", "targets"):
        assert metadata.signed.roles[role].threshold == 2
        assert len(metadata.signed.roles[role].keyids) == 3
    for role in ("snapshot", "timestamp"):
        assert metadata.signed.roles[role].threshold == len(metadata.signed.roles[role].keyids) == 1
    keys = [keyid for role in metadata.signed.roles.values() for keyid in role.keyids]
    assert len(set(keys)) == len(keys) == 8
    assert metadata.signed.expires == NOW + timedelta(days=365)
    assert metadata.signed.consistent_snapshot is True


def test_targets_lets_the_publisher_publish_lists_and_licences_only(root: bytes, tmp_path: Path) -> None:
    targets = Metadata[Targets].from_bytes((tmp_path / "online/metadata/1.targets.json").read_bytes()).signed
    assert targets.targets == {}
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    (role,) = targets.delegations.roles.values()
    assert (role.name, role.threshold, role.terminating) == ("publisher", 1, True)
    assert role.is_delegated_path("lists/works.arrow")
    assert role.is_delegated_path("licences/x.json")
    for path in ("works.arrow", "lists/../x", "other/x", "/lists/x", "lists/a/b"):
        assert not role.is_delegated_path(path)


@pytest.mark.parametrize(
    ("offline", "online"), [("a", "a"), ("a/inside", "a"), ("a", "a/inside"), ("b/../a", "a")]
)
def test_both_kinds_of_key_in_one_place_are_refused(tmp_path: Path, offline: str, online: str) -> None:
    with pytest.raises(InvalidInput, match="outside"):
        init_trust(tmp_path / offline, tmp_path / online, NOW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("occupied", ["offline", "online"])
def test_nothing_is_overwritten(tmp_path: Path, occupied: str) -> None:
    (tmp_path / occupied).mkdir()
    (tmp_path / occupied / "root-1.pem").write_text("a key")
    with pytest.raises(OutputExists):
        init_trust(tmp_path / "offline", tmp_path / "online", NOW)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["root-1.pem"]


def test_offline_keys_can_be_encrypted(tmp_path: Path) -> None:
    init_trust(tmp_path / "offline", tmp_path / "online", NOW, passphrase=b"correct horse")
    path = tmp_path / "offline/root-1.pem"
    assert b"ENCRYPTED" in path.read_bytes()
    signer = load_key(path, b"correct horse")
    root = json.loads((tmp_path / "online/metadata/1.root.json").read_bytes())
    assert signer.public_key.keyid in root["signed"]["roles"]["root"]["keyids"]
    for passphrase in (None, b"wrong"):
        with pytest.raises(Corrupt):
            load_key(path, passphrase)


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    create_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(NotReady, match="chmod 600"):
        load_key(tmp_path / "key.pem")


def test_a_missing_or_foreign_key_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="trust init"):
        load_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").touch(mode=0o600)
    with pytest.raises(Corrupt):
        load_key(tmp_path / "key.pem")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(OutputExists):
        create_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_bytes() == before
    load_pem_private_key(before, None)
