"""An edition says what the registry says, no less and nothing more; it appears whole, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.locks import exclusive
from registry.core.decisions import Purpose, Terms
from registry.core.errors import Conflict, NotReady
from registry.core.ids import format_id
from registry.core.records.leaves import OptOutLeaf
from registry.core.snapshots import NOT_PUBLIC, write_edition
from registry.licences import service as licences
from registry.log import service as log
from registry.publishing import service as publishing
from registry.publishing.models import Edition
from registry.works import service as works
from registry.works.models import Work
from tests.factories import START, Clock, make_actor
from tests.support.published import Breaking, Interrupted, Shelf
from tests.support.works import digests, frame, register


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.create(tmp_path / "shelf", START)


@pytest.fixture
def anna(database: Database, sources: Sources) -> Actor:
    with database.writing() as session:
        return make_actor(session, sources, name="Anna Ahlmann")


@pytest.fixture
def add(database: Database, sources: Sources, anna: Actor) -> Callable[..., Work]:
    """Registers a picture of Anna's."""

    def one(name: str, **more: Any) -> Work:
        with database.writing() as session:
            return register(session, anna, sources, name, **more)

    return one


def work_name(work: Work) -> str:
    return format_id("work", work.public_id)


# -- what it says ------------------------------------------------------------------------------------------
def test_an_empty_registry_has_an_edition_too(database: Database, sources: Sources, shelf: Shelf) -> None:
    edition = shelf.publish(database, sources)
    snapshot = shelf.open()
    assert (edition.sequence, edition.works, len(snapshot), dict(snapshot.lists)) == (1, 0, 0, {})


def test_works_their_codes_and_their_terms_are_in_it(
    database: Database, sources: Sources, shelf: Shelf, anna: Actor, add: Callable[..., Work]
) -> None:
    dunes, heron = add("Dunes"), add("Heron")
    with database.writing() as session:
        offer = licences.CreateOffer((heron.public_id,), Purpose.TRAIN_GENAI)
        licences.create_offer(session, anna, offer, sources)
    edition = shelf.publish(database, sources)
    snapshot = shelf.open()
    assert [snapshot.work_id(row) for row in range(len(snapshot))] == [work_name(dunes), work_name(heron)]
    assert (snapshot.sequence, snapshot.created, snapshot.change_seq) == (
        edition.sequence,
        int(sources.now().timestamp()),
        edition.change_seq,
    )
    hashes = snapshot.lists["image.phash256.v1"]
    assert hashes.codes.tobytes() == frame("Dunes")[0].code + frame("Heron")[0].code
    assert hashes.work_rows.tolist() == [0, 1]
    assert snapshot.lists["digest.sha256.v1"].codes[0].tobytes() == digests("Dunes")[0].code
    assert snapshot.terms(0) == Terms()
    assert [grant.purpose for grant in snapshot.terms(1).grants] == [Purpose.TRAIN_GENAI]


def test_the_log_says_which_edition_and_the_edition_which_log(
    database: Database, sources: Sources, shelf: Shelf, add: Callable[..., Work]
) -> None:
    add("Dunes")
    with database.reading() as session:
        before = log.head(session)
    edition = shelf.publish(database, sources)
    snapshot = shelf.open()
    with database.reading() as session:
        body = log.entries(session, edition.log_index, edition.log_index + 1)[0]
    leaf = OptOutLeaf(
        sequence=1,
        works=1,
        root=snapshot.works_root.hex(),
        change_seq=snapshot.change_seq,
        at=int(sources.now().timestamp()),
    )
    assert body == leaf.body()
    assert (snapshot.manifest.log_size, snapshot.manifest.log_root) == (before.size, before.root)


def test_a_withdrawn_work_keeps_its_row_and_nothing_else(
    database: Database, sources: Sources, shelf: Shelf, anna: Actor, add: Callable[..., Work]
) -> None:
    gone, stays = add("Dunes"), add("Heron")
    with database.writing() as session:
        works.withdraw_work(session, anna, gone.public_id, sources)
    edition = shelf.publish(database, sources)
    snapshot = shelf.open()
    assert (edition.works, len(snapshot)) == (1, 2)
    assert (snapshot.withdrawn(0), snapshot.withdrawn(1)) == (True, False)
    assert snapshot.work_id(1) == work_name(stays)
    assert all(set(columns.work_rows.tolist()) == {1} for columns in snapshot.lists.values())


def test_a_contested_work_permits_nothing(
    database: Database, sources: Sources, shelf: Shelf, add: Callable[..., Work]
) -> None:
    add("Dunes")
    with database.writing() as session:
        ben = make_actor(session, sources, name="Ben")
        register(session, ben, sources, "Dunes")
    shelf.publish(database, sources)
    terms = shelf.open().terms(1)
    assert terms.contested_since == int(START.timestamp())


