"""Whoever stands between registry and lab can keep the lab from newer editions, for a day, and nothing else."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from crawler.sync import sync
from registry.core.errors import NetworkFailed, NotReady, StaleSnapshot, TrustRefused, VorbehaltError
from registry.core.snapshots import write_edition
from registry.core.snapshots.manifest import MANIFEST, WORKS, Manifest
from registry.core.snapshots.trust import init_trust
from registry.core.snapshots.trust.keys import load_key
from tests.support.snapshots import NOW, Registry, Served, answer, flip, make_content, make_licences
from tests.unit.crawler.sync.conftest import Lab

FILES = [
    "metadata/1.root.json",
    "metadata/timestamp.json",
    "metadata/2.snapshot.json",
    "metadata/2.publisher.json",
    "metadata/1.targets.json",
    "edition.json",
    "works.pack",
    "terms.pack",
    "digest.sha256.v1.pack",
    "image.phash256.v1.pack",
    "image.dhash256.v1.pack",
    "text.minhash128.v1.pack",
]


def _file(registry: Registry, name: str) -> Path:
    """The published file of this name; of several editions' files, the newest."""
    found = [f for p, f in registry.published_files().items() if p == name or p.partition(".")[2] == name]
    return max(found, key=lambda f: f.stat().st_mtime_ns)


def _answers_as_before(lab: Lab) -> None:
    """The copy of edition 1 is in use and whole, and nothing half-done lies about."""
    assert lab.open().sequence == 1
    assert sorted(p.name for p in (lab.folder / "editions").iterdir()) == ["1"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("position", [333, -20])
def test_one_flipped_bit_in_any_published_file(
    lab: Lab, registry: Registry, name: str, position: int
) -> None:
    """On first use nothing is installed; later the old copy stays."""
    registry.publish(make_content(2, works=7))
    flip(_file(registry, name), position)
    with pytest.raises(TrustRefused):
        lab.sync()
    assert not (lab.folder / "current").exists()
    assert list((lab.folder / "editions").iterdir()) == []


@pytest.mark.parametrize("name", [f for f in FILES[1:] if f != "metadata/1.targets.json"])
def test_one_flipped_bit_in_any_file_of_a_new_edition(lab: Lab, registry: Registry, name: str) -> None:
    lab.sync()
    registry.publish(make_content(2, works=7))
    flip(_file(registry, name), 100)
    with pytest.raises(TrustRefused):
        lab.sync()
    _answers_as_before(lab)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file(lab: Lab, registry: Registry, name: str) -> None:
    registry.publish(make_content(2, works=7))
    path = _file(registry, name)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TrustRefused):
        lab.sync()
    assert not (lab.folder / "current").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(lab: Lab, registry: Registry, name: str) -> None:
    registry.publish(make_content(2, works=7))
    _file(registry, name).unlink()
    with pytest.raises(NetworkFailed, match="404"):
        lab.sync()
    assert not (lab.folder / "current").exists()


def _roll_back(registry: Registry, folder: Path) -> None:
    """Serve the tree as it was when it was copied to `folder`."""
    shutil.rmtree(registry.store.root)
    shutil.copytree(folder, registry.store.root)


def test_rollback_of_everything(lab: Lab, registry: Registry, tmp_path: Path) -> None:
    shutil.copytree(registry.store.root, tmp_path / "old")
    registry.publish(make_content(2))
    lab.sync()
    _roll_back(registry, tmp_path / "old")
    with pytest.raises(TrustRefused, match="version"):
        lab.sync()
    assert lab.open().sequence == 2


def test_rollback_after_the_labs_own_metadata_was_lost(lab: Lab, registry: Registry, tmp_path: Path) -> None:
    """What the installed edition was accepted under is remembered a second time, beside it."""
    shutil.copytree(registry.store.root, tmp_path / "old")
    registry.publish(make_content(2))
    lab.sync()
    shutil.rmtree(lab.folder / "metadata")
    _roll_back(registry, tmp_path / "old")
    with pytest.raises(TrustRefused, match="went back"):
        lab.sync()
    assert lab.open().sequence == 2


def test_rollback_after_a_sync_that_only_saw_the_newer_timestamp(
    lab: Lab, registry: Registry, tmp_path: Path
) -> None:
    lab.sync()
    shutil.copytree(registry.store.root, tmp_path / "old")
    registry.publish(make_content(2, works=7))
    _file(registry, "works.pack").unlink()
    with pytest.raises(NetworkFailed):
        lab.sync()
    _roll_back(registry, tmp_path / "old")
    with pytest.raises(TrustRefused):
        lab.sync()
    _answers_as_before(lab)


