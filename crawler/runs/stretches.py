"""Both tables of a finished run side by side, some thousand items at a time, as columns.

Nearly all items of a run match nothing, and what has to hold of these can be compared as columns. Where anything is odd
(a code that its algorithm cannot have made, one that names another item) the whole stretch is left to
`rereading.reading_of`, so that there is one place that says what is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crawler.runs import papers
from crawler.runs.code_columns import Chosen, hexadecimal, odd_codes
from crawler.runs.layout import CODES, VERDICTS
from crawler.runs.papers import Places, places_in
from crawler.runs.reach import Reach
from crawler.runs.rereading import Row
from crawler.runs.signal_columns import SaidOfItems, said_of_items
from registry.core.errors import VerificationFailed
from registry.core.fingerprints import SHA256
from registry.core.signals.summary import is_signal, signal_of

_MOST_ITEMS, _LEAST_ITEMS = 8_192, 128
_CODE_BYTES = 8 * 2**20
"""Of the codes of all items of a stretch, about. Each stretch costs a millisecond besides its items, so that a few of
many are best; books have half a megabyte of codes each."""
_MOST_CODE_BYTES = 2 * _CODE_BYTES
"""Of a stretch in which items have more codes than on the average: it ends with the item before the one too many."""
_BUFFER = 64 * 2**10
"""Read of a column at a time."""
_REPEATED = ["algorithm", "kind"]


@dataclass(frozen=True)
class Stretch:
    """Some items that follow each other, and all of their codes."""

    verdicts: pa.RecordBatch
    codes: pa.RecordBatch
    """`algorithm` and `kind` as dictionaries."""
    owners: NDArray[np.int64]
    """Of each code, which of the items it is of; ascending."""

    @cached_property
    def by_algorithm(self) -> dict[str, NDArray[np.int64]]:
        """Which rows of the codes an algorithm made."""
        column = self.codes.column("algorithm")
        numbers = column.indices.to_numpy()
        names = column.dictionary.to_pylist()
        return {name: np.flatnonzero(numbers == number) for number, name in enumerate(names)}

    @cached_property
    def codes_of(self) -> dict[str, Chosen]:
        """The codes that an algorithm made, in the rows of `by_algorithm`."""
        column = self.codes.column("code")
        return {name: Chosen(column, rows) for name, rows in self.by_algorithm.items()}

    def near(self, reach: Reach) -> NDArray[np.bool_]:
        """Which items have a code within reach."""
        found = np.zeros(self.verdicts.num_rows, np.bool_)
        for algorithm, rows in self.by_algorithm.items():
            if is_signal(algorithm):
                continue
            found[self.owners[rows[reach.near(algorithm, self.codes_of[algorithm])]]] = True
        return found

    def signals(self) -> Counter[str]:
        """How many items carry which opt-out signal, by family."""
        return Counter({signal_of(a): len(rows) for a, rows in self.by_algorithm.items() if is_signal(a)})

    def said(self) -> SaidOfItems:
        """What opt-out signals say of each item."""
        rows = self._signal_rows
        part = self.codes.take(pa.array(rows))
        columns = (part.column(name).to_pylist() for name in ("algorithm", "kind", "code"))
        return said_of_items(self.verdicts.num_rows, zip(self.owners[rows].tolist(), *columns, strict=True))

    @cached_property
    def _signal_rows(self) -> NDArray[np.int64]:
        """Which rows of the codes are about signals."""
        rows = [rows for name, rows in self.by_algorithm.items() if is_signal(name)]
        return np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)

    def is_odd(self) -> bool:
        """Whether anything may be wrong with the codes of any item."""
        keys = self.verdicts.column("key").take(pa.array(self.owners))
        if not self.codes.column("key").equals(keys) or self._is_without_codes():
            return True
        kinds = self.codes.column("kind")
        return self._is_of_another_digest() or any(
            odd_codes(name, kinds.take(pa.array(rows)), self.codes_of[name]).any()
            for name, rows in self.by_algorithm.items()
            if not is_signal(name)  # see `said`
        )

    def _is_without_codes(self) -> bool:
        """Whether an item has none, and the papers do not say why."""
        unexplained = np.array(self.verdicts.column("error").is_null())
        unexplained[np.delete(self.owners, self._signal_rows)] = False
        return bool(unexplained.any())

    def _is_of_another_digest(self) -> bool:
        """Whether an item has SHA-256 codes, of which none is the one in its verdict."""
        if (rows := self.by_algorithm.get(SHA256)) is None:
            return False
        owners = self.owners[rows]
        stated = self.verdicts.column("sha256").take(pa.array(owners))
        same = np.asarray(pc.equal(hexadecimal(self.codes_of[SHA256].flat), stated).fill_null(False))
        return not same.all() and len(np.setdiff1d(owners, owners[same])) > 0

    def items(self, chosen: NDArray[np.bool_]) -> Iterator[tuple[Row, list[Row]]]:
        """These items as rows, each with the rows of its codes."""
        rows = np.flatnonzero(chosen)
        own = np.flatnonzero(chosen[self.owners])
        codes: list[dict[str, Any]] = self.codes.take(pa.array(own)).to_pylist()
        numbered = zip(self.owners[own].tolist(), codes, strict=True)
        by_owner = {
            owner: [code for _, code in some] for owner, some in groupby(numbered, key=lambda c: c[0])
        }
        for index, row in zip(rows.tolist(), self.verdicts.take(pa.array(rows)).to_pylist(), strict=True):
            yield row, by_owner.get(index, [])


def stretches(run: Path) -> Iterator[Stretch]:
    """All items of a run; `VerificationFailed` if an order is broken or a code is left over."""
    items = _items_at_once(run)
    codes = _Codes(run / CODES, items)
    last = -1
    for verdicts in table_batches(run / VERDICTS, papers.VERDICTS, items):
        places = places_in(verdicts)
        back = np.flatnonzero(np.diff(places.astype(np.int64), prepend=last) <= 0)
        if len(back):
            shard, row = divmod(int(places[back[0]]), 1 << 32)
            raise VerificationFailed(f"The verdicts are out of order at shard {shard}, row {row}.")
        last = int(places[-1])
        while len(places):
            own, until = codes.up_to(last)
            count = int(np.searchsorted(places, np.uint64(until), side="right"))
            yield _stretch(verdicts.slice(0, count), places[:count], own)
            verdicts, places = verdicts.slice(count), places[count:]
    if codes.is_left():
        raise _left_over()


def _stretch(verdicts: pa.RecordBatch, places: Places, codes: pa.RecordBatch) -> Stretch:
    """Items with their codes; `VerificationFailed` if any of these is of another one."""
    of = places_in(codes)
    owners = np.minimum(np.searchsorted(places, of), len(places) - 1)
    if not len(places) or (places[owners] != of).any() or (np.diff(owners) < 0).any():
        raise _left_over()
    return Stretch(verdicts, codes, owners)


def _items_at_once(run: Path) -> int:
    """How many items make a stretch, by what the codes of one have on the average."""
    try:
        items, table = pq.read_metadata(run / VERDICTS).num_rows, pq.read_metadata(run / CODES)
    except (pa.ArrowException, OSError) as error:
        raise VerificationFailed(f"The tables of {run} cannot be read: {error}") from error
    size = sum(table.row_group(number).total_byte_size for number in range(table.num_row_groups))
    return int(min(max(_CODE_BYTES * items // max(size, 1), _LEAST_ITEMS), _MOST_ITEMS))


def _left_over() -> VerificationFailed:
    return VerificationFailed("There are codes of an item that has no verdict, or they are out of order.")


class _Codes:
    """The table of codes, taken from its beginning."""

    def __init__(self, path: Path, rows: int) -> None:
        self._batches = table_batches(path, papers.CODES, rows, dictionaries=True)
        self._held: pa.RecordBatch | None = None

    def up_to(self, place: int) -> tuple[pa.RecordBatch, int]:
        """All further rows until one of an item behind this place, or fewer if they are many bytes; and up to where.

        It is always all rows of an item.
        """
        mine, size = list[pa.RecordBatch](), 0
        while (part := self._next()) is not None:
            behind = np.flatnonzero(places_in(part) > np.uint64(place))
            if len(behind):
                self._held = part.slice(behind[0])
                part = part.slice(0, behind[0])
            if part.num_rows:
                mine.append(part)
                size += part.nbytes
            if len(behind):
                break
            if size > _MOST_CODE_BYTES:
                found = _joined(mine)
                places = places_in(found)
                begin = int(np.argmax(places == places[-1]))
                if begin:
                    self._held = found.slice(begin)
                    return found.slice(0, begin), int(places[begin - 1])
                mine = [found]
        return _joined(mine) if mine else _no_codes(), place

    def is_left(self) -> bool:
        """Whether there are more."""
        return self._next() is not None

    def _next(self) -> pa.RecordBatch | None:
        held, self._held = self._held, None
        return next(self._batches, None) if held is None else held


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """As one, with the same dictionaries throughout."""
    return pa.concat_batches(pa.Table.from_batches(parts).unify_dictionaries().to_batches())


def _no_codes() -> pa.RecordBatch:
    columns = [
        pa.array([], field.type).dictionary_encode() if field.name in _REPEATED else pa.array([], field.type)
        for field in papers.CODES
    ]
    return pa.RecordBatch.from_arrays(columns, papers.CODES.names)


def table_batches(
    path: Path,
    schema: pa.Schema,
    rows: int,
    *,
    columns: list[str] | None = None,
    dictionaries: bool = False,
) -> Iterator[pa.RecordBatch]:
    """A table of a run, or some of its columns, in batches of at most so many rows.

    With `dictionaries`, what repeats itself comes as such.
    """
    try:
        if not pq.read_schema(path).equals(schema):
            raise VerificationFailed(f"{path} does not have the columns of this version.")
        repeated = _REPEATED if dictionaries else None
        with pq.ParquetFile(path, buffer_size=_BUFFER, read_dictionary=repeated, pre_buffer=False) as file:
            for group in range(file.num_row_groups):  # a batch over several groups could be of any size
                for part in file.iter_batches(rows, [group], columns, use_threads=False):
                    if part.num_rows:
                        yield part
    except (pa.ArrowException, OSError) as error:
        raise VerificationFailed(f"{path} cannot be read: {error}") from error