def test_each_licensee_has_a_file_of_its_own(
    database: Database, sources: Sources, shelf: Shelf, anna: Actor, add: Callable[..., Work]
) -> None:
    work = add("Dunes")
    with database.writing() as session:
        lab, rival = (make_actor(session, sources, Role.LAB, name) for name in ("A lab", "Another"))
        for actor in (lab, rival):
            offer = licences.CreateOffer((work.public_id,), Purpose.TRAIN_GENAI, licensees=(actor.public_id,))
            made = licences.create_offer(session, anna, offer, sources)
            licences.accept_offer(session, actor, licences.AcceptOffer(made.public_id), sources)
    shelf.publish(database, sources)
    for actor in (lab, rival):
        theirs = shelf.licences(actor.public_id)
        assert theirs.licensee == format_id("party", actor.public_id)
        assert list(theirs.terms) == [work_name(work)]
        assert theirs.expires == int((START + timedelta(hours=24)).timestamp())
    assert shelf.open().terms(0) == Terms(), "what is agreed with one lab is nobody else's business"


# -- what it keeps to itself -------------------------------------------------------------------------------
def _traces(work: Work, name: str) -> dict[str, bytes]:
    """Everything by which this work could be found in a file."""
    traces = {
        "id": work.public_id,
        "id in text": work_name(work).encode(),
        "id in hex": work.public_id.hex().encode(),
    }
    for code in (*frame(name), *digests(name)):
        traces[code.algorithm] = code.code
        traces[f"{code.algorithm} in hex"] = code.code.hex().encode()
    return traces


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_work_for_checks_alone_leaves_no_trace(
    database: Database,
    sources: Sources,
    shelf: Shelf,
    anna: Actor,
    add: Callable[..., Work],
    *,
    withdrawn: bool,
) -> None:
    public, private = add("Dunes"), add("Portrait", disclosure=works.Disclosure.CHECK_API_ONLY)
    persons = add("Friends", persons_depicted=True)
    with database.writing() as session:
        licences.create_offer(
            session, anna, licences.CreateOffer((private.public_id,), Purpose.TRAIN_GENAI), sources
        )
        if withdrawn:
            works.withdraw_work(session, anna, private.public_id, sources)
    shelf.publish(database, sources)
    files = shelf.everything()
    for work, name in ((private, "Portrait"), (persons, "Friends")):
        assert [what for what, trace in _traces(work, name).items() if trace in files] == []
    assert public.public_id in files
    assert frame("Dunes")[0].code in files
    snapshot = shelf.open()
    assert snapshot.work_id(1) == format_id("work", NOT_PUBLIC)
    assert snapshot.terms(1) == Terms()


def test_of_a_digest_only_work_nothing_but_digests_is_published(
    database: Database, sources: Sources, shelf: Shelf, add: Callable[..., Work]
) -> None:
    work = add("Portrait", disclosure=works.Disclosure.DIGEST_ONLY)
    shelf.publish(database, sources)
    files = shelf.everything()
    found = {what for what, trace in _traces(work, "Portrait").items() if trace in files}
    assert found == {"id", "digest.sha256.v1", "digest.md5.v1"}
    assert sorted(shelf.open().lists) == ["digest.md5.v1", "digest.sha256.v1"]


def test_no_title_and_no_name_is_published(
    database: Database, sources: Sources, shelf: Shelf, add: Callable[..., Work]
) -> None:
    add(
        "A title that nobody else has",
        prompt="a secret prompt",
        tool="a tool",
        made_by=works.MadeBy.AI_ASSISTED,
    )
    shelf.publish(database, sources)
    files = shelf.everything().lower()
    for private in (b"a title that", b"ahlmann", b"secret prompt", b"a tool", b"party_"):
        assert private not in files


# -- whole or not at all -----------------------------------------------------------------------------------
def test_wherever_it_breaks_off_the_old_edition_stays_and_the_next_publish_works(
    database: Database, sources: Sources, clock: Clock, tmp_path: Path, add: Callable[..., Work]
) -> None:
    """After each file that it writes in turn; and in the end it gets through."""
    shelf = Shelf.create(tmp_path / "shelf", START, Breaking(tmp_path / "files"))
    assert isinstance(shelf.store, Breaking)
    add("Dunes")
    visible = shelf.publish(database, sources).sequence
    add("Heron")
    for left in range(50):
        clock.advance(minutes=1)
        shelf.store.left = left
        try:
            edition = shelf.publish(database, sources)
            break
        except Interrupted:
            snapshot = shelf.open()
            assert (snapshot.sequence, len(snapshot)) == (visible, 1)
            with database.reading() as session:
                assert publishing.state(session).sequence == visible
    else:
        pytest.fail("it never got through")
    assert left > 3
    snapshot = shelf.open()
    assert (snapshot.sequence, len(snapshot)) == (edition.sequence, 2)
    with database.reading() as session:
        assert publishing.state(session).sequence == edition.sequence
        lost = session.scalars(select(Edition.sequence).where(Edition.published_at.is_(None))).all()
    assert list(lost) == list(range(visible + 1, edition.sequence)), "gaps in the numbering, nothing else"
    assert 0 < len(lost) < left, "and none where the store failed before there was anything to sign"