def test_an_operator_cannot_go_back_to_an_older_edition_under_new_signatures(
    lab: Lab, registry: Registry
) -> None:
    registry.publish(make_content(2))
    lab.sync()
    for sequence in (1, 2):
        custom = {MANIFEST: {"sequence": sequence}}
        registry.publisher.publish({MANIFEST: b"{}"}, custom, NOW, recreate=True)
        with pytest.raises(TrustRefused, match="is offered over"):
            lab.sync()
    assert lab.open().sequence == 2


def test_freeze(lab: Lab) -> None:
    """Old signatures served for ever: after a day both the sync and the copy say so."""
    lab.sync()
    later = NOW + timedelta(hours=24)
    with pytest.raises(StaleSnapshot, match="holds back"):
        lab.sync(later)
    with pytest.raises(StaleSnapshot):
        lab.open(later)
    assert lab.sync(later - timedelta(seconds=1)).sequence == 1


@pytest.mark.parametrize("held_back", ["edition.json", "works.pack", "metadata/2.publisher.json"])
def test_fresh_timestamps_with_held_back_lists_keep_nothing_fresh(
    lab: Lab, registry: Registry, served: Served, held_back: str
) -> None:
    lab.sync()
    registry.publish(make_content(2, works=7), now=NOW + timedelta(hours=12))
    served.answers[held_back] = lambda handler: answer(handler, None)
    with pytest.raises(NetworkFailed):
        lab.sync(NOW + timedelta(hours=12))
    assert lab.open(NOW + timedelta(hours=23)).sequence == 1
    with pytest.raises(StaleSnapshot):
        lab.open(NOW + timedelta(hours=24))


def test_mix_and_match(lab: Lab, registry: Registry) -> None:
    """Files of two sound editions under one timestamp."""
    registry.publish(make_content(2))
    metadata = registry.store.root / "snapshot/metadata"
    shutil.copy(metadata / "1.publisher.json", metadata / "2.publisher.json")
    with pytest.raises(TrustRefused):
        lab.sync()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "publisher"])
def test_signed_with_another_key(lab: Lab, registry: Registry, tmp_path: Path, role: str) -> None:
    lab.sync()
    init_trust(tmp_path / "thief-offline", tmp_path / "thief", NOW)
    publisher = registry.publisher
    thief = Registry(tmp_path / "thief-home", registry.root, registry.store)
    shutil.copytree(registry.folder / "online", thief.folder / "online")
    shutil.copy(tmp_path / f"thief/keys/{role}.pem", thief.folder / f"online/keys/{role}.pem")
    with pytest.raises(TrustRefused):  # our own publisher notices
        thief.publisher  # noqa: B018
    publisher._signers[role] = load_key(tmp_path / f"thief/keys/{role}.pem")
    registry.publish(make_content(2), publisher=publisher)
    with pytest.raises(TrustRefused, match="signed by 0/1"):
        lab.sync()
    _answers_as_before(lab)


def test_another_registry_behind_the_same_address(lab: Lab, registry: Registry, tmp_path: Path) -> None:
    lab.sync()
    other = Registry.create(tmp_path / "other")
    other.publish(make_content(9))
    _roll_back(registry, other.store.root)
    with pytest.raises(TrustRefused):
        lab.sync()
    _answers_as_before(lab)


def test_a_root_signed_by_too_few(lab: Lab, registry: Registry) -> None:
    lab.sync()
    root = json.loads(registry.root)
    root["signed"]["version"] = 2
    registry.store.put("snapshot/metadata/2.root.json", json.dumps(root).encode())
    with pytest.raises(TrustRefused):
        lab.sync()
    _answers_as_before(lab)


def test_a_lost_root_of_trust_is_not_silently_taken_anew(lab: Lab) -> None:
    lab.sync()
    (lab.folder / "anchor.json").unlink()
    with pytest.raises(TrustRefused, match="missing"):
        lab.sync()
    _answers_as_before(lab)


def test_a_changed_root_of_trust(lab: Lab) -> None:
    lab.sync()
    flip(lab.folder / "anchor.json", 900)
    with pytest.raises(TrustRefused):
        lab.sync()
    _answers_as_before(lab)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    try:
        for _ in itertools.repeat(None):
            handler.wfile.write(b"{" * 65536)
    except OSError:
        handler.close_connection = True


