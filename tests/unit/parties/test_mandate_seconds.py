"""A mandate counts in whole seconds, like everything that is compared with it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.parties import service as parties
from registry.parties.service import CreateMandate, May, Repertoire
from tests.factories import Clock, make_actor


def test_a_mandate_holds_in_the_second_in_which_it_is_given(
    session: Session, sources: Sources, clock: Clock
) -> None:
    anna = make_actor(session, sources)
    society = make_actor(session, sources, Role.SOCIETY, "Musterkunst")
    clock.at += timedelta(microseconds=734_000)
    command = CreateMandate(society.public_id, frozenset({May.REGISTER}), Repertoire(all=True))
    parties.create_mandate(session, anna, command, sources)
    acting = parties.acting_for(session, society, anna.public_id, May.REGISTER, [], whole_second(clock.at))
    assert acting.principal_id == anna.party_id
