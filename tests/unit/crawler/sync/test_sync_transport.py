"""Downloads that break off, mirrors of every kind, and a copy on a disk: the same bytes in the end, or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from crawler.sync import sync
from registry.core.errors import InvalidInput, NetworkFailed, StaleSnapshot, TrustRefused
from tests.support.snapshots import (
    KEY,
    NOW,
    Registry,
    Served,
    answer,
    flip,
    growing_content,
    make_licences,
    serve,
)
from tests.unit.crawler.sync.conftest import Lab

NAME = "image.phash256.v1.pack"


@pytest.fixture(autouse=True)
def _second_edition(registry: Registry) -> None:
    """Of some size, and with licences."""
    registry.publish(growing_content(2, 1000), licences=(make_licences(2),))


def _pack(registry: Registry) -> bytes:
    found = [path for name, path in registry.published_files().items() if name.endswith(NAME)]
    return max(found, key=lambda path: path.stat().st_size).read_bytes()


def _breaking_off(data: bytes, size: int, tag: str | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that ends too early, whatever is asked for."""

    def answered(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if tag:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:size])
        handler.close_connection = True

    return answered


def _left(lab: Lab) -> list[int]:
    """Sizes of what has come in part."""
    return [p.stat().st_size for p in (lab.folder / "downloads").iterdir() if p.suffix != ".tag"]


def _break_off(lab: Lab, served: Served, data: bytes, size: int, tag: str | None = None) -> None:
    served.answers[NAME] = _breaking_off(data, size, tag)
    with pytest.raises(NetworkFailed):
        lab.sync()
    served.answers.clear()
    assert _left(lab) == [size]


def test_the_next_sync_goes_on_where_the_last_broke_off(lab: Lab, registry: Registry, served: Served) -> None:
    data = _pack(registry)
    _break_off(lab, served, data, len(data) - 100)
    result = lab.sync()
    assert result.received < len(data)
    assert lab.open().sequence == 2
    assert not list((lab.folder / "downloads").iterdir())


def test_a_server_that_knows_no_ranges_sends_everything(lab: Lab, registry: Registry, served: Served) -> None:
    data = _pack(registry)
    _break_off(lab, served, data, len(data) - 100)
    served.knows_ranges = False
    assert lab.sync().received > len(data)
    assert lab.open().sequence == 2


def test_if_the_server_has_another_file_now_everything_comes(
    lab: Lab, registry: Registry, served: Served
) -> None:
    """What the beginning belonged to is remembered by its tag."""
    data = _pack(registry)
    _break_off(lab, served, data, len(data) - 100, tag='"another version"')
    assert lab.sync().received > len(data)
    assert lab.open().sequence == 2


def test_a_beginning_that_was_wrong_is_thrown_away(lab: Lab, registry: Registry, served: Served) -> None:
    data = _pack(registry)
    _break_off(lab, served, bytes(len(data)), len(data) - 100)
    lab.sync()
    assert lab.open().sequence == 2


@pytest.mark.parametrize("extra", [0, 1, 1 << 20])
def test_a_beginning_that_is_too_long_is_thrown_away(
    lab: Lab, registry: Registry, served: Served, extra: int
) -> None:
    data = _pack(registry)
    _break_off(lab, served, data, len(data) - 100)
    (part,) = [p for p in (lab.folder / "downloads").iterdir() if p.suffix != ".tag"]
    part.write_bytes(bytes(len(data) + extra))
    lab.sync()
    assert lab.open().sequence == 2


def _lying_about_its_place(handler: BaseHTTPRequestHandler) -> None:
    if "Range" not in handler.headers:
        return answer(handler, None)
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-9/10")
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.write(bytes(10))
    return None


def test_a_server_that_sends_another_part_than_asked(lab: Lab, registry: Registry, served: Served) -> None:
    data = _pack(registry)
    _break_off(lab, served, data, len(data) - 100)
    served.answers[NAME] = _lying_about_its_place
    with pytest.raises(NetworkFailed, match="another part"):
        lab.sync()
    assert not (lab.folder / "current").exists()


