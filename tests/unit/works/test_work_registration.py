"""Registering, further versions and withdrawing: who may, what is recorded, and whose title is in doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, SharesDoNotSum
from registry.core.fingerprints import FileFingerprints, Note
from registry.core.matching import StoredCodes
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May, Repertoire
from registry.works import service as works
from registry.works.identifiers import Scheme
from registry.works.models import Work
from registry.works.rules import ClientCodes, Disclosure, MadeBy
from tests.factories import START, Clock, make_actor
from tests.support.works import digests, frame, image, register


@pytest.fixture
def anna(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.CREATOR, "Anna")


@pytest.fixture
def ben(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.CREATOR, "Ben")


@pytest.fixture
def society(session: Session, sources: Sources) -> Actor:
    return make_actor(session, sources, Role.SOCIETY, "Bild-Kunst")


def details(session: Session, work: Work, sources: Sources) -> works.WorkDetails:
    return works.details(session, work, sources.now())


def mandate(
    session: Session, sources: Sources, principal: Actor, agent: Actor, *may: May, **more: Any
) -> None:
    repertoire = more.pop("repertoire", Repertoire(all=True))
    parties.create_mandate(
        session,
        principal,
        parties.CreateMandate(agent.public_id, frozenset(may), repertoire, **more),
        sources,
    )


# -- registering --------------------------------------------------------------------------------------------
def test_everything_that_was_stated_is_on_record(session: Session, sources: Sources, anna: Actor) -> None:
    command = works.RegisterWork(
        title=" Dünen ",
        content=image("Dunes"),
        made_by=MadeBy.AI_ASSISTED,
        tool="Blender 5",
        prompt="dunes at dawn",
        identifiers=((Scheme.DOI, "DOI:10.1000/ABC"), (Scheme.DOI, "10.1000/abc")),
        source_urls=("https://example.org/dunes", "https://example.org/dunes"),
    )
    done = works.register_work(session, anna, command, sources)
    seen = details(session, done.work, sources)
    assert (seen.work.title, seen.work.kind, seen.work.row) == ("Dünen", "image", 0)
    assert (seen.work.made_by, seen.work.tool, seen.work.prompt) == (
        "ai_assisted",
        "Blender 5",
        "dunes at dawn",
    )
    assert (seen.owner, seen.registered_by, seen.work.on_behalf_of) == (anna.public_id, anna.public_id, None)
    assert [(i.scheme, i.value) for i in seen.work.identifiers] == [("doi", "10.1000/abc")]
    assert [s.url for s in seen.work.source_urls] == ["https://example.org/dunes"]
    assert seen.work.created_at == START
    assert seen.work.contested_since is None
    (version,) = seen.work.versions
    assert (version.number, version.media_type, version.size) == (1, "image/png", 5)
    assert version.facts == {"width": 640, "height": 480}
    assert {(f.algorithm, f.kind, f.code, f.made_by) for f in version.fingerprints} == {
        (f.algorithm, f.kind, f.code, "server") for f in image("Dunes").fingerprints
    }


def test_all_rights_belong_to_the_owner_unless_shares_are_stated(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    work = register(session, anna, sources)
    held = {
        (party, row.right, row.territory, row.ppm) for party, row in details(session, work, sources).shares
    }
    assert held == {
        (anna.public_id, "reproduction", "world", 1_000_000),
        (anna.public_id, "communication", "world", 1_000_000),
    }
    halves = (works.NewShare(anna.public_id, 500_000), works.NewShare(ben.public_id, 500_000))
    shared = register(session, anna, sources, "Duet", shares=halves)
    assert works.shares_of(session, [work.id, shared.id], "reproduction", "DE", sources.now()) == {
        work.id: [(anna.party_id, 1_000_000)],
        shared.id: [(anna.party_id, 500_000), (ben.party_id, 500_000)],
    }


def test_shares_that_do_not_sum_register_nothing(session: Session, sources: Sources, anna: Actor) -> None:
    with pytest.raises(SharesDoNotSum):
        register(session, anna, sources, shares=(works.NewShare(anna.public_id, 999_999),))


def test_rows_follow_each_other_and_are_never_reused(session: Session, sources: Sources, anna: Actor) -> None:
    rows = [register(session, anna, sources, f"No. {i}") for i in range(3)]
    works.withdraw_work(session, anna, rows[2].public_id, sources)
    after = register(session, anna, sources, "No. 4")
    assert [work.row for work in (*rows, after)] == [0, 1, 2, 3]
    assert [w.row for w in works.works_for_publishing(session)] == [0, 1, 2, 3]


def test_every_change_has_a_number_above_the_last(session: Session, sources: Sources, anna: Actor) -> None:
    work = register(session, anna, sources)
    seen = [work.change_seq]
    works.add_version(session, anna, works.AddVersion(work.public_id, image("Dunes II")), sources)
    seen.append(work.change_seq)
    works.set_shares(session, anna, work.public_id, [works.NewShare(anna.public_id, 1_000_000)], sources)
    seen.append(work.change_seq)
    works.set_reservations(session, anna, work.public_id, [], sources)
    seen.append(work.change_seq)
    works.withdraw_work(session, anna, work.public_id, sources)
    seen.append(work.change_seq)
    assert seen == sorted(set(seen))
    assert log.current_change_seq(session) == seen[-1]


def test_fingerprints_alone_are_enough(session: Session, sources: Sources, anna: Actor) -> None:
    codes = ClientCodes((*frame("Dunes"), *digests("Dunes")))
    work = register(session, anna, sources, content=codes, kind=works.Kind.IMAGE)
    (version,) = details(session, work, sources).work.versions
    assert {f.made_by for f in version.fingerprints} == {"client"}
    assert (version.media_type, version.size, version.facts) == (None, None, {})


def test_notes_of_the_fingerprinting_are_kept(session: Session, sources: Sources, anna: Actor) -> None:
    low = FileFingerprints(
        "image", "image/png", 9, digests("Fog"), (Note("image.low-quality", "Too even to be told apart."),)
    )
    work = register(session, anna, sources, "Fog", content=low)
    (version,) = details(session, work, sources).work.versions
    assert version.notes == [{"code": "image.low-quality", "message": "Too even to be told apart."}]


@pytest.mark.parametrize("role", [Role.LAB, Role.OPERATOR])
def test_only_makers_register(session: Session, sources: Sources, role: Role) -> None:
    with pytest.raises(Forbidden, match="only creators and societies"):
        register(session, make_actor(session, sources, role, "Other"), sources)


def test_a_key_without_the_scope_registers_nothing(session: Session, sources: Sources, anna: Actor) -> None:
    reader = Actor(anna.party_id, anna.public_id, anna.role, frozenset({Scope.WORKS_READ}))
    with pytest.raises(Forbidden, match="works:write"):
        register(session, reader, sources)


# -- the same file again ------------------------------------------------------------------------------------
def test_ones_own_file_again_is_a_conflict_that_names_the_work(
    session: Session, sources: Sources, anna: Actor
) -> None:
    work = register(session, anna, sources)
    with pytest.raises(Conflict, match="already registered as work_") as refused:
        register(session, anna, sources)
    assert refused.value.details["work"].startswith("work_")
    with pytest.raises(Conflict, match="already registered"):
        works.add_version(session, anna, works.AddVersion(work.public_id, image("Dunes")), sources)


def test_the_newer_title_is_contested_and_the_older_is_not(
    session: Session, sources: Sources, clock: Clock, anna: Actor, ben: Actor
) -> None:
    older = register(session, anna, sources)
    clock.advance(days=3)
    newer = register(session, ben, sources)
    assert newer.contested_since == clock.at
    assert newer.contested_by == older.id
    assert details(session, newer, sources).contested_by == older.public_id
    assert details(session, older, sources).work.contested_since is None


def test_the_oldest_title_contests_all_later_ones(
    session: Session, sources: Sources, anna: Actor, ben: Actor, society: Actor
) -> None:
    older = register(session, anna, sources)
    later = [register(session, actor, sources) for actor in (ben, society)]
    assert {work.contested_by for work in later} == {older.id}


def test_a_withdrawn_work_contests_nobody(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    older = register(session, anna, sources)
    works.withdraw_work(session, anna, older.public_id, sources)
    assert register(session, ben, sources).contested_since is None
    assert register(session, anna, sources, "Dunes").contested_by is not None


def test_a_contest_outlives_the_withdrawal_of_the_older_work(
    session: Session, sources: Sources, anna: Actor, ben: Actor
) -> None:
    """Else whoever registers another's picture could license it as soon as the maker leaves."""
    older = register(session, anna, sources)
    newer = register(session, ben, sources)
    works.withdraw_work(session, anna, older.public_id, sources)
    assert details(session, newer, sources).work.contested_since is not None


