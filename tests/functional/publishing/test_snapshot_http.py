"""The published files over HTTP: a lab syncs from the application itself, and each licence file has one reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from crawler.sync import open_snapshot, sync
from registry.base.actor import Role, Scope
from registry.base.files import open_store
from registry.base.settings import Settings
from registry.core.decisions import Terms
from registry.core.snapshots import write_edition
from registry.core.snapshots.packs import pack_edition
from registry.core.snapshots.trust import Publisher, init_trust
from tests.functional.conftest import Account, Client
from tests.support.snapshots import NOW, make_content, make_licences


@pytest.fixture
def lab(account: Callable[..., Account]) -> Account:
    """A lab that may read snapshots, and nothing else."""
    return account(Role.LAB, Scope.SNAPSHOT_READ)


@pytest.fixture(autouse=True)
def _published(settings: Settings, lab: Account, tmp_path: Path) -> None:
    """An edition with a licence file for the lab."""
    init_trust(tmp_path / "offline", tmp_path / "online", NOW)
    files = write_edition(tmp_path / "edition", make_content())
    licences = make_licences(licensee=lab.id)
    targets: dict[str, bytes | Path] = {**pack_edition(files), licences.target: licences.to_bytes()}
    publisher = Publisher(tmp_path / "online", open_store(settings.files_url))
    publisher.publish(targets, files.custom, NOW)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_lab_syncs_with_its_licences(address: str, lab: Account, tmp_path: Path) -> None:
    result = sync(address, tmp_path / "lab", api_key=lab.key, now=NOW)
    assert (result.sequence, result.licensee, result.licences) == (1, lab.id, 1)
    assert open_snapshot(tmp_path / "lab", now=NOW).personal(1) != Terms()


def test_another_lab_gets_the_edition_but_not_these_licences(
    address: str, account: Callable[..., Account], tmp_path: Path
) -> None:
    other = account(Role.LAB, Scope.SNAPSHOT_READ, name="Other lab")
    result = sync(address, tmp_path / "lab", api_key=other.key, now=NOW)
    assert (result.sequence, result.licences) == (1, None)
    assert other.id in result.notes[-1]


def test_everybody_may_sync(address: str, tmp_path: Path) -> None:
    assert sync(address, tmp_path / "lab", now=NOW).sequence == 1


def test_whose_key_it_is(client: Client, lab: Account, account: Callable[..., Account]) -> None:
    assert client.get("/v1/snapshot/licensee", headers=lab.headers).json == {"licensee": lab.id}
    assert client.get("/v1/snapshot/licensee").status_code == 401
    without = account(Role.LAB, Scope.CHECK, name="Other lab")
    assert client.get("/v1/snapshot/licensee", headers=without.headers).status_code == 403


@pytest.mark.parametrize(
    "path", ["metadata/nothing.json", "metadata/..%2f..%2fx", "targets/lists/x", "targets/../x"]
)
def test_what_is_not_published_is_not_found(client: Client, path: str) -> None:
    assert client.get(f"/v1/snapshot/{path}").status_code == 404


def _caching(client: Client, path: str, **options: Any) -> Any:
    with client.get(f"/v1/snapshot/{path}", **options) as response:
        assert response.status_code == 200
        return response.cache_control


def test_only_the_timestamp_goes_stale_in_caches(client: Client) -> None:
    assert _caching(client, "metadata/timestamp.json").max_age == 60
    assert _caching(client, "metadata/1.root.json").immutable


def test_a_licence_file_is_not_left_in_shared_caches(client: Client, lab: Account) -> None:
    """Its name is public, so a cache on the way could hand it to anyone."""
    licences = make_licences(licensee=lab.id)
    digest = sha256(licences.to_bytes()).hexdigest()
    path = f"targets/licences/{digest}.{licences.target.removeprefix('licences/')}"
    caching = _caching(client, path, headers=lab.headers)
    assert caching.private
    assert not caching.public
    assert client.get(f"/v1/snapshot/{path}").status_code == 404