def test_within_one_sync_a_broken_download_goes_on(lab: Lab, registry: Registry, served: Served) -> None:
    data, asked = _pack(registry), []

    def stuttering(handler: BaseHTTPRequestHandler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        asked.append(start)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start : start + len(data) // 3])
        handler.close_connection = True

    served.answers[NAME] = stuttering
    lab.sync()
    assert len(asked) == 4
    assert lab.open().sequence == 2


# -- mirrors -----------------------------------------------------------------------------------------------
def _mirror(mirror: Served) -> str:
    return f"{mirror.url}/v1/snapshot"


def _targets(served: Served) -> list[str]:
    return [path for path, _ in served.requests if path.startswith("targets/lists/")]


def test_files_come_from_a_mirror_and_signatures_from_the_registry(
    lab: Lab, registry: Registry, served: Served
) -> None:
    with serve(registry.store) as mirror:
        lab.sync(mirrors=[_mirror(mirror)])
    assert _targets(mirror)
    assert not _targets(served)
    assert not [path for path, _ in mirror.requests if path.startswith("metadata/")]
    assert lab.open().sequence == 2


def test_the_key_is_shown_to_no_mirror(lab: Lab, registry: Registry, served: Served) -> None:
    with serve(registry.store) as mirror:
        assert lab.sync(mirrors=[_mirror(mirror)], api_key=KEY).licences == 1
    assert not [authorization for _, authorization in mirror.requests if authorization]
    assert not [path for path, _ in mirror.requests if "licence" in path]


def test_without_the_registry_a_mirrors_signatures_do(lab: Lab, registry: Registry) -> None:
    with serve(registry.store) as mirror:
        lab.served = Served("http://127.0.0.1:1")
        assert lab.sync(mirrors=[_mirror(mirror)], root_sha256=registry.root_sha256).sequence == 2
        with pytest.raises(StaleSnapshot):
            lab.sync(NOW + timedelta(hours=25), mirrors=[_mirror(mirror)])


def _wrong(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, b"something else entirely")


@pytest.mark.parametrize(
    "trouble",
    [_wrong, lambda h: answer(h, None), lambda h: answer(h, b"", 500), lambda h: answer(h, bytes(1 << 20))],
)
def test_a_mirror_in_trouble_or_hostile_is_passed_over(
    lab: Lab, registry: Registry, served: Served, trouble: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    with serve(registry.store) as bad, serve(registry.store) as good:
        bad.answers[NAME] = trouble
        lab.sync(mirrors=[_mirror(bad), _mirror(good)])
        assert [path for path in _targets(good) if path.endswith(NAME)]
    assert not _targets(served)
    assert lab.open().sequence == 2


def test_a_mirror_that_is_gone_is_passed_over(lab: Lab, served: Served) -> None:
    lab.sync(mirrors=["http://127.0.0.1:1/copy"])
    assert _targets(served)


def test_what_is_no_mirror_is_refused(lab: Lab) -> None:
    with pytest.raises(InvalidInput, match="address"):
        lab.sync(mirrors=["ftp://mirror.example/"])
    assert not lab.folder.exists()


# -- a copy on a disk --------------------------------------------------------------------------------------
@pytest.fixture
def disk(registry: Registry, tmp_path: Path) -> Path:
    """A copy of everything that is published, as a person carries it."""
    return Path(shutil.copytree(registry.store.root / "snapshot", tmp_path / "disk"))


def _carry(folder: Path, disk: Path, **more: Any) -> int:
    return sync(None, folder, offline=disk, now=NOW, **more).sequence


def test_a_copy_on_a_disk_is_as_good(lab: Lab, disk: Path, registry: Registry) -> None:
    assert _carry(lab.folder, disk, root_sha256=registry.root_sha256) == 2
    assert lab.open().sequence == 2
    assert lab.served.requests == []


def test_steps_come_from_a_disk_too(lab: Lab, registry: Registry, disk: Path) -> None:
    _carry(lab.folder, disk)
    registry.publish(growing_content(3, 1005, {4}))
    shutil.copytree(registry.store.root / "snapshot", disk, dirs_exist_ok=True)
    for path in disk.rglob(f"*{NAME}"):
        path.unlink()
    assert _carry(lab.folder, disk) == 3


def test_a_disk_is_believed_no_more_than_a_server(lab: Lab, disk: Path, registry: Registry) -> None:
    _carry(lab.folder, disk)
    with pytest.raises(StaleSnapshot):
        sync(None, lab.folder, offline=disk, now=NOW + timedelta(hours=24))
    registry.publish(growing_content(3, 1005))
    lab.sync()
    with pytest.raises(TrustRefused):
        _carry(lab.folder, disk)
    assert lab.open().sequence == 3


@pytest.mark.parametrize("name", ["timestamp.json", "edition.json", "works.pack", NAME])
def test_a_flipped_bit_or_a_missing_file_on_a_disk(lab: Lab, disk: Path, name: str) -> None:
    for path in disk.rglob(f"*{name}"):
        flip(path, 100)
    with pytest.raises(TrustRefused):
        _carry(lab.folder, disk)
    for path in disk.rglob(f"*{name}"):
        path.unlink()
    with pytest.raises((NetworkFailed, InvalidInput)):
        _carry(lab.folder, disk)
    assert not (lab.folder / "current").exists()


def test_contradictions_are_refused(lab: Lab, disk: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="or a folder"):
        sync(None, lab.folder, now=NOW)
    with pytest.raises(InvalidInput, match="or a folder"):
        sync(lab.served.url, lab.folder, offline=disk, now=NOW)
    with pytest.raises(InvalidInput, match="neither mirrors nor licences"):
        _carry(lab.folder, disk, mirrors=["https://mirror.example"])
    with pytest.raises(InvalidInput, match="neither mirrors nor licences"):
        _carry(lab.folder, disk, api_key=KEY)
    with pytest.raises(InvalidInput, match=r"timestamp\.json"):
        _carry(lab.folder, tmp_path / "empty")
    assert not lab.folder.exists() or not (lab.folder / "current").exists()
