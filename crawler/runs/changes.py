"""What changed in the registry from one edition to a later one, as far as a run can notice: rows, and their codes.

A row of the works table is the same in both if its leaf is (work, terms, codes and all that stands beside them), if
what the licensee may do beyond that is the same, and if nothing of it begins or ends between the two dates for which
permission is asked. Whatever is not the same in every respect counts as changed: that costs time, never a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from registry.core.decisions import Terms
from registry.core.errors import InvalidInput
from registry.core.matching import ListColumns
from registry.core.snapshots import Snapshot

Lists = Mapping[str, ListColumns]


def changed_rows(old: Snapshot, new: Snapshot, since: int, until: int) -> NDArray[np.bool_]:
    """Which rows of the works tables differ for somebody who asked at `since` and asks again at `until` (POSIX)."""
    before, after = _leaves(old), _leaves(new)
    both = min(len(before), len(after))
    changed = np.ones(max(len(before), len(after)), np.bool_)
    changed[:both] = (before[:both] != after[:both]).any(axis=1)
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
            found[name] = ListColumns(
                columns.codes[of], columns.work_rows[of], columns.kinds[of], columns.aux[of]
            )
    return found


def _leaves(edition: Snapshot) -> NDArray[np.uint8]:
    """(N, 32): one hash per row."""
    return np.frombuffer(b"".join(edition.leaves()), np.uint8).reshape(-1, 32)


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
