"""The base of the live index as files that all web processes of a machine map: written once, by one of them.

    <folder>/.lock
    <folder>/<change number>/         the lists, sealed (see `registry.core.matching.storage`)
    <folder>/<change number>/index/   the tables over long lists, which `Matcher` writes and checks by itself

All of it is derived from the database. A base says of each work by which change it came to be as it is there; only if
the database still says the same, but for what changed later, it is used: not when a backup was restored, or another
database lies there now. Whatever is damaged, or of others, is deleted and made anew. Only the newest is kept; deleting
a folder does not take its files from a process that maps them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from registry.core.errors import Corrupt
from registry.core.fingerprints import WINNOW32
from registry.core.matching import NOBODY, ListColumns, Matcher, storage
from registry.core.matching.passages_common import learned
from registry.works import service as works

Lists = Mapping[str, ListColumns]

FORMAT: Final = "vorbehalt-check-base-v2"
"""Another one whenever lists are made in another way: then those of the last release are not used."""
WORTH: Final = 20_000
"""Codes below which files are not worth their trouble: the database gives so many in a tenth of a second."""

_THREADS: Final = min(os.cpu_count() or 1, 4)
"""Of a large batch of pictures: while one request is answered, the other processors of a server often rest."""

_STATES, _OWNERS, _LEARNED = "works", "owners", "learned"
_COLUMNS = ("codes", "work_rows", "kinds", "aux")
_log = logging.getLogger("registry.checking")


@dataclass(frozen=True, slots=True)
class Base:
    """The codes of all works as of some change, and what finds them."""

    change_seq: int
    lists: Lists
    matcher: Matcher
    owners: NDArray[np.int64]
    """As `works.owners_by_row` had them at that change."""
    learned: NDArray[np.uint64]
    """Fingerprints of texts that are marked in the list because many owners have them, in ascending order."""


class BaseFiles:
    """The folder. Everything is done while `alone`."""

    def __init__(self, folder: Path, *, worth: int = WORTH) -> None:
        self._folder, self._worth = folder, worth

    @contextmanager
    def alone(self, *, wait: bool) -> Iterator[bool]:
        """Until the block ends no other process writes here; `False` if one does and we do not wait.

        Who cannot even lock, because the folder cannot be written to, is alone with itself.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / ".lock").open("w")
        except OSError:
            yield True
            return
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True

    def newest(self, session: Session, after: int = -1) -> Base | None:
        """The base that lies here, if it is of a later change; what cannot be used is deleted."""
        number = max(self._numbers(), default=-1)
        if number <= after:
            return None
        try:
            return self._open(session, number)
        except Corrupt as error:
            _log.warning("the base of the live index is made anew: %s", error.message)
            shutil.rmtree(self._place(number), ignore_errors=True)
            return None

    def kept(self, session: Session, change_seq: int, lists: Lists) -> Base:
        """These lists, which this transaction sees as of this change: in files if they are worth it, else in memory.

        A folder that cannot be written to costs memory and time, not answers.
        """
        if sum(map(len, lists.values())) >= self._worth:
            try:
                self._write(session, change_seq, lists)
                base = self._open(session, change_seq)
                self._delete_but(change_seq)
                return base
            except (OSError, Corrupt) as error:
                _log.warning("the base of the live index is not shared: %s", error)
        self._delete_but(None)
        return held(session, change_seq, lists)

    def _write(self, session: Session, change_seq: int, lists: Lists) -> None:
        shutil.rmtree(self._place(change_seq), ignore_errors=True)
        arrays = {
            f"{algorithm}.{name}": getattr(columns, name)
            for algorithm, columns in lists.items()
            for name in _COLUMNS
        }
        arrays[_STATES] = works.states_by_row(session)
        arrays[_OWNERS] = works.owners_by_row(session)
        arrays[_LEARNED] = _learned(lists)
        storage.write(self._place(change_seq), FORMAT, str(change_seq), arrays)

    def _open(self, session: Session, number: int) -> Base:
        place = self._place(number)
        arrays = storage.read(place, FORMAT, str(number), storage.names(place))
        try:
            states, owners, known = (arrays.pop(name) for name in (_STATES, _OWNERS, _LEARNED))
        except KeyError as error:
            raise Corrupt(f"{place} lacks {error}.") from None
        if not _is_part_of(states, works.states_by_row(session), number):
            raise Corrupt(f"{place} is of another database, or of another copy of this one.")
        algorithms = sorted({name.rpartition(".")[0] for name in arrays})
        try:
            lists = {a: ListColumns(*(arrays[f"{a}.{name}"] for name in _COLUMNS)) for a in algorithms}
        except KeyError as error:
            raise Corrupt(f"{place} lacks the column {error}.") from None
        matcher = Matcher(lists, place / "index", threads=_THREADS, unpublished=owners == NOBODY)
        return Base(number, lists, matcher, owners, known)

    def _place(self, number: int) -> Path:
        return self._folder / str(number)

    def _numbers(self) -> list[int]:
        try:
            return [int(place.name) for place in self._folder.iterdir() if place.name.isdecimal()]
        except OSError:
            return []

    def _delete_but(self, number: int | None) -> None:
        for other in self._numbers():
            if other != number:
                shutil.rmtree(self._place(other), ignore_errors=True)


def held(session: Session, change_seq: int, lists: Lists) -> Base:
    """A base in this process's memory, of lists that this transaction sees as of this change."""
    owners = works.owners_by_row(session)
    return Base(change_seq, lists, Matcher(lists, unpublished=owners == NOBODY), owners, _learned(lists))


def _learned(lists: Lists) -> NDArray[np.uint64]:
    return learned(lists[WINNOW32]) if WINNOW32 in lists else np.empty(0, np.uint64)


def _is_part_of(then: NDArray[np.void], now: NDArray[np.void], change_seq: int) -> bool:
    """Whether the works of now were then, as of this change, as they are there, but for those that changed later."""
    if then.dtype != now.dtype or len(then) > len(now):
        return False
    old = now["change_seq"] <= change_seq
    return not old[len(then) :].any() and bool(
        (then[old[: len(then)]] == now[: len(then)][old[: len(then)]]).all()
    )
