"""Near-duplicates of another's work: which contest a title, and that neither order nor crowd helps a copy."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.fingerprints import FileFingerprints
from registry.core.ids import format_id
from registry.core.records.leaves import TitleLeaf, commitment, parse_leaf
from registry.log import service as log
from registry.works import service as works
from registry.works.contests import contests_of
from registry.works.models import Work
from registry.works.rules import Disclosure, Rule
from tests.factories import Clock, make_actor
from tests.support.likenesses import near, text
from tests.support.works import image, register


@pytest.fixture
def anna(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.CREATOR, "Anna")


@pytest.fixture
def ben(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.CREATOR, "Ben")


@pytest.fixture
def operator(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.OPERATOR, "Operator")


def _register(session: Session, by: Actor, sources: Sources, content: FileFingerprints) -> Work:
    return register(session, by, sources, "A work", content=content)


CASES = [
    (near("Dunes", 31, file="a", outlines=200), Rule.NEAR_PICTURE, 31),
    (near("Dunes", 32, file="b", outlines=200), None, 0),
    (near("Dunes", 47, file="c"), Rule.NEAR_PICTURE, 47),
    (near("Dunes", 48, file="d"), None, 0),
]


def test_near_pictures_are_contested_and_others_are_not(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    """To 31 bits alone, to 47 if the outlines agree, too."""
    older = _register(session, anna, sources, image("Dunes"))
    for content, rule, distance in CASES:
        work = _register(session, ben, sources, content)
        found = contests_of(session, work.id)
        assert (work.contested_by == older.id) is (rule is not None)
        assert [(c.earlier, c.rule, c.distance, c.decided_by) for c in found] == (
            [] if rule is None else [(older.public_id, rule, distance, "machine")]
        )
    assert older.contested_since is None
    assert len(contests_of(session, older.id)) == 2


def test_near_texts_are_contested(session: Session, sources: Sources, anna: Actor, ben: Actor) -> None:
    """At least 103 of 128 values equal."""
    older = _register(session, anna, sources, text("Poem"))
    copy = _register(session, ben, sources, text("Poem", 25, file="a"))
    other = _register(session, ben, sources, text("Poem", 26, file="b"))
    assert (copy.contested_by, other.contested_by) == (older.id, None)
    assert [(c.rule, c.distance) for c in contests_of(session, copy.id)] == [(Rule.NEAR_TEXT, 25)]


@pytest.mark.parametrize("disclosure", [Disclosure.CHECK_API_ONLY, Disclosure.DIGEST_ONLY])
def test_works_that_are_not_published_take_part(
    session: Session, sources: Sources, anna: Actor, ben: Actor, disclosure: Disclosure
) -> None:
    older = register(session, anna, sources, disclosure=disclosure)
    copy = register(session, ben, sources, content=near("Dunes", 9, file="a"), disclosure=disclosure)
    assert copy.contested_by == older.id


def test_ones_own_variants_and_withdrawn_works_contest_nobody(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    older = _register(session, anna, sources, image("Dunes"))
    assert _register(session, anna, sources, near("Dunes", 5, file="a")).contested_by is None
    for work in list(works.list_works(session, anna, sources).items):
        works.withdraw_work(session, anna, work.public_id, sources)
    assert older.withdrawn_at is not None
    assert _register(session, ben, sources, near("Dunes", 6, file="b")).contested_by is None


def test_a_copy_of_a_copy_is_not_turned_against_the_maker(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    """The maker's next variant is nearer to the copy than to the original; the copy, being contested, has no say."""
    _register(session, anna, sources, image("Dunes"))
    copy = _register(session, ben, sources, near("Dunes", 20, file="a"))
    assert copy.contested_by is not None
    assert _register(session, anna, sources, near("Dunes", 40, file="b", outlines=200)).contested_by is None


