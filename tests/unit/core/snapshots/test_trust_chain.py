"""The whole chain is checked: nothing of it can be changed, mixed or exchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, TargetFile, Targets

from registry.core.errors import TrustRefused
from registry.core.snapshots.trust import ROLES, verify_chain
from registry.core.snapshots.trust.keys import load_key
from tests.support.snapshots import SECONDS, Registry, make_content

FILES = {
    "root": "1.root.json",
    "timestamp": "timestamp.json",
    "snapshot": "1.snapshot.json",
    "targets": "1.targets.json",
    "publisher": "1.publisher.json",
}


def _metadata(folder: Path, sequence: int = 1) -> dict[str, bytes]:
    registry = Registry.create(folder)
    registry.publish(make_content(sequence))
    return {
        role: registry.store.path(f"snapshot/metadata/{name}").read_bytes() for role, name in FILES.items()
    }


@pytest.fixture
def metadata(tmp_path: Path) -> dict[str, bytes]:
    return _metadata(tmp_path / "registry")


def test_a_sound_chain(metadata: dict[str, bytes]) -> None:
    chain = verify_chain(metadata)
    assert set(chain.versions.values()) == {1}
    assert chain.expires == SECONDS + 24 * 3600
    assert chain.custom("lists/edition.json")["sequence"] == 1
    assert chain.custom("lists/nothing") == {}


@pytest.mark.parametrize("role", ROLES)
def test_no_bit_can_be_changed(metadata: dict[str, bytes], role: str) -> None:
    data = metadata[role]
    for position in range(0, len(data), max(1, len(data) // 40)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(TrustRefused):
            verify_chain(metadata | {role: bytes(changed)})


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"signed": 1, "signatures": 2}'])
def test_what_is_no_metadata_is_refused(metadata: dict[str, bytes], role: str, content: bytes) -> None:
    with pytest.raises(TrustRefused):
        verify_chain(metadata | {role: content})


@pytest.mark.parametrize("role", ROLES)
def test_another_registrys_file_is_refused(tmp_path: Path, metadata: dict[str, bytes], role: str) -> None:
    with pytest.raises(TrustRefused):
        verify_chain(metadata | {role: _metadata(tmp_path / "other")[role]})


@pytest.mark.parametrize("role", ROLES)
def test_one_kind_does_not_pass_for_another(metadata: dict[str, bytes], role: str) -> None:
    for other in set(ROLES) - {role}:
        with pytest.raises(TrustRefused):
            verify_chain(metadata | {role: metadata[other]})


@pytest.mark.parametrize("role", ROLES)
def test_no_file_may_be_missing(metadata: dict[str, bytes], role: str) -> None:
    del metadata[role]
    with pytest.raises(TrustRefused):
        verify_chain(metadata)


@pytest.mark.parametrize("name", ["other/x", "lists/..", "lists/a/b", "../x", "lists/X y"])
def test_a_stolen_publisher_key_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    """Everything is signed correctly with the online keys, but the name leads out of the delegated folders."""
    registry = Registry.create(tmp_path)
    registry.publish(make_content())
    metadata = {r: registry.store.path(f"snapshot/metadata/{n}").read_bytes() for r, n in FILES.items()}
    publisher = Metadata[Targets].from_bytes(metadata["publisher"])
    publisher.signed.targets[name] = TargetFile.from_data(name, b"x", ["sha256"])
    metadata["publisher"] = _sign(tmp_path, "publisher", publisher)
    for role, below in (("snapshot", "publisher"), ("timestamp", "snapshot")):
        upper = json.loads(metadata[role])
        upper["signed"]["meta"][f"{below}.json"] = {"version": 1}
        metadata[role] = _sign(tmp_path, role, Metadata.from_dict(upper))
    with pytest.raises(TrustRefused, match="may not publish"):
        verify_chain(metadata)


def _sign(folder: Path, role: str, metadata: Metadata[Targets]) -> bytes:
    metadata.sign(load_key(folder / "online/keys" / f"{role}.pem"))
    return metadata.to_bytes()
