"""Rows of the published works table: given out one after the other, and never again."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.core.errors import Conflict
from registry.works.models import Work

_MAX_ROW = 2**32 - 1


def next_row(session: Session) -> int:
    """One more than the highest row ever given out; the caller holds the log head."""
    highest = session.scalar(select(func.max(Work.row)))
    row = 0 if highest is None else highest + 1
    if row > _MAX_ROW:
        raise Conflict("This registry is full: its tables number works with 32 bits.")
    return row