def test_nobody_walks_up_to_anothers_picture_by_small_steps(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    """An old work of one's own gives no precedence to a file that was added to it later."""
    mine = _register(session, ben, sources, image("Sea"))
    dunes = _register(session, anna, sources, image("Dunes"))
    step = works.AddVersion(mine.public_id, near("Dunes", 60, file="a", outlines=200))
    works.add_version(session, ben, step, sources)
    assert mine.contested_by is None
    there = works.AddVersion(mine.public_id, near("Dunes", 30, file="b", outlines=200))
    works.add_version(session, ben, there, sources)
    assert mine.contested_by == dunes.id


def test_what_was_rolled_back_contests_nobody_and_what_was_committed_does(
    database: Database, sources: Sources
) -> None:
    """Each process remembers the codes of committed works, and only those."""
    with database.writing() as session:
        anna, ben = (make_actor(session, sources, name=name) for name in ("Anna", "Ben"))
    with database.writing() as session:
        _register(session, anna, sources, image("Dunes"))
        session.rollback()
    with database.writing() as session:
        first = _register(session, ben, sources, near("Dunes", 3, file="a"))
    with database.writing() as session:
        second = _register(session, anna, sources, image("Dunes"))
    assert (first.contested_by, second.contested_by) == (None, first.id)


# -- what a person decides ----------------------------------------------------------------------------------
def _decide(
    session: Session,
    operator: Actor,
    sources: Sources,
    work: Work,
    outcome: works.Outcome,
    reason: str = "Seen.",
) -> None:
    command = works.DecideTitle(work.public_id, outcome, reason)
    works.decide_title(session, operator, command, sources)


def test_a_decision_takes_effect_is_logged_and_can_be_corrected(
    session: Session, sources: Sources, clock: Clock, anna: Actor, ben: Actor, operator: Actor
) -> None:
    older = _register(session, anna, sources, image("Dunes"))
    newer = _register(session, ben, sources, near("Dunes", 12, file="a"))
    assert [c.newer for c in works.undecided(session, 10)] == [newer.public_id]
    begun = newer.contested_since
    for outcome, contested in (
        (works.Outcome.REVERSE, older),
        (works.Outcome.RELEASE, None),
        (works.Outcome.UPHOLD, newer),
    ):
        clock.advance(days=1)
        before = newer.change_seq
        _decide(session, operator, sources, newer, outcome, f"Because of {outcome}.")
        for work in (older, newer):
            assert (work.contested_since is not None) is (work is contested)
            assert (work.upheld_at is not None) is (work is contested)
            assert work.change_seq == before + 1
    assert newer.contested_since == begun
    (contest,) = contests_of(session, newer.id)
    assert [d.outcome for d in contest.decisions] == ["reverse", "release", "uphold"]
    assert contest.decided_by == "person"
    assert works.undecided(session, 10) == []
    last = contest.decisions[-1]
    leaf = parse_leaf(log.entries(session, last.log_index, last.log_index + 1)[0])
    case = {
        "newer": format_id("work", newer.public_id),
        "earlier": format_id("work", older.public_id),
        "reason": "Because of uphold.",
    }
    assert leaf == TitleLeaf(act="uphold", case=commitment(last.salt, case), at=int(clock.at.timestamp()))


def test_a_released_title_is_not_contested_by_the_same_work_again(
    session: Session, sources: Sources, anna: Actor, ben: Actor, operator: Actor
) -> None:
    _register(session, anna, sources, image("Dunes"))
    newer = _register(session, ben, sources, near("Dunes", 12, file="a"))
    _decide(session, operator, sources, newer, works.Outcome.RELEASE)
    works.add_version(session, ben, works.AddVersion(newer.public_id, near("Dunes", 14, file="b")), sources)
    assert newer.contested_since is None


def test_only_the_operator_decides_and_only_about_a_contest(
    session: Session, sources: Sources, anna: Actor, ben: Actor, operator: Actor
) -> None:
    older = _register(session, anna, sources, image("Dunes"))
    newer = _register(session, ben, sources, near("Dunes", 12, file="a"))
    for maker in (anna, ben):
        with pytest.raises(Forbidden):
            _decide(session, maker, sources, newer, works.Outcome.RELEASE)
    with pytest.raises(NotFound, match="name the newer"):
        _decide(session, operator, sources, older, works.Outcome.RELEASE)
    for reason in ("  ", "x" * 2_001, "a\0b"):
        with pytest.raises(InvalidInput, match="reason"):
            _decide(session, operator, sources, newer, works.Outcome.RELEASE, reason)
    assert newer.contested_by == older.id


def test_a_contested_work_is_the_owners_own_file_still(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    _register(session, anna, sources, image("Dunes"))
    _register(session, ben, sources, near("Dunes", 12, file="a"))
    with pytest.raises(Conflict, match="already registered"):
        _register(session, ben, sources, near("Dunes", 12, file="a"))
