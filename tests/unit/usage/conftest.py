"""For tests of claims: a market in one transaction."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from tests.factories import Clock
from tests.support.market import Market, open_market


@pytest.fixture
def market(session: Session, sources: Sources, clock: Clock) -> Market:
    """Two makers, a lab with a model, the operator."""
    return open_market(session, sources, clock)
