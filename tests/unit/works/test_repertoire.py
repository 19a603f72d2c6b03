"""A society's CWR file becomes shares of its members' registered works: all of it, or nothing, and once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.core.errors import Forbidden, InvalidInput, NotFound
from registry.core.fingerprints import Fingerprint
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.works.models import ShareRow, Work
from registry.works.repertoire import ImportedRepertoire, import_repertoire
from registry.works.rules import Kind
from registry.works.service import (
    ClientCodes,
    ImportRepertoire,
    NewShare,
    RegisterWork,
    Right,
    Scheme,
    register_work,
    set_shares,
    shares_of,
    withdraw_work,
)
from tests.factories import Clock, make_actor
from tests.support.cwr import ANNA_IPI, BERT_IPI, ISWC, OTHER_ISWC, PUBLISHER_IPI, Holder, Song, write

PUBLISHED = (Holder(PUBLISHER_IPI, 2500, 10000, "A PUBLISHER", publisher=True), Holder(ANNA_IPI, 7500, 0))


@dataclass
class Desk:
    """A society with two members, one of whom registered a song, and a stranger who did too."""

    session: Session
    sources: Sources
    clock: Clock
    society: Actor
    anna: Actor
    bert: Actor
    stranger: Actor
    made: int = 0

    def song(self, owner: Actor, iswc: str = ISWC, title: str = "A song") -> Work:
        self.made += 1
        codes = ClientCodes((Fingerprint("digest.sha256.v1", "whole", self.made.to_bytes(32, "big")),))
        command = RegisterWork(title, codes, Kind.TEXT, identifiers=((Scheme.ISWC, iswc),))
        return register_work(self.session, owner, command, self.sources).work

    def send(self, *songs: Song, dry_run: bool = False, by: Actor | None = None) -> ImportedRepertoire:
        members = ((ANNA_IPI, self.anna.public_id), (BERT_IPI, self.bert.public_id))
        command = ImportRepertoire(write(*songs), members, dry_run)
        return import_repertoire(self.session, by or self.society, command, self.sources)

    def held(self, work: Work, right: Right = Right.COMMUNICATION) -> dict[int, int]:
        return dict(shares_of(self.session, [work.id], right, "DE", self.clock()).get(work.id, []))

    def rows(self) -> int:
        return self.session.scalar(select(func.count()).select_from(ShareRow)) or 0


@pytest.fixture
def desk(session: Session, sources: Sources, clock: Clock) -> Desk:
    """Both members have given a mandate."""
    names = (
        (Role.SOCIETY, "A society"),
        (Role.CREATOR, "Anna"),
        (Role.CREATOR, "Bert"),
        (Role.CREATOR, "Carl"),
    )
    society, anna, bert, carl = (make_actor(session, sources, role, name) for role, name in names)
    for member in (anna, bert):
        command = parties.CreateMandate(society.public_id, frozenset({May.REGISTER}), Repertoire(all=True))
        parties.create_mandate(session, member, command, sources)
    return Desk(session, sources, clock, society, anna, bert, carl)


def test_shares_of_registered_works_are_those_of_the_file(desk: Desk) -> None:
    """Thirds to the last millionth; what belongs to no member is nobody's; others' works stay as they are."""
    mine, also, others = desk.song(desk.anna), desk.song(desk.bert), desk.song(desk.stranger)
    thirds = tuple(Holder(ipi, 3333, 0) for ipi in (ANNA_IPI, BERT_IPI, PUBLISHER_IPI))
    desk.clock.advance(days=1)
    found = desk.send(Song(thirds), Song(PUBLISHED, "UNKNOWN", "W0002", OTHER_ISWC))
    assert [(w.work, w.changed, dict(w.unclaimed_ppm)) for w in found.works] == [
        (work.public_id, True, {Right.COMMUNICATION: 333_333}) for work in (mine, also)
    ]
    assert [m.title for m in found.not_registered] == ["UNKNOWN"]
    for work in (mine, also):
        assert desk.held(work) == {desk.anna.party_id: 333_334, desk.bert.party_id: 333_333}
        assert (
            sum(desk.held(work, Right.REPRODUCTION).values()) == 1_000_000
        )  # the file shares none of it out
    assert desk.held(others) == {desk.stranger.party_id: 1_000_000}


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    work = desk.song(desk.anna)
    desk.clock.advance(days=1)
    assert [w.changed for w in desk.send(Song(PUBLISHED)).works] == [True]
    assert desk.held(work, Right.REPRODUCTION) == {}
    before, seq = desk.rows(), work.change_seq
    desk.clock.advance(days=1)
    assert [w.changed for w in desk.send(Song(PUBLISHED)).works] == [False]
    assert (desk.rows(), work.change_seq) == (before, seq)


def test_a_dry_run_says_what_would_change_and_changes_nothing(desk: Desk) -> None:
    work = desk.song(desk.anna)
    before = desk.rows()
    desk.clock.advance(days=1)
    found = desk.send(Song(PUBLISHED), dry_run=True)
    assert [(w.changed, dict(w.unclaimed_ppm)) for w in found.works] == [
        (True, {Right.REPRODUCTION: 1_000_000, Right.COMMUNICATION: 250_000})
    ]
    assert desk.rows() == before
    assert desk.held(work) == {desk.anna.party_id: 1_000_000}


def test_one_wrong_record_and_nothing_is_imported(desk: Desk) -> None:
    """The first song is right, and stays as it was all the same."""
    work = desk.song(desk.anna)
    before = desk.rows()
    with pytest.raises(InvalidInput, match=r"90\.00 %"):
        desk.send(Song(PUBLISHED), Song((Holder(ANNA_IPI, 9000, 0),), "B", "W0002", OTHER_ISWC))
    assert desk.rows() == before
    assert desk.held(work) == {desk.anna.party_id: 1_000_000}


def test_the_owner_can_state_its_shares_again(desk: Desk) -> None:
    """What the file left to nobody is past, and no reason to refuse."""
    work = desk.song(desk.anna)
    desk.clock.advance(days=1)
    desk.send(Song(PUBLISHED))
    desk.clock.advance(days=1)
    whole = [NewShare(desk.anna.public_id, 1_000_000, right) for right in Right]
    set_shares(desk.session, desk.anna, work.public_id, whole, desk.sources)
    assert desk.held(work, Right.REPRODUCTION) == {desk.anna.party_id: 1_000_000}
    with pytest.raises(InvalidInput):
        set_shares(
            desk.session, desk.anna, work.public_id, [NewShare(desk.anna.public_id, 999_999)], desk.sources
        )


def test_only_for_members_and_only_by_a_society(desk: Desk) -> None:
    """A mandate is needed for whom it names as well as for whose works it changes."""
    desk.song(desk.anna)
    text = write(Song(PUBLISHED))

    def send(*members: tuple[str, bytes], by: Actor | None = None) -> ImportedRepertoire:
        command = ImportRepertoire(text, members)
        return import_repertoire(desk.session, by or desk.society, command, desk.sources)

    with pytest.raises(Forbidden, match="society's"):
        send((ANNA_IPI, desk.anna.public_id), by=desk.anna)
    with pytest.raises(Forbidden, match="no mandate"):
        send((ANNA_IPI, desk.stranger.public_id))
    with pytest.raises(NotFound):
        send((ANNA_IPI, bytes(16)))
    with pytest.raises(InvalidInput, match="two parties"):
        send((ANNA_IPI, desk.anna.public_id), (ANNA_IPI, desk.bert.public_id))
    with pytest.raises(InvalidInput, match="no IPI"):
        send(("00014107339", desk.anna.public_id))


def test_a_mandate_for_other_works_reaches_no_song(desk: Desk) -> None:
    """Carl's mandate is for pictures: as far as the society can tell, his song is not registered."""
    song = desk.song(desk.stranger)
    pictures = Repertoire(media=frozenset({"image"}))
    command = parties.CreateMandate(desk.society.public_id, frozenset({May.REGISTER}), pictures)
    parties.create_mandate(desk.session, desk.stranger, command, desk.sources)
    desk.clock.advance(days=1)
    found = desk.send(Song(PUBLISHED))
    assert (list(found.works), len(found.not_registered)) == ([], 1)
    assert desk.held(song) == {desk.stranger.party_id: 1_000_000}


def test_a_withdrawn_work_is_not_registered_any_more(desk: Desk) -> None:
    work = desk.song(desk.anna)
    withdraw_work(desk.session, desk.anna, work.public_id, desk.sources)
    found = desk.send(Song(PUBLISHED))
    assert (list(found.works), len(found.not_registered)) == ([], 1)
