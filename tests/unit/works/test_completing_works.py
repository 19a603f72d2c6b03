"""A picture that was registered by its codes is completed by its file, and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.fingerprints import ANCHORS256, FULL, PHASH256, FileFingerprints, Fingerprint
from registry.log import service as log
from registry.works import service as works
from registry.works.completing import SAME, CompleteWork, complete_work
from registry.works.models import Work
from registry.works.rules import ClientCodes, Kind
from tests.factories import Clock, make_actor
from tests.support.works import digests, frame, image, register

ANCHORS = Fingerprint(ANCHORS256, FULL, bytes(40))


@pytest.fixture
def anna(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.CREATOR, "Anna")


@pytest.fixture
def work(session: Session, sources: Sources, anna: Actor) -> Work:
    """Registered by a browser: without the MD5, and without anchors."""
    codes = ClientCodes((*digests("Dunes")[:1], *frame("Dunes")), "image/png", 5)
    return register(session, anna, sources, "Dunes", content=codes, kind=Kind.IMAGE)


def file(name: str = "Dunes", bits: int = 0) -> FileFingerprints:
    """The file as the server sees it, with so many bits of phash256 changed."""
    found = image(name)
    codes = [
        replace(f, code=(int.from_bytes(f.code) ^ (1 << bits) - 1).to_bytes(32))
        if f.algorithm == PHASH256
        else f
        for f in found.fingerprints
    ]
    return replace(found, fingerprints=(*codes, ANCHORS))


def stored(session: Session, work: Work, sources: Sources) -> dict[str, str]:
    (version,) = works.details(session, work, sources.now()).work.versions
    return {f.algorithm: f.made_by for f in version.fingerprints}


def test_what_is_missing_is_added_and_the_next_edition_has_it(
    session: Session, sources: Sources, clock: Clock, anna: Actor, work: Work
) -> None:
    before = log.current_change_seq(session)
    clock.advance(hours=1)
    done = complete_work(session, anna, CompleteWork(work.public_id, file()), sources)

    assert {code.algorithm for code in done.added} == {ANCHORS256, "digest.md5.v1"}
    assert (done.version, done.distance) == (1, 0)
    assert stored(session, work, sources)[ANCHORS256] == "server"
    assert stored(session, work, sources)[PHASH256] == "client"
    assert work.change_seq > before
    (published,) = works.works_for_publishing(session)
    assert ANCHORS256 in {row.algorithm for row in published.fingerprints}
    (version,) = works.details(session, work, sources.now()).work.versions
    assert version.facts == {"width": 640, "height": 480}

    seq = work.change_seq
    again = complete_work(session, anna, CompleteWork(work.public_id, file()), sources)
    assert (again.added, work.change_seq) == ((), seq)


@pytest.mark.parametrize(("bits", "taken"), [(1, True), (SAME, True), (SAME + 1, False), (128, False)])
def test_the_file_has_to_be_the_registered_picture(
    session: Session, sources: Sources, anna: Actor, work: Work, bits: int, taken: bool
) -> None:
    """Saved again it has other bytes: then its digests are not those of the registered file."""
    saved_again = replace(
        file(bits=bits), fingerprints=(*digests("again"), *(f for f in file(bits=bits).fingerprints[2:]))
    )
    before = stored(session, work, sources)
    if taken:
        done = complete_work(session, anna, CompleteWork(work.public_id, saved_again), sources)
        assert [code.algorithm for code in done.added] == [ANCHORS256]
        assert done.distance == bits
        return
    with pytest.raises(InvalidInput, match=f"another picture than the one on record: {bits} of 256 bits"):
        complete_work(session, anna, CompleteWork(work.public_id, saved_again), sources)
    assert stored(session, work, sources) == before


def test_the_very_file_under_codes_of_another_picture_is_refused(
    session: Session, sources: Sources, anna: Actor
) -> None:
    """Whoever registers somebody else's code with the digest of a file of their own gets no anchors for it."""
    codes = ClientCodes((*digests("Dunes")[:1], *frame("Heron")))
    work = register(session, anna, sources, "Heron", content=codes, kind=Kind.IMAGE)
    with pytest.raises(InvalidInput, match="another picture"):
        complete_work(session, anna, CompleteWork(work.public_id, file()), sources)


def test_where_only_a_digest_is_on_record_nobody_can_tell(
    session: Session, sources: Sources, anna: Actor
) -> None:
    work = register(session, anna, sources, content=ClientCodes(digests("Dunes")[:1]), kind=Kind.IMAGE)
    with pytest.raises(Conflict, match="only the digest of its file"):
        complete_work(session, anna, CompleteWork(work.public_id, file()), sources)


def test_codes_of_the_maker_do_as_well(session: Session, sources: Sources, anna: Actor, work: Work) -> None:
    codes = ClientCodes(file().fingerprints)
    done = complete_work(session, anna, CompleteWork(work.public_id, codes), sources)
    assert ANCHORS256 in {code.algorithm for code in done.added}
    assert stored(session, work, sources)[ANCHORS256] == "client"


def test_it_is_for_who_may_register(session: Session, sources: Sources, anna: Actor, work: Work) -> None:
    ben = make_actor(session, sources, Role.CREATOR, "Ben")
    with pytest.raises(NotFound):
        complete_work(session, ben, CompleteWork(work.public_id, file()), sources)
    lab = make_actor(session, sources, Role.LAB, "Lab")
    with pytest.raises((Forbidden, NotFound)):
        complete_work(session, lab, CompleteWork(work.public_id, file()), sources)
    works.withdraw_work(session, anna, work.public_id, sources)
    with pytest.raises(Conflict, match="was withdrawn"):
        complete_work(session, anna, CompleteWork(work.public_id, file()), sources)
