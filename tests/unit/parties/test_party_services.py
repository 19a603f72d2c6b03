"""Services of the parties room on a database: history of mandates, acting for others, keys over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated, VorbehaltError
from registry.parties import passwords, service
from registry.parties.models import MandateVersion, Party
from registry.parties.rules import May, Repertoire, WorkRef
from registry.parties.service import CreateApiKey, CreateMandate, RegisterParty
from tests.factories import PASSWORD, Clock, make_actor, make_key

ALL = Repertoire(all=True)
PICTURE = WorkRef("image", b"\x07" * 16)


@pytest.fixture
def anna(session: Session, sources: Sources) -> Actor:
    """A creator."""
    return make_actor(session, sources)


@pytest.fixture
def society(session: Session, sources: Sources) -> Actor:
    """A society."""
    return make_actor(session, sources, Role.SOCIETY, "Bild-Verein")


def mandate(
    session: Session, sources: Sources, giver: Actor, taker: Actor, *may: May, repertoire: Repertoire = ALL
) -> bytes:
    command = CreateMandate(taker.public_id, frozenset(may), repertoire)
    return service.create_mandate(session, giver, command, sources).public_id


def test_an_agent_acts_for_its_principal(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """The actor stays itself; whose rights are used is the principal's; its key's scopes do not grow."""
    mandate(session, sources, anna, society, May.REGISTER, May.COLLECT)
    limited = replace(society, scopes=frozenset({Scope.WORKS_WRITE}))
    acting = service.acting_for(session, limited, anna.public_id, May.REGISTER, [PICTURE], clock())
    assert (acting.party_id, acting.principal_id) == (society.party_id, anna.party_id)
    assert acting.scopes == {Scope.WORKS_WRITE}
    whole = service.acting_for(session, society, anna.public_id, May.COLLECT, [], clock())
    assert whole.principal_id == anna.party_id


def test_nobody_needs_a_mandate_for_itself(session: Session, clock: Clock, anna: Actor) -> None:
    """Naming oneself is the same as naming nobody."""
    assert service.acting_for(session, anna, anna.public_id, May.GRANT, [], clock()) == anna


def test_what_a_mandate_does_not_say_is_refused(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """Another action, another work, the whole repertoire, the other direction, a third party."""
    only = Repertoire(works=frozenset({b"\x07" * 16}))
    mandate(session, sources, anna, society, May.GRANT, repertoire=only)
    third = make_actor(session, sources, Role.SOCIETY)
    other = WorkRef("image", b"\x08" * 16)
    service.acting_for(session, society, anna.public_id, May.GRANT, [PICTURE], clock())
    for actor, principal, may, works in (
        (society, anna, May.REGISTER, [PICTURE]),
        (society, anna, May.GRANT, [other]),
        (society, anna, May.GRANT, [PICTURE, other]),
        (society, anna, May.GRANT, []),
        (anna, society, May.GRANT, [PICTURE]),
        (third, anna, May.GRANT, [PICTURE]),
    ):
        with pytest.raises(Forbidden):
            service.acting_for(session, actor, principal.public_id, may, works, clock())


def test_a_refusal_does_not_tell_whether_the_principal_exists(
    session: Session, clock: Clock, anna: Actor, society: Actor
) -> None:
    """But for the id, which the asker knows, the two are the same."""
    unknown = b"\x55" * 16
    said = []
    for public_id in (anna.public_id, unknown):
        with pytest.raises(Forbidden) as refusal:
            service.acting_for(session, society, public_id, May.GRANT, [PICTURE], clock())
        said.append(refusal.value.message.split("_", 1)[1][26:])
    assert said[0] == said[1]


def test_a_mandate_holds_from_its_beginning_to_its_end(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """[valid_from, valid_to): not a moment before, and no longer at the end."""
    begin, end = clock() + timedelta(hours=1), clock() + timedelta(hours=2)
    command = CreateMandate(society.public_id, frozenset({May.GRANT}), ALL, begin, end)
    service.create_mandate(session, anna, command, sources)
    moment = timedelta(microseconds=1)
    for at, holds in ((begin - moment, False), (begin, True), (end - moment, True), (end, False)):
        if holds:
            service.acting_for(session, society, anna.public_id, May.GRANT, [], at)
        else:
            with pytest.raises(Forbidden):
                service.acting_for(session, society, anna.public_id, May.GRANT, [], at)


def test_ending_keeps_the_history(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """Two versions: what was recorded first, until when, and by whom the end."""
    public_id = mandate(session, sources, anna, society, May.GRANT)
    given = clock()
    ended = clock.advance(days=3)
    service.end_mandate(session, society, public_id, None, ended)
    with pytest.raises(Forbidden):
        service.acting_for(session, society, anna.public_id, May.GRANT, [], ended)
    first, second = session.scalars(select(MandateVersion).order_by(MandateVersion.id))
    assert (first.recorded_at, first.superseded_at, first.valid_to) == (given, ended, None)
    assert (second.recorded_at, second.superseded_at, second.valid_to) == (ended, None, ended)
    assert (first.recorded_by, second.recorded_by) == (anna.party_id, society.party_id)
    with pytest.raises(InvalidInput, match="already"):
        service.end_mandate(session, anna, public_id, None, clock.advance(seconds=1))


def test_a_mandate_that_has_not_begun_never_will(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """Ended before its beginning, its period is empty."""
    begin = clock() + timedelta(days=1)
    command = CreateMandate(society.public_id, frozenset({May.GRANT}), ALL, begin)
    public_id = service.create_mandate(session, anna, command, sources).public_id
    ended = service.end_mandate(session, anna, public_id, None, clock())
    assert ended.current.valid_to == begin
    with pytest.raises(Forbidden):
        service.acting_for(session, society, anna.public_id, May.GRANT, [], begin)


def test_a_mandate_has_one_current_version(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """The database itself holds that, so two that end it at once cannot both succeed."""
    public_id = mandate(session, sources, anna, society, May.GRANT)
    found = service.end_mandate(session, anna, public_id, clock() + timedelta(days=1), clock()).current
    copy = {c.key: getattr(found, c.key) for c in MandateVersion.__table__.columns if c.key != "id"}
    session.add(MandateVersion(**copy))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_a_key_never_does_more_than_its_party_now_may(
    session: Session, sources: Sources, clock: Clock, anna: Actor
) -> None:
    """Scopes of a key that the role no longer has are not honoured."""
    text = make_key(session, sources, anna)
    session.get_one(Party, anna.party_id).role = Role.LAB
    session.flush()
    actor = service.authenticate_key(session, text, clock())
    assert actor.role is Role.LAB
    assert Scope.WORKS_WRITE not in actor.scopes
    assert Scope.CLAIMS_WRITE not in actor.scopes


def test_the_same_key_is_never_made_twice(session: Session, sources: Sources, anna: Actor) -> None:
    """Keys are random even where ids are not."""
    assert len({make_key(session, sources, anna) for _ in range(20)}) == 20


def test_operators_are_made_on_the_server_only(session: Session, sources: Sources) -> None:
    """The open way refuses them; the other makes nobody else."""
    with pytest.raises(Forbidden, match="vorbehalt-server account create"):
        service.register_party(session, RegisterParty(Role.OPERATOR, "Root"), sources)
    with pytest.raises(InvalidInput):
        service.register_on_server(session, RegisterParty(Role.LAB, "Lab"), sources)


@pytest.mark.parametrize(("email", "password"), [("a@b.org", None), (None, PASSWORD)])
def test_address_and_password_go_together(
    session: Session, sources: Sources, email: str | None, password: str | None
) -> None:
    """One alone is of no use."""
    with pytest.raises(InvalidInput, match="both"):
        service.register_party(session, RegisterParty(Role.CREATOR, "A", email, password), sources)


def test_a_refused_account_leaves_no_trace(database: Database, sources: Sources) -> None:
    """Nothing of a transaction that fails is kept."""

    def register_two() -> None:
        with database.writing() as session:
            service.register_party(session, RegisterParty(Role.CREATOR, "A"), sources)
            service.register_party(session, RegisterParty(Role.CREATOR, " "), sources)

    with pytest.raises(InvalidInput):
        register_two()
    with database.reading() as session:
        assert session.scalars(select(Party)).all() == []


def test_a_log_in_gives_all_that_the_role_allows(session: Session, sources: Sources) -> None:
    """And only with the right password."""
    party = service.register_party(session, RegisterParty(Role.LAB, "Lab", "l@b.org", PASSWORD), sources)
    assert service.log_in(session, "L@B.org", PASSWORD) == service.actor_of(party)
    with pytest.raises(Unauthenticated):
        service.log_in(session, "l@b.org", PASSWORD.upper())


def test_a_log_in_always_costs_two_hashes(
    session: Session, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time it takes does not tell whether there is such an account."""
    lab = service.register_party(session, RegisterParty(Role.LAB, "Lab", "l@b.org", PASSWORD), sources)
    service.confirm_email(session, lab, "l@b.org", sources.now())
    for _ in range(3):
        again = RegisterParty(Role.LAB, "Lab", "l@b.org", PASSWORD, silently=True)
        service.register_party(session, again, sources)
    service.register_party(session, RegisterParty(Role.LAB, "New", "new@b.org", PASSWORD), sources)
    make_actor(session, sources)
    hashed: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
            hashed.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Watched.from_parameters(CHEAPEST))
    for email in ("l@b.org", "new@b.org", "nobody@b.org", "no address"):
        with pytest.raises(Unauthenticated):
            service.log_in(session, email, "wrong password here")
    assert len(hashed) == 2 * 4
    assert len(set(hashed)) == 1  # the algorithm with its costs


