"""The codes that this server matches by, as columns: a page of rows at a time, no object for any of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, and_, case, literal_column, or_, select
from sqlalchemy.orm import Session

from registry.core.fingerprints import ALGORITHMS, WINNOW32
from registry.core.matching import NOBODY, StoredCodes, StoredRow, by_algorithm
from registry.works.models import StoredFingerprint, Work, WorkVersion
from registry.works.rules import Disclosure, is_shown

_PAGE = 50_000
_CHUNK = 1_000

STATE: Final = np.dtype(
    [("change_seq", "<i8"), ("public_id", "V16"), ("disclosure", "S16"), ("is_withdrawn", "?")]
)
"""What decides which codes of a work are matched, and of which change that is."""


def stored_codes(session: Session, since: int | None = None) -> dict[str, StoredCodes]:
    """By algorithm the codes of all works that stand, those of `check-api-only` works too; in no particular order.

    With `since`, those of works that changed after the change of this number.
    """
    query: Select[*tuple[Any, ...]] = (
        select(
            Work.row,
            StoredFingerprint.version_id,
            StoredFingerprint.algorithm,
            StoredFingerprint.kind,
            StoredFingerprint.code,
            literal_column("0"),
        )
        .select_from(Work)
        .join(WorkVersion, WorkVersion.work_id == Work.id)
        .join(StoredFingerprint, StoredFingerprint.version_id == WorkVersion.id)
        .where(Work.withdrawn_at.is_(None), _matched())
    )
    if since is not None:
        query = query.where(Work.change_seq > since)
    parts: dict[str, list[StoredCodes]] = defaultdict(list)
    result = session.connection().execute(query, execution_options={"yield_per": _PAGE})
    for page in result.partitions():
        for algorithm, codes in by_algorithm(cast("Sequence[StoredRow]", page)).items():
            parts[algorithm].append(codes)
    return {algorithm: StoredCodes.joined(found) for algorithm, found in parts.items()}


def owners_by_row(session: Session) -> NDArray[np.int64]:
    """(rows,) the private key of each work's owner, by row of the published table, which has no gaps.

    `NOBODY` for works whose texts no edition shows.
    """
    return np.array(session.scalars(select(_counted_owner()).order_by(Work.row)).all(), np.int64)


def owners_of_rows(session: Session, rows: Collection[int]) -> dict[int, int]:
    """The same for these rows."""
    wanted, found = sorted(rows), dict[int, int]()
    for start in range(0, len(wanted), _CHUNK):
        query = select(Work.row, _counted_owner()).where(Work.row.in_(wanted[start : start + _CHUNK]))
        found.update((row, owner) for row, owner in session.execute(query))
    return found


def _counted_owner() -> ColumnElement[int]:
    shown = [disclosure.value for disclosure in Disclosure if is_shown(disclosure, WINNOW32, public=True)]
    counts = and_(Work.disclosure.in_(shown), Work.withdrawn_at.is_(None))
    return case((counts, Work.owner_id), else_=NOBODY)


def published_rows(session: Session, rows: Collection[int], algorithm: str) -> frozenset[int]:
    """Those of these rows whose works stand, and whose codes of this algorithm are in published files."""
    shown = [disclosure.value for disclosure in Disclosure if is_shown(disclosure, algorithm, public=True)]
    standing = select(Work.row).where(Work.withdrawn_at.is_(None), Work.disclosure.in_(shown))
    wanted = sorted(rows)
    chunks = (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK))
    return frozenset(row for chunk in chunks for row in session.scalars(standing.where(Work.row.in_(chunk))))


def states_by_row(session: Session) -> NDArray[np.void]:
    """(rows,) what tells a work's present state from any other (`STATE`), by row of the published table."""
    query = select(Work.change_seq, Work.public_id, Work.disclosure, Work.withdrawn_at.is_not(None))
    result = session.connection().execute(query.order_by(Work.row), execution_options={"yield_per": _PAGE})
    pages = [np.array([tuple(row) for row in page], STATE) for page in result.partitions()]
    return np.concatenate([np.empty(0, STATE), *pages])


def rows_changed_since(session: Session, change_seq: int) -> frozenset[int]:
    """Rows of works that changed after the change of this number, withdrawn ones too."""
    return frozenset(session.scalars(select(Work.row).where(Work.change_seq > change_seq)))


def _matched() -> ColumnElement[bool]:
    """`is_shown`, as a condition on the rows."""
    whole, partly = [], []
    for disclosure in Disclosure:
        shown = [algorithm for algorithm in ALGORITHMS if is_shown(disclosure, algorithm, public=False)]
        if len(shown) == len(ALGORITHMS):
            whole.append(disclosure.value)
        else:
            partly.append(and_(Work.disclosure == disclosure.value, StoredFingerprint.algorithm.in_(shown)))
    return or_(Work.disclosure.in_(whole), *partly)
