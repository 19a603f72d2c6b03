"""The table of codes of a finished run, of which only what is asked for is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crawler.runs import papers
from crawler.runs.code_columns import Chosen
from crawler.runs.code_index import CodeIndex, Group
from crawler.runs.layout import CODES, INDEX
from crawler.runs.papers import Places, places_in
from crawler.runs.reach import Reach
from crawler.runs.rereading import check_file
from registry.core.errors import VerificationFailed
from registry.core.records.runs import FileUsed

_COLUMNS = ["shard", "row", "algorithm", "code"]


class CodesTable:
    """Either all of it has the digest that the papers state, or each row group that is read the checksum in the index.

    By the index, what is not read may have been changed: that is for the lab that made the run, not for an auditor.
    """

    def __init__(self, run: Path, used: FileUsed, *, indexed: bool = True) -> None:
        """With `indexed` by the index of the run, if it has one. `VerificationFailed` if anything was changed."""
        self.path, index = run / CODES, run / INDEX
        self._index: CodeIndex | None = None
        if indexed and index.is_file() and self.path.is_file() and self.path.stat().st_size == used.bytes:
            self._index = CodeIndex(index, self.path)
        else:
            check_file(self.path, used)

    def near(self, reach: Reach) -> Places:
        """The items whose codes come near."""
        found = [np.empty(0, np.uint64)]
        try:
            with pq.ParquetFile(self.path, read_dictionary=["algorithm"], pre_buffer=False) as file:
                groups = repeat(None, file.num_row_groups) if self._index is None else self._index.groups()
                for number, parts in enumerate(groups):
                    found += self._near(file, number, parts, reach)
        except (pa.ArrowException, OSError, KeyError) as problem:
            raise VerificationFailed(f"{self.path} cannot be read: {problem}") from problem
        return np.unique(np.concatenate(found))

    def _near(
        self, file: pq.ParquetFile, number: int, parts: list[Group] | None, reach: Reach
    ) -> Iterator[Places]:
        """Those of one row group. By its index, what of it has to be read."""
        sought = None if parts is None else _sought(parts, reach)
        if sought is not None and not sought:
            return
        for part in self._read(file, number):
            places, kinds, codes = places_in(part), part.column("algorithm"), part.column("code")
            numbers = kinds.indices.to_numpy()
            for kind, algorithm in enumerate(kinds.dictionary.to_pylist()):
                if sought is not None and algorithm not in sought:
                    continue
                rows = np.flatnonzero(numbers == kind)
                if sought is not None and (some := sought[algorithm]) is not None:
                    rows = rows[some]
                yield places[rows[reach.near(algorithm, Chosen(codes, rows))]]

    def _read(self, file: pq.ParquetFile, number: int) -> Iterator[pa.RecordBatch]:
        """A row group: by the index, which counts its codes, in one piece."""
        if self._index is None:
            yield from file.iter_batches(papers.ROWS_PER_GROUP, [number], _COLUMNS, use_threads=False)
        else:
            self._index.check(number)
            group = file.read_row_group(number, _COLUMNS, use_threads=False)
            yield from group.unify_dictionaries().combine_chunks().to_batches()

    def rows(self, places: Places) -> Iterator[dict[str, Any]]:
        """The lines of these items, in the order of the table."""
        check = None if self._index is None else self._index.check
        return papers.read_parquet(self.path, papers.CODES, places, check)


def _sought(parts: list[Group], reach: Reach) -> dict[str, NDArray[np.int64] | None]:
    """Of each algorithm which of its codes are worth a look; `None`: all."""
    sought: dict[str, NDArray[np.int64] | None] = {}
    for part in parts:
        if part.keys is None:
            if reach.covers(part.algorithm):
                sought[part.algorithm] = None
        elif len(met := reach.met(part.algorithm, part.keys)):
            sought[part.algorithm] = np.unique(np.searchsorted(part.ends, met, side="right"))
    return sought
