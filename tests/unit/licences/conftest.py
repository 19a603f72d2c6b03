"""For tests of licences: a market in the test's transaction."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from registry.base.actor import Role
from registry.base.clock import Sources
from tests.factories import Clock, make_actor
from tests.support.market import Market


@pytest.fixture
def market(session: Session, sources: Sources, clock: Clock) -> Market:
    """Two makers, a society, two labs and an operator; nothing is registered yet."""
    roles = {
        "anna": Role.CREATOR,
        "ben": Role.CREATOR,
        "society": Role.SOCIETY,
        "lab": Role.LAB,
        "rival": Role.LAB,
        "operator": Role.OPERATOR,
    }
    people = {name: make_actor(session, sources, role, name.title()) for name, role in roles.items()}
    return Market(session=session, sources=sources, clock=clock, **people)