def test_a_version_with_anothers_file_contests_the_whole_title(
    session: Session, sources: Sources, clock: Clock, anna: Actor, ben: Actor
) -> None:
    register(session, anna, sources)
    mine = register(session, ben, sources, "Sea")
    clock.advance(hours=1)
    works.add_version(session, ben, works.AddVersion(mine.public_id, image("Dunes")), sources)
    assert mine.contested_since == clock.at


# -- versions -----------------------------------------------------------------------------------------------
def test_versions_are_numbered_and_matched_beside_each_other(
    session: Session, sources: Sources, anna: Actor
) -> None:
    work = register(session, anna, sources)
    done = works.add_version(session, anna, works.AddVersion(work.public_id, image("Dunes II")), sources)
    assert done.version.number == 2
    stored = StoredCodes.joined(list(works.stored_codes(session).values()))
    assert set(stored.work_rows.tolist()) == {work.row}
    assert len(set(stored.files.tolist())) == 2
    assert len(stored) == 12


def test_a_version_is_of_the_works_kind(session: Session, sources: Sources, anna: Actor) -> None:
    work = register(session, anna, sources)
    text = FileFingerprints("text", "text/plain", 9, digests("Poem"))
    with pytest.raises(InvalidInput, match="of kind text"):
        works.add_version(session, anna, works.AddVersion(work.public_id, text), sources)


