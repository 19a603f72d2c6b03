"""A registry on this machine, and a lab's folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from urllib3 import Retry

from crawler.sync import SyncResult, open_snapshot, sync
from registry.base.files import FolderStore
from registry.core.snapshots import Snapshot
from tests.support.snapshots import NOW, Registry, Served, make_content, serve


@dataclass
class Lab:
    """A lab that syncs from one registry."""

    folder: Path
    served: Served

    def sync(self, now: datetime = NOW, **options: Any) -> SyncResult:
        """Sync from the served registry."""
        return sync(self.served.url, self.folder, now=now, **options)

    def open(self, now: datetime = NOW, **options: Any) -> Snapshot:
        """Open the copy in use."""
        return open_snapshot(self.folder, now=now, **options)


@pytest.fixture(autouse=True)
def _do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the disk, since no test cuts the power, nor between attempts to reach a server."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)


@pytest.fixture(scope="session")
def _first_edition(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with edition 1 published, made once."""
    registry = Registry.create(tmp_path_factory.mktemp("snapshots") / "registry")
    registry.publish(make_content(1))
    return registry


@pytest.fixture
def registry(_first_edition: Registry, tmp_path: Path) -> Registry:
    """With edition 1 published; this test's own."""
    folder = tmp_path / "registry"
    shutil.copytree(_first_edition.folder, folder)
    return Registry(folder, _first_edition.root, FolderStore(folder / "files"))


@pytest.fixture
def served(registry: Registry) -> Iterator[Served]:
    """A web server over the registry's files."""
    with serve(registry.store) as served:
        yield served


@pytest.fixture
def lab(tmp_path: Path, served: Served) -> Lab:
    """With nothing synced yet."""
    return Lab(tmp_path / "lab", served)
