"""Which lines in the papers of a run are others by a newer edition, from the codes that it has stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crawler.filter import Judge, Judgement, Reading
from crawler.runs import papers
from crawler.runs.codes_table import CodesTable
from crawler.runs.papers import places_in
from crawler.runs.plan import Settings
from crawler.runs.reach import Reach
from crawler.runs.rereading import Row, joined
from crawler.runs.restoring import NotKept, restored
from crawler.sources.base import Sample
from registry.core.matching import Matcher
from registry.core.snapshots import Snapshot

_BATCH = 512


@dataclass(slots=True)
class Revised:
    """The lines that differ: of the verdicts by shard and row, of the codes by place (`papers.places_in`)."""

    verdicts: dict[int, dict[int, Row]] = field(default_factory=lambda: defaultdict(dict))
    replaced: list[Row] = field(default_factory=list)
    """The verdicts that these take the place of."""
    codes: dict[int, list[Row]] = field(default_factory=dict)
    """Of items of which the newer edition wants fewer codes."""
    unclear: set[int] = field(default_factory=set)
    """Shards with an item of which it wants codes that were not made."""
    near: int = 0
    """Items that come near a changed work."""

    @property
    def changed(self) -> int:
        """Items of which the verdicts say something else now."""
        return sum(map(len, self.verdicts.values()))

    def lines(self) -> dict[int, list[Row]]:
        """Of the verdicts, by place."""
        return {
            shard << 32 | row: [line] for shard, rows in self.verdicts.items() for row, line in rows.items()
        }

    def kept(self, shard: int, was: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows of a shard are kept now, given those that were."""
        now = was.copy()
        for row, line in self.verdicts.get(shard, {}).items():
            now[row] = line["kept"]
        return now


def revise(run: Path, codes: CodesTable, settings: Settings, reach: Reach, new: Snapshot) -> Revised:
    """Judge all items within `reach` again by the edition `new` and these settings."""
    revised = Revised()
    near = codes.near(reach)
    revised.near = len(near)
    if not revised.near:
        return revised
    matcher = Matcher(new.lists, new.path / "index", min_words=settings.min_words)
    judge = Judge(matcher, new, settings.request, settings.mode)
    rows = iter(joined(run, codes.rows(near), near))
    while part := list(islice(rows, _BATCH)):
        _judge(part, judge, settings, revised)
    return revised


def _judge(
    items: Iterable[tuple[Row, list[Row]]], judge: Judge, settings: Settings, revised: Revised
) -> None:
    all_at_once = settings.deep or settings.metadata_only
    clear: list[tuple[Row, list[Row], Reading]] = []
    for row, codes in items:
        try:
            clear.append((row, codes, restored(row, codes, all_at_once=all_at_once)))
        except NotKept:
            revised.unclear.add(row["shard"])
    judged = _judged([reading for _, _, reading in clear], judge)
    for (row, codes, _), judgement in zip(clear, judged, strict=True):
        if judgement is None:
            revised.unclear.add(row["shard"])
        else:
            _note(row, codes, judgement, revised)


def _judged(readings: Sequence[Reading], judge: Judge) -> list[Judgement | None]:
    """All together; only if one lacks codes, one by one. `None` for such a one."""
    try:
        return [*judge.judge(readings)]
    except NotKept:
        if len(readings) == 1:
            return [None]
        return [judgement for reading in readings for judgement in _judged([reading], judge)]


def _note(row: Row, codes: list[Row], judgement: Judgement, revised: Revised) -> None:
    """The item's new lines, where they differ."""
    shard, sample = row["shard"], Sample(row["row"], row["key"], b"", row["bytes"])
    line = papers.verdict_row(shard, sample, judgement.reading, judgement)
    if line != row:
        revised.verdicts[shard][row["row"]] = line
        revised.replaced.append(row)
    own = papers.code_rows(shard, sample, judgement.reading)
    if own != codes:
        revised.codes[shard << 32 | row["row"]] = own


def with_rows(part: pa.RecordBatch, lines: Mapping[int, list[Row]]) -> pa.RecordBatch:
    """Some lines of a table, those of these items (`papers.places_in`) in place of the ones that they had."""
    places = places_in(part)
    changed = np.intersect1d(places, np.array([*lines], np.uint64))
    if not len(changed):
        return part
    new = [line for place in changed.tolist() for line in lines[place]]
    stay = part.filter(pa.array(~np.isin(places, changed)))
    joined = pa.concat_batches([stay, papers.batch(new, part.schema)])
    return joined.take(pa.array(np.argsort(places_in(joined), kind="stable")))