# -- withdrawing --------------------------------------------------------------------------------------------
def test_withdrawing_leaves_the_row_and_ends_matching(
    session: Session, sources: Sources, clock: Clock, anna: Actor
) -> None:
    work = register(session, anna, sources)
    clock.advance(days=1)
    works.withdraw_work(session, anna, work.public_id, sources)
    assert works.stored_codes(session) == {}
    (published,) = works.works_for_publishing(session)
    assert (published.row, published.withdrawn, published.fingerprints) == (0, True, ())
    seen = works.get_work(session, anna, work.public_id, sources)
    assert seen.work.withdrawn_at == clock.at


def test_withdrawing_again_changes_nothing(
    session: Session, sources: Sources, clock: Clock, anna: Actor
) -> None:
    work = register(session, anna, sources)
    works.withdraw_work(session, anna, work.public_id, sources)
    number = work.change_seq
    clock.advance(days=1)
    works.withdraw_work(session, anna, work.public_id, sources)
    assert (work.withdrawn_at, work.change_seq) == (START, number)


def test_a_withdrawn_work_cannot_be_changed(session: Session, sources: Sources, anna: Actor) -> None:
    work = register(session, anna, sources)
    works.withdraw_work(session, anna, work.public_id, sources)
    with pytest.raises(Conflict, match="was withdrawn"):
        works.add_version(session, anna, works.AddVersion(work.public_id, image("Dunes II")), sources)
    with pytest.raises(Conflict, match="was withdrawn"):
        works.set_reservations(session, anna, work.public_id, [], sources)


# -- who sees and changes what ------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.CREATOR, Role.SOCIETY, Role.LAB])
def test_a_work_does_not_exist_for_others(
    session: Session, sources: Sources, anna: Actor, role: Role
) -> None:
    work = register(session, anna, sources)
    other = make_actor(session, sources, role, "Other")
    everything = Actor(other.party_id, other.public_id, other.role, frozenset(Scope))
    forbidden: list[Callable[[], object]] = [
        lambda: works.get_work(session, everything, work.public_id, sources),
        lambda: works.withdraw_work(session, everything, work.public_id, sources),
        lambda: works.set_reservations(session, everything, work.public_id, [], sources),
        lambda: works.add_version(session, everything, works.AddVersion(work.public_id, image("X")), sources),
    ]
    for attempt in forbidden:
        with pytest.raises(NotFound):
            attempt()
    assert works.list_works(session, other, sources).items == []


