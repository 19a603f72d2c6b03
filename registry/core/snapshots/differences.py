"""What changed between two versions of one table, and how to follow it.

A change keeps most rows, in their order. It names the rows that go by their index in the old table, and the places of
those that come by their index in the new one; rows that stay may have other numbers in some columns. Many changes one
after the other are followed on row numbers only; the columns, which are large, are put together once, at the end,
piece by piece while they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.core.errors import Corrupt
from registry.core.snapshots.manifest import TERMS, WORKS
from registry.core.snapshots.tables import Pieces, Table

_KEY = ("code", "work_row", "kind")
"""Columns by which a row of a list is the same in two editions. The others may change while it stays."""
_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Change:
    """From one version of a table to the next."""

    before: int
    after: int
    """Rows."""
    removed: NDArray[np.uint32]
    """Rows of the old table that go, ascending."""
    places: NDArray[np.uint32]
    """Rows of the new table that are new, ascending."""
    added: Mapping[str, NDArray[Any]]
    """Their columns."""
    altered: Mapping[str, NDArray[Any]]
    """For the rows that stay, in their order: what must be added to the old value (modulo its size)."""
    frame: tuple[bytes, ...]


def change(name: str, old: Table, new: Table) -> Change:
    """What leads from `old` to `new`, two versions of the edition's file `name`."""
    stays, becomes = _by_place(old, new) if name == WORKS else _by_key(name, old, new)
    is_removed, is_added = np.ones(old.rows, np.bool_), np.ones(new.rows, np.bool_)
    is_removed[stays], is_added[becomes] = False, False
    places = np.flatnonzero(is_added).astype(np.uint32)
    altered = {}
    for column in () if name == TERMS else old.columns:
        difference = new.columns[column][becomes] - old.columns[column][stays]
        if difference.any():
            altered[column] = difference
    return Change(
        before=old.rows,
        after=new.rows,
        removed=np.flatnonzero(is_removed).astype(np.uint32),
        places=places,
        added={column: values[places] for column, values in new.columns.items()},
        altered=altered,
        frame=new.frame,
    )


