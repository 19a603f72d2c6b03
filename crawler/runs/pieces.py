"""The papers of a run that goes on from an earlier one: most of their lines are those of the earlier papers."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.runs import papers
from crawler.runs.by_shard import ByShard
from crawler.runs.finish import (
    LISTED,
    Listings,
    Totals,
    licences_in,
    table_used,
    write_codes,
    write_verdicts,
)
from crawler.runs.layout import CODES, INDEX, VERDICTS
from crawler.runs.linking import link
from crawler.runs.partial import Partial
from crawler.runs.rereading import Row, check_file
from crawler.runs.revising import Revised, with_rows
from crawler.runs.row_groups import replace_row_groups
from crawler.runs.stretches import table_batches
from registry.core.records.runs import FileUsed, RunManifest


class Pieces:
    """The tables of the run that goes on, out of those of the earlier one and of what was worked off."""

    def __init__(
        self, folder: Path, manifest: RunManifest, revised: Revised, taken: Container[int], partial: Partial
    ) -> None:
        """Of the earlier run the folder, the manifest, the lines that are others, and the shards taken over."""
        self._folder = folder
        self._manifest = manifest
        self._revised = revised
        self._taken = taken
        self._partial = partial

    def write_verdicts(self, path: Path, shards: int, totals: Totals, listings: Listings) -> FileUsed:
        """See `finish.Tables`. Where no shard was worked off, only row groups with another line are written anew."""
        lines = self._revised.lines()
        if not self._are_all_taken(shards) or self._manifest.counts.by_distance is None:
            pieces = self._pieces(VERDICTS, papers.VERDICTS, lines, shards)
            return write_verdicts(path, pieces, totals, listings)
        old = self._folder / VERDICTS
        replace_row_groups(old, path, papers.VERDICTS, _changed_groups(old, lines))
        self._count(path, totals, listings)
        return table_used(path, VERDICTS, self._manifest.verdicts.rows)

    def _count(self, path: Path, totals: Totals, listings: Listings) -> None:
        """The same as counting all lines, from the earlier run's counts and the lines that are others."""
        before = papers.batch(self._revised.replaced, papers.VERDICTS)
        now = [line for rows in self._revised.lines().values() for line in rows]
        totals.begin_with(self._manifest)
        totals.take_away(before)
        totals.add(papers.batch(now, papers.VERDICTS))
        if licences_in(before):
            totals.licences = set().union(*map(licences_in, self._columns(path, "uses")))
        if any(used.format == "folder" for used in self._manifest.inputs):
            for part in self._columns(path, *LISTED):
                listings.add(part)

    def _columns(self, path: Path, *names: str) -> Iterator[pa.RecordBatch]:
        return table_batches(path, papers.VERDICTS, papers.ROWS_PER_GROUP, columns=list(names))

    def write_codes(self, path: Path, index: Path, shards: int) -> FileUsed:
        """See `finish.Tables`. Where no code is another one, the table is the same file, and is not read."""
        old, known = self._folder / CODES, self._folder / INDEX
        if self._are_all_taken(shards) and not self._revised.codes and known.is_file():
            link(known, index, known.stat().st_size)
            link(old, path, self._manifest.codes.bytes)
            return self._manifest.codes
        check_file(old, self._manifest.codes)  # by its index, only some of it was
        return write_codes(path, index, self._pieces(CODES, papers.CODES, self._revised.codes, shards))

    def signals(self, codes: Path) -> Mapping[str, int]:
        """See `finish.Tables`: what items say does not depend on the registry."""
        linked = codes.samefile(self._folder / CODES)
        return self._manifest.signals if linked else papers.signals_in(codes)

    def _are_all_taken(self, shards: int) -> bool:
        return all(number in self._taken for number in range(shards))

    def _pieces(
        self, name: str, schema: pa.Schema, lines: Mapping[int, list[Row]], shards: int
    ) -> Iterator[pa.RecordBatch]:
        """The lines of all shards in one of the tables."""
        table = ByShard(self._folder / name, schema)
        changed = {place >> 32 for place in lines}
        for number in range(shards):
            if number not in self._taken:
                path = self._partial.codes(number) if name == CODES else self._partial.verdicts(number)
                yield from self._partial.batches(path)
            elif number in changed:
                yield with_rows(
                    pa.concat_batches(table.take(number)), lines
                )  # an item may lie in two of them
            else:
                yield from table.take(number)


def _changed_groups(table: Path, lines: Mapping[int, list[Row]]) -> dict[int, pa.Table]:
    """The row groups of a table of verdicts in which there are other lines, with these."""
    changed = {}
    places = np.sort(np.array([*lines], np.uint64))
    with pq.ParquetFile(table) as file:
        for number in papers.groups_with(file.metadata, places):
            (part,) = file.read_row_group(number, use_threads=False).combine_chunks().to_batches()
            new = with_rows(part, lines)
            if new is not part:
                changed[number] = pa.Table.from_batches([new])
    return changed