def test_the_operator_reads_and_changes_nothing(session: Session, sources: Sources, anna: Actor) -> None:
    work = register(session, anna, sources)
    operator = make_actor(session, sources, Role.OPERATOR, "Operator")
    assert works.get_work(session, operator, work.public_id, sources).work is work
    with pytest.raises(Forbidden):
        works.withdraw_work(session, operator, work.public_id, sources)
    everything = Actor(operator.party_id, operator.public_id, operator.role, frozenset(Scope))
    with pytest.raises(Forbidden):
        works.withdraw_work(session, everything, work.public_id, sources)


def test_an_agent_registers_for_its_principal(
    session: Session, sources: Sources, anna: Actor, society: Actor
) -> None:
    mandate(session, sources, anna, society, May.REGISTER)
    work = register(session, society, sources, on_behalf_of=anna.public_id)
    assert (work.owner_id, work.registered_by, work.on_behalf_of) == (
        anna.party_id,
        society.party_id,
        anna.party_id,
    )
    assert [w.id for w in works.list_works(session, anna, sources).items] == [work.id]
    assert works.list_works(session, society, sources).items == []
    listed = works.list_works(session, society, sources, owner=anna.public_id)
    assert [w.id for w in listed.items] == [work.id]


def test_without_a_mandate_nobody_registers_for_another(
    session: Session, sources: Sources, anna: Actor, ben: Actor, society: Actor
) -> None:
    mandate(session, sources, anna, society, May.GRANT)
    for agent in (ben, society):
        with pytest.raises(Forbidden, match="no mandate"):
            register(session, agent, sources, on_behalf_of=anna.public_id)
    with pytest.raises(Forbidden, match="no mandate"):
        works.list_works(session, ben, sources, owner=anna.public_id)


def test_a_mandate_reaches_as_far_as_it_says(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """Its holder sees the works it is about, does what it allows, and nothing once it has ended."""
    first, second = register(session, anna, sources, "One"), register(session, anna, sources, "Two")
    mandate(
        session,
        sources,
        anna,
        society,
        May.WITHDRAW,
        repertoire=Repertoire(works=frozenset({first.public_id})),
        valid_to=clock.at.replace(year=2027),
    )
    with pytest.raises(Forbidden, match="does not include “register”"):
        works.set_reservations(session, society, first.public_id, [], sources)
    with pytest.raises(NotFound):
        works.withdraw_work(session, society, second.public_id, sources)
    works.withdraw_work(session, society, first.public_id, sources)
    assert first.withdrawn_by == society.party_id
    clock.at = clock.at.replace(year=2028)
    with pytest.raises(NotFound):
        works.get_work(session, society, first.public_id, sources)


# -- disclosure ---------------------------------------------------------------------------------------------
def test_codes_go_only_where_the_maker_lets_them(session: Session, sources: Sources, anna: Actor) -> None:
    shown = register(session, anna, sources, "Shown")
    hidden = register(session, anna, sources, "Portrait", persons_depicted=True)
    exact = register(session, anna, sources, "Exact", disclosure=Disclosure.DIGEST_ONLY)
    said = register(session, anna, sources, "Poster", persons_depicted=True, disclosure=Disclosure.SNAPSHOT)
    published = {w.row: {f.algorithm for f in w.fingerprints} for w in works.works_for_publishing(session)}
    live: dict[int, set[str]] = {}
    for algorithm, codes in works.stored_codes(session).items():
        for row in codes.work_rows.tolist():
            live.setdefault(row, set()).add(algorithm)
    every = {f.algorithm for f in image("x").fingerprints}
    only_digests = {"digest.sha256.v1", "digest.md5.v1"}
    assert hidden.disclosure == "check-api-only"
    assert published == {shown.row: every, hidden.row: set(), exact.row: only_digests, said.row: every}
    assert live == {shown.row: every, hidden.row: every, exact.row: only_digests, said.row: every}


def test_public_ids_lead_to_works(session: Session, sources: Sources, anna: Actor) -> None:
    work = register(session, anna, sources)
    assert works.work_ids_by_public_id(session, [work.public_id, bytes(16)]) == {work.public_id: work.id}
    assert works.works_by_id(session, [work.id, 999]) == {work.id: work}