@pytest.mark.parametrize(
    "name", ["metadata/1.root.json", "metadata/timestamp.json", "edition.json", "works.pack"]
)
def test_endless_data(lab: Lab, served: Served, name: str) -> None:
    served.answers[name] = _endless
    with pytest.raises(TrustRefused):
        lab.sync()
    assert not (lab.folder / "current").exists()


def _broken_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def _busy(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(503)
    handler.send_header("Retry-After", "86400")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@pytest.mark.parametrize("name", ["metadata/timestamp.json", "works.pack"])
@pytest.mark.parametrize("trouble", [_broken_off, _busy, lambda h: answer(h, b"no", 500)])
def test_trouble_on_the_way(
    lab: Lab, served: Served, name: str, trouble: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    served.answers[name] = trouble
    with pytest.raises(NetworkFailed):
        lab.sync()
    served.answers.clear()
    assert lab.sync().sequence == 1


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(NetworkFailed, match="cannot be reached"):
        sync("http://127.0.0.1:1", tmp_path, now=NOW)


@pytest.mark.parametrize(
    ("name", "said"),
    [("../../evil", "manifest|edition.json"), ("lists/../../evil", "edition.json"), (".ssh", "edition.json")],
)
def test_a_file_name_that_leads_out_of_the_folder(lab: Lab, registry: Registry, name: str, said: str) -> None:
    """The publisher's key is stolen: signatures are right, the manifest is not."""
    lab.sync()
    content = _manifest_naming(registry, name)
    custom = {MANIFEST: {"sequence": 2}}
    registry.publisher.publish({MANIFEST: content, WORKS: b"x"}, custom, NOW)
    before = sorted(p for p in lab.folder.parent.rglob("*"))
    with pytest.raises(VorbehaltError, match=said):
        lab.sync()
    _answers_as_before(lab)
    after = sorted(p for p in lab.folder.parent.rglob("*") if "registry" not in p.parts)
    assert set(after) <= set(before)


def _manifest_naming(registry: Registry, name: str) -> bytes:
    data = _file(registry, "edition.json").read_bytes()
    return data.replace(b"image.phash256.v1", name.encode())


def test_a_link_put_in_the_place_of_the_current_edition(lab: Lab, tmp_path: Path) -> None:
    lab.sync()
    shutil.copytree(lab.folder / "editions/1", tmp_path / "elsewhere")
    (lab.folder / "current").unlink()
    (lab.folder / "current").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VorbehaltError, match="leads out"):
        lab.open()


def test_an_edition_that_contradicts_itself(lab: Lab, registry: Registry) -> None:
    """Signed, but its works do not add up to its root: a mistake of the operator, noticed before use."""
    lab.sync()
    published = registry.published_files()
    targets = {
        f"lists/{p.partition('.')[2]}": f.read_bytes()
        for p, f in published.items()
        if p.startswith("targets/lists")
    }
    manifest = replace(Manifest.parse(targets[MANIFEST]), sequence=2, works_root=bytes(32))
    targets[MANIFEST] = manifest.to_bytes()
    registry.publisher.publish(targets, {MANIFEST: manifest.summary}, NOW)
    with pytest.raises(TrustRefused, match="contradicts"):
        lab.sync()
    _answers_as_before(lab)


def test_a_summary_that_differs_from_the_edition(lab: Lab, registry: Registry) -> None:
    files = write_edition(registry.folder / "two", make_content(2))
    custom = {MANIFEST: files.custom[MANIFEST] | {"change_seq": 1}}
    registry.publisher.publish(dict(files.paths), custom, NOW)
    with pytest.raises(TrustRefused, match="summary"):
        lab.sync()


def test_a_registry_that_has_published_no_edition(lab: Lab, registry: Registry) -> None:
    registry.publisher.publish({make_licences().target: make_licences().to_bytes()}, {}, NOW)
    with pytest.raises(NotReady, match="no edition"):
        lab.sync()


def test_a_registry_that_has_published_nothing_yet(lab: Lab, registry: Registry, served: Served) -> None:
    """It is told from any other web server: it asks who we are."""
    shutil.rmtree(registry.store.root)
    served.answers["licensee"] = lambda handler: answer(handler, b"{}", 401)
    with pytest.raises(NotReady, match="published nothing yet"):
        lab.sync()
    served.answers["licensee"] = lambda handler: answer(handler, None)
    with pytest.raises(NetworkFailed, match="the address of a registry"):
        lab.sync()
    assert not lab.folder.joinpath("anchor.json").exists()
