"""Previews that were stored for works that never came to be are removed; no other ever is."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import FolderStore
from registry.base.jobs import Worker
from registry.core.errors import NotReady
from registry.core.fingerprints import fingerprint_image
from registry.works import previews
from registry.works.models import Work
from registry.works.previews import ORPHANED_FOR, StoredPreview, preview_of, record_preview, store_preview
from tests.factories import Clock, make_actor
from tests.support.pictures import png
from tests.support.works import register

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "files")


@pytest.fixture
def worker(database: Database, store: FolderStore, sources: Sources) -> Worker:
    """Does what is due when it is told to."""
    handlers = {
        previews.SWEEP: partial(previews.look_for_orphans, store),
        previews.REMOVE_ORPHANS: partial(previews.remove_orphans, store),
    }
    return Worker(database, handlers, sources=sources)


def stored(store: FolderStore, number: int = 1) -> StoredPreview:
    return store_preview(store, preview_of(png(number)))


def belongs(database: Database, sources: Sources, preview: StoredPreview) -> None:
    """The registration comes to its end."""
    with database.writing() as session:
        anna = make_actor(session, sources)
        work: Work = register(session, anna, sources, "Dunes", content=fingerprint_image(png(21)))
        record_preview(session, work, preview, sources.now())


def sweep(database: Database, store: FolderStore, sources: Sources) -> int:
    return int(previews.look_for_orphans(store, database, {}, sources)["orphans"])


def test_what_belongs_to_no_work_goes_after_a_week(
    database: Database, store: FolderStore, worker: Worker, sources: Sources, clock: Clock
) -> None:
    kept, orphan = stored(store), stored(store, 2)
    belongs(database, sources, kept)
    store.put("tiles/0", b"something else")
    assert sweep(database, store, sources) == 1
    clock.at += ORPHANED_FOR - timedelta(seconds=1)
    assert not worker.run_one()
    assert store.exists(orphan.path)
    clock.advance(seconds=1)
    assert worker.run_one()
    assert not store.exists(orphan.path)
    assert store.exists(kept.path)
    assert store.exists("tiles/0")
    assert sweep(database, store, sources) == 0


def test_what_gets_its_work_meanwhile_stays(
    database: Database, store: FolderStore, worker: Worker, sources: Sources, clock: Clock
) -> None:
    late = stored(store)
    assert sweep(database, store, sources) == 1
    belongs(database, sources, late)
    clock.at += ORPHANED_FOR
    assert worker.run_one()
    assert store.exists(late.path)


def test_a_store_without_previews_has_no_orphans(
    database: Database, store: FolderStore, sources: Sources
) -> None:
    assert sweep(database, store, sources) == 0


def test_a_store_that_does_not_answer_is_no_store_without_works(
    database: Database, store: FolderStore, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job fails and is tried again; nothing is ordered."""

    def fail(_folder: str) -> list[str]:
        raise NotReady("The file store does not answer.")

    monkeypatch.setattr(store, "paths", fail)
    with pytest.raises(NotReady):
        sweep(database, store, sources)