def _by_place(old: Table, new: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row of the works table stays where it is for ever."""
    rows = np.arange(min(old.rows, new.rows))
    return rows, rows


def _by_key(name: str, old: Table, new: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which old row is which new row: equal keys, in the same order in both tables."""
    was, comes = _keys(name, old), _keys(name, new)
    shorter = min(len(was), len(comes))
    unequal = np.flatnonzero(was[:shorter] != comes[:shorter])
    front = int(unequal[0]) if len(unequal) else shorter
    _, stays, becomes = np.intersect1d(
        _distinct(was[front:]), _distinct(comes[front:]), assume_unique=True, return_indices=True
    )
    order = np.argsort(stays, kind="stable")
    same = np.arange(front)
    stays = np.concatenate([same, stays[order] + front])
    becomes = np.concatenate([same, becomes[order] + front])
    good = _equal(name, old, new, stays, becomes)
    stays, becomes = stays[good], becomes[good]
    ascending = _in_order(becomes) & _in_order(stays)
    return stays[ascending], becomes[ascending]


def _keys(name: str, table: Table) -> NDArray[np.uint64]:
    """64 bits per row that are equal where the rows are; that unequal rows differ is checked later."""
    if name == TERMS:
        digests = b"".join(sha256(line).digest()[:8] for line in table.columns["line"])
        return np.frombuffer(digests, np.uint64)
    codes = table.columns["code"]
    padded = np.zeros((table.rows, -(-codes.shape[1] // 8) * 8), np.uint8)
    padded[:, : codes.shape[1]] = codes
    keys: NDArray[np.uint64] = (
        table.columns["work_row"].astype(np.uint64) << np.uint64(8) | table.columns["kind"]
    )
    for word in padded.view(np.uint64).T:
        keys = (keys ^ word) * _PRIME
        keys ^= keys >> np.uint64(29)
    return keys


def _distinct(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The same, with equal keys told apart by their order: the third of its kind is the third in both tables."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(keys) else np.empty(0, np.bool_)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(keys)), 0))
    distinct = keys.copy()
    distinct[order] += (np.arange(len(keys)) - first).astype(np.uint64) * _PRIME
    return distinct


def _equal(
    name: str, old: Table, new: Table, stays: NDArray[np.int64], becomes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of these pairs of rows really are the same."""
    good = np.ones(len(stays), np.bool_)
    for column in ("line",) if name == TERMS else _KEY:
        equal = old.columns[column][stays] == new.columns[column][becomes]
        good &= equal.all(axis=1) if equal.ndim == 2 else equal.astype(np.bool_)
    return good


def _in_order(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Those greater than all before and less than all after: of a few rows out of place, none; else all."""
    if not len(rows):
        return np.empty(0, np.bool_)
    good = np.ones(len(rows), np.bool_)
    good[1:] = rows[1:] > np.maximum.accumulate(rows)[:-1]
    good[:-1] &= rows[:-1] < np.minimum.accumulate(rows[::-1])[::-1][1:]
    return good


class Following:
    """A table on its way through changes."""

    def __init__(self, old: Table) -> None:
        self._old = old
        self._source = np.arange(old.rows, dtype=np.uint32)
        """For each row, the old row that it is; from `old.rows` on, the row that came, in order of coming."""
        self._added: list[Mapping[str, NDArray[Any]]] = []
        self._came = 0
        self._offsets: dict[str, NDArray[Any]] = {}
        self._frame = old.frame

    def follow(self, change: Change) -> None:
        """One change; `Corrupt` if it was not made for the table as it is now."""
        _check(change, len(self._source), self._old)
        came = np.arange(len(change.places), dtype=np.uint32) + np.uint32(self._old.rows + self._came)
        self._source = _moved(self._source, change, came)
        for column, offsets in self._offsets.items():
            self._offsets[column] = _moved(offsets, change, 0)
        nothing = np.uint8(0)
        for column, difference in change.altered.items():
            stays = np.ones(change.after, np.bool_)
            stays[change.places] = False
            values = self._old.columns[column]
            offsets = self._offsets.setdefault(
                column, np.full((change.after, *values.shape[1:]), nothing, values.dtype)
            )
            offsets[stays] += difference
        self._added.append(change.added)
        self._came += len(change.places)
        self._frame = change.frame

    def pieces(self) -> Pieces:
        """The table after all changes."""
        columns = {}
        for name, old in self._old.columns.items():
            came = np.concatenate([old[:0], *(added[name] for added in self._added)])
            columns[name] = _Merged(old, came, self._source, self._offsets.get(name))
        return Pieces(columns, self._frame)


@dataclass(frozen=True)
class _Merged:
    """A column after all changes."""

    old: NDArray[Any]
    came: NDArray[Any]
    source: NDArray[np.uint32]
    """For each row its number in `old`, or beyond that in `came`."""
    offsets: NDArray[Any] | None
    """What is to be added to each."""

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        source = self.source[rows]
        is_new = source >= len(self.old)
        if not len(self.old):
            values = np.empty((len(source), *self.old.shape[1:]), self.old.dtype)
        else:
            values = self.old.take(source, axis=0, mode="clip")  # those beyond the end are overwritten
        values[is_new] = self.came[source[is_new] - np.uint32(len(self.old))]
        if self.offsets is not None:
            values += self.offsets[rows]
        return values


def _moved(values: NDArray[Any], change: Change, came: Any) -> NDArray[Any]:
    """Row values without those that go, and with `came` in the places of the new."""
    stays, new = np.ones(len(values), np.bool_), np.ones(change.after, np.bool_)
    stays[change.removed], new[change.places] = False, False
    moved = np.empty((change.after, *values.shape[1:]), values.dtype)
    moved[new] = values[stays]
    moved[change.places] = came
    return moved


def _check(change: Change, rows: int, old: Table) -> None:
    """`Corrupt` unless rows, places and columns fit the table as it is now."""
    kept = rows - len(change.removed)
    fits = (
        change.before == rows
        and kept + len(change.places) == change.after
        and len(change.frame) == len(old.frame)
    )
    fits = fits and _ascending(change.removed, rows) and _ascending(change.places, change.after)
    fits = fits and change.added.keys() == old.columns.keys()
    for count, columns in ((len(change.places), change.added), (kept, change.altered)):
        for name, values in columns.items():
            expected = (count, *old.columns[name].shape[1:])
            fits = fits and values.shape == expected and values.dtype == old.columns[name].dtype
    if not fits or any(values.dtype == object for values in change.altered.values()):
        raise Corrupt("A change does not fit the table that it is to change.")


def _ascending(rows: NDArray[np.uint32], limit: int) -> bool:
    return not len(rows) or (bool(np.all(rows[1:] > rows[:-1])) and int(rows[-1]) < limit)
