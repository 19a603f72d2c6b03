"""Lists in pages: in the order of registration, continued after the last id that the reader has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from registry.base.db import Identified
from registry.core.errors import InvalidInput

M = TypeVar("M", bound=Identified)

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, and the public id to continue after; `next` is `None` on the last page."""

    items: Sequence[M]
    next: bytes | None


def paginate(
    session: Session, query: Select[M], model: type[M], after: bytes | None, limit: int = DEFAULT_LIMIT
) -> Page[M]:
    """One page of `query`, which selects rows of `model` that the reader may see.

    `after` must be such a row itself: so a cursor tells nothing about what the reader may not see.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"A page has 1 to {MAX_LIMIT} items, not {limit}.")
    if after is not None:
        last = session.scalar(query.where(model.public_id == after))
        if last is None:
            raise InvalidInput("The list cannot be continued after this id; begin it again without “after”.")
        query = query.where(model.id > last.id)
    rows = session.scalars(query.order_by(model.id).limit(limit + 1)).all()
    more = len(rows) > limit
    return Page(rows[:limit], rows[limit - 1].public_id if more else None)