def test_an_address_belongs_to_whoever_has_confirmed_it(session: Session, sources: Sources) -> None:
    """Others who name it get in with their own password, as long as they are the newest, and cannot confirm it."""
    first, second, third = (
        service.register_party(
            session,
            RegisterParty(Role.LAB, "Lab", "l@b.org", f"{n} quiet herons fly", silently=True),
            sources,
        )
        for n in ("one", "two", "six")
    )
    assert service.confirm_email(session, first, "l@b.org", sources.now()) is None
    assert service.log_in(session, "l@b.org", "one quiet herons fly").party_id == first.id
    assert service.log_in(session, "l@b.org", "six quiet herons fly").party_id == third.id
    with pytest.raises(Unauthenticated):
        service.log_in(session, "l@b.org", "two quiet herons fly")
    with pytest.raises(Conflict):
        service.confirm_email(session, second, "l@b.org", sources.now())
    second.email_confirmed_at = sources.now()
    with pytest.raises(IntegrityError):  # whatever a service forgets
        session.flush()
    session.rollback()


def test_services_check_the_scope_themselves(
    session: Session, sources: Sources, clock: Clock, anna: Actor, society: Actor
) -> None:
    """Not only the views: a job or a command that hands in a weak actor is refused too."""
    weak = replace(anna, scopes=frozenset({Scope.CHECK}))
    lab = replace(make_actor(session, sources, Role.LAB), scopes=frozenset())
    given = mandate(session, sources, anna, society, May.GRANT)
    calls: list[Callable[[], object]] = [
        lambda: service.create_api_key(session, weak, CreateApiKey("x", frozenset({Scope.CHECK})), sources),
        lambda: service.list_api_keys(session, weak),
        lambda: service.revoke_api_key(session, weak, bytes(16), clock()),
        lambda: mandate(session, sources, weak, society, May.GRANT),
        lambda: service.list_mandates(session, weak),
        lambda: service.end_mandate(session, weak, given, None, clock()),
        lambda: service.create_model(session, lab, "x", "1", sources),
        lambda: service.create_model(session, anna, "x", "1", sources),
    ]
    for call in calls:
        with pytest.raises(Forbidden):
            call()


def test_a_model_is_its_labs_own(session: Session, sources: Sources, anna: Actor) -> None:
    """For everybody else there is no such model."""
    lab, other = (make_actor(session, sources, Role.LAB, name) for name in ("A", "B"))
    model = service.create_model(session, lab, "Nocturne", "2", sources)
    assert service.model_of(session, lab, model.public_id) is model
    for actor in (other, anna):
        with pytest.raises(NotFound):
            service.model_of(session, actor, model.public_id)


def test_parties_by_key_and_by_id(session: Session, anna: Actor, society: Actor) -> None:
    """For rooms that refer to them."""
    found = service.parties_by_id(session, [anna.party_id, society.party_id, 999])
    assert {key: p.name for key, p in found.items()} == {
        anna.party_id: "Anna",
        society.party_id: "Bild-Verein",
    }
    assert service.parties_by_id(session, []) == {}
    assert service.party_by_public_id(session, anna.public_id).id == anna.party_id
    with pytest.raises(NotFound) as refusal:
        service.party_by_public_id(session, bytes(16))
    assert isinstance(refusal.value, VorbehaltError)
