"""What changed in the registry from one edition to a later one, as far as a run can notice: rows, and their codes.

A row of the works table is the same in both if all is the same that its leaf is made of (work, terms, codes and what
stands beside them), if what the licensee may do beyond that is the same, and if nothing of it begins or ends between
the two dates for which permission is asked. Whatever is not the same in every respect counts as changed: that costs
time, never a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Terms
from registry.core.errors import InvalidInput
from registry.core.matching import ListColumns
from registry.core.snapshots import Snapshot
from registry.core.snapshots.columns import read_works
from registry.core.snapshots.manifest import WORKS

_WORKS_AT_ONCE = 1 << 20


def changed_rows(old: Snapshot, new: Snapshot, since: int, until: int) -> NDArray[np.bool_]:
    """Which rows of the works tables differ for somebody who asked at `since` and asks again at `until` (POSIX)."""
    both = min(len(old), len(new))
    changed = np.ones(max(len(old), len(new)), np.bool_)
    changed[:both] = _terms_differ(old, new, both)
    for name in old.lists.keys() | new.lists.keys():
        changed[:both] |= _codes_differ(old.lists.get(name), new.lists.get(name), both)
    begin, end = min(since, until), max(since, until)
    if begin != end:
        moved: dict[bytes, bool] = {}
        for row in np.flatnonzero(~changed).tolist():
            line = new.terms_line(row)
            if line not in moved:
                moved[line] = _moves(new.terms(row), begin, end)
            changed[row] = moved[line]
    for work in _personally_changed(old, new, begin, end):
        for edition in (old, new):
            try:
                changed[edition.row_of(work)] = True
            except InvalidInput:
                continue  # a licence for a work that is not in this edition says nothing in it
    return changed


def lists_of_rows(edition: Snapshot, rows: NDArray[np.bool_]) -> dict[str, ListColumns]:
    """The codes of these works alone. Their `work_rows` stay those of the edition."""
    found = {}
    for name, columns in edition.lists.items():
        of = np.flatnonzero(rows[columns.work_rows])
        if len(of):
            found[name] = _rows(columns, of)
    return found


def _rows(columns: ListColumns, rows: slice | NDArray[np.integer | np.bool_]) -> ListColumns:
    """Some rows of a list."""
    return ListColumns(columns.codes[rows], columns.work_rows[rows], columns.kinds[rows], columns.aux[rows])


def _terms_differ(old: Snapshot, new: Snapshot, both: int) -> NDArray[np.bool_]:
    """Of which of the first `both` rows the work or what may be done with it is another."""
    numbers: dict[bytes, int] = {}
    columns = []
    for edition in (old, new):
        ids, terms, withdrawn = read_works(edition.path / WORKS, len(edition))
        numbered, first = np.unique(terms, return_index=True)
        known = [numbers.setdefault(edition.terms_line(row), len(numbers)) for row in first.tolist()]
        own = np.asarray(known, np.int64)[np.searchsorted(numbered, terms)]
        columns.append((ids[:both], own[:both], withdrawn[:both]))
    (ids, lines, gone), (other_ids, other_lines, other_gone) = columns
    return np.asarray((ids != other_ids).any(axis=1) | (lines != other_lines) | (gone != other_gone))


def _codes_differ(old: ListColumns | None, new: ListColumns | None, both: int) -> NDArray[np.bool_]:
    """Which of the first `both` works have other codes in two versions of a list, or have them in another order."""
    differ = np.zeros(both, np.bool_)
    if old is None or new is None:
        some = old or new
        assert some is not None
        differ[some.work_rows[some.work_rows < both]] = True
        return differ
    orders = [_by_work(columns) for columns in (old, new)]
    for first in range(0, both, _WORKS_AT_ONCE):
        last = min(both, first + _WORKS_AT_ONCE)
        one, other = (_of_works(*order, first, last) for order in orders)
        uneven = _counts(one, first, last) != _counts(other, first, last)
        if uneven.any():
            one, other = (_rows(part, ~uneven[part.work_rows - np.uint32(first)]) for part in (one, other))
        wrong = (one.codes != other.codes).any(axis=1) | (one.kinds != other.kinds) | (one.aux != other.aux)
        differ[first:last] |= uneven
        differ[one.work_rows[wrong]] = True
    return differ


def _by_work(columns: ListColumns) -> tuple[ListColumns, NDArray[np.int64] | None]:
    """With the order of its rows by works, `None` if that is theirs."""
    rows = columns.work_rows
    return columns, None if (rows[:-1] <= rows[1:]).all() else np.argsort(rows, kind="stable")


def _of_works(columns: ListColumns, order: NDArray[np.int64] | None, first: int, last: int) -> ListColumns:
    """The codes of the works from `first` to before `last`, in their order."""
    if order is None:
        low, high = np.searchsorted(columns.work_rows, [first, last]).tolist()
        return _rows(columns, slice(low, high))
    low, high = np.searchsorted(columns.work_rows, [first, last], sorter=order).tolist()
    return _rows(columns, order[low:high])


def _counts(columns: ListColumns, first: int, last: int) -> NDArray[np.int64]:
    """How many codes each of these works has."""
    return np.bincount(columns.work_rows - np.uint32(first), minlength=last - first)


def _personally_changed(old: Snapshot, new: Snapshot, begin: int, end: int) -> Iterator[str]:
    """Works for which the licensee's own licences differ, or come or go between the two dates."""
    before, after = _personal(old), _personal(new)
    for work in before.keys() | after.keys():
        terms = after.get(work, Terms())
        if before.get(work, Terms()) != terms or _moves(terms, begin, end):
            yield work


def _personal(edition: Snapshot) -> Mapping[str, Terms]:
    licences = edition.standing.licences
    return {} if licences is None else licences.terms


def _moves(terms: Terms, begin: int, end: int) -> bool:
    """Whether a grant or denial begins or ends in (begin, end]."""
    bounds = [bound for grant in terms.grants for bound in (grant.valid_from, grant.valid_to)]
    bounds += [bound for denial in terms.denials for bound in (denial.valid_from, denial.valid_to)]
    return any(bound is not None and begin < bound <= end for bound in bounds)
