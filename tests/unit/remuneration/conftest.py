"""For tests of money: a trade in one transaction."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from tests.factories import Clock
from tests.support.usage import Trade, open_trade


@pytest.fixture
def trade(session: Session, sources: Sources, clock: Clock) -> Trade:
    """Two makers, a lab with a model, the operator."""
    return open_trade(session, sources, clock)