def test_what_fails_before_it_is_on_record_leaves_nothing(
    database: Database,
    sources: Sources,
    shelf: Shelf,
    add: Callable[..., Work],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add("Dunes")
    with database.reading() as session:
        before = log.head(session)
    with monkeypatch.context() as patch:
        patch.setattr("registry.publishing.service.write_edition", _interrupt)
        with pytest.raises(Interrupted):
            shelf.publish(database, sources)
    with database.reading() as session:
        assert log.head(session) == before
        assert session.scalar(select(Edition.sequence)) is None
    assert shelf.publish(database, sources).sequence == 1


def _interrupt(*_: object) -> None:
    raise Interrupted


def test_others_go_on_writing_while_an_edition_is_made(
    database: Database,
    sources: Sources,
    shelf: Shelf,
    add: Callable[..., Work],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they write is not half in it, and is news for the next one."""
    add("Dunes")
    meanwhile: list[Work] = []

    def slowly(*arguments: Any) -> Any:
        if not meanwhile:
            meanwhile.append(add("Heron"))
        return write_edition(*arguments)

    monkeypatch.setattr("registry.publishing.service.write_edition", slowly)
    shelf.publish(database, sources)
    snapshot = shelf.open()
    assert len(snapshot) == 1
    assert meanwhile[0].change_seq > snapshot.change_seq
    assert publishing.keep_fresh(database, shelf.publisher, sources) is not None
    assert len(shelf.open()) == 2


# -- one at a time -----------------------------------------------------------------------------------------
def test_a_second_publisher_is_refused_or_waits(database: Database, sources: Sources, shelf: Shelf) -> None:
    with exclusive(database, "publish"):
        with pytest.raises(Conflict, match="Another process"):
            shelf.publish(database, sources)
        waiting = threading.Thread(
            target=publishing.publish, args=(database, shelf.publisher, sources), kwargs={"wait_seconds": 60}
        )
        waiting.start()
    waiting.join()
    with database.reading() as session:
        assert publishing.state(session).sequence == 1


def test_a_lock_is_free_again_after_trouble(database: Database) -> None:
    with pytest.raises(RuntimeError), exclusive(database, "something"):
        raise RuntimeError
    with exclusive(database, "something"), exclusive(database, "something else"):
        pass


# -- kept fresh --------------------------------------------------------------------------------------------
def test_fresh_means_published_when_something_changed(
    database: Database, sources: Sources, clock: Clock, shelf: Shelf, add: Callable[..., Work]
) -> None:
    def refreshed() -> tuple[int | None, int]:
        clock.advance(hours=1)
        edition = publishing.keep_fresh(database, shelf.publisher, sources)
        return None if edition is None else edition.sequence, shelf.timestamp()

    assert refreshed() == (1, 1)
    assert refreshed() == (None, 2), "nothing new: only the timestamp says so"
    add("Dunes")
    assert refreshed() == (2, 3)
    assert refreshed() == (None, 4)
    clock.advance(hours=10)
    assert refreshed() == (3, 5), "licence files hold for a day"
    assert len(shelf.open()) == 1


def test_an_interrupted_edition_does_not_count_as_published(
    database: Database, sources: Sources, tmp_path: Path, add: Callable[..., Work]
) -> None:
    shelf = Shelf.create(tmp_path / "shelf", START, Breaking(tmp_path / "files"))
    assert isinstance(shelf.store, Breaking)
    add("Dunes")
    with database.reading() as session:
        first = log.head(session).size
    for left in range(20):
        shelf.store.left = left
        with pytest.raises(Interrupted):
            publishing.keep_fresh(database, shelf.publisher, sources)
        with database.reading() as session:
            if log.head(session).size > first:
                break
    shelf.store.left = None
    edition = publishing.keep_fresh(database, shelf.publisher, sources)
    assert edition is not None
    assert (edition.sequence, len(shelf.open())) == (2, 1)


def test_a_store_that_was_emptied_is_not_papered_over(
    database: Database, sources: Sources, shelf: Shelf, add: Callable[..., Work]
) -> None:
    add("Dunes")
    shelf.publish(database, sources)
    shelf.store = type(shelf.store)(shelf.folder / "another")  # type: ignore[call-arg]
    for act in (publishing.publish, publishing.keep_fresh):
        with pytest.raises(NotReady, match="--recreate"):
            act(database, shelf.publisher, sources)
    again = publishing.publish(database, shelf.publisher, sources, recreate=True)
    assert (again.sequence, len(shelf.open())) == (2, 1)


def test_equal_contents_are_equal_files(
    database: Database, sources: Sources, shelf: Shelf, add: Callable[..., Work]
) -> None:
    """So that who has a list need not fetch it again, and a store keeps it once."""
    add("Dunes")
    shelf.publish(database, sources)
    first = shelf.targets()
    shelf.publish(database, sources)
    second = shelf.targets()
    changed = {name for name in first if sha256(first[name]).digest() != sha256(second[name]).digest()}
    assert changed == {"lists/edition.json"}
