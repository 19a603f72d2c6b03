"""Which lines in the papers of a run are others by a newer edition, from the codes that it has stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crawler.filter import Judge, Judgement, Reading
from crawler.runs import papers
from crawler.runs.plan import Settings
from crawler.runs.reach import Reach
from crawler.runs.rereading import Row
from crawler.runs.restoring import NotKept, restored
from crawler.runs.stretches import stretches
from crawler.sources.base import Sample
from registry.core.matching import Matcher
from registry.core.snapshots import Snapshot


@dataclass(slots=True)
class Revised:
    """The lines that differ, by shard and row."""

    verdicts: dict[int, dict[int, Row]] = field(default_factory=lambda: defaultdict(dict))
    codes: dict[int, dict[int, list[Row]]] = field(default_factory=lambda: defaultdict(dict))
    """Of items of which the newer edition wants fewer codes."""
    unclear: set[int] = field(default_factory=set)
    """Shards with an item of which it wants codes that were not made."""
    near: int = 0
    """Items that come near a changed work."""

    @property
    def changed(self) -> int:
        """Items of which the verdicts say something else now."""
        return sum(map(len, self.verdicts.values()))

    def kept(self, shard: int, was: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows of a shard are kept now, given those that were."""
        now = was.copy()
        for row, line in self.verdicts.get(shard, {}).items():
            now[row] = line["kept"]
        return now


def revise(run: Path, settings: Settings, reach: Reach, new: Snapshot) -> Revised:
    """Judge all items within `reach` again by the edition `new` and these settings."""
    revised = Revised()
    judge: Judge | None = None
    for part in stretches(run):
        near = part.near(reach)
        if not near.any():
            continue
        if judge is None:
            matcher = Matcher(new.lists, new.path / "index", min_words=settings.min_words)
            judge = Judge(matcher, new, settings.request, settings.mode)
        items = list(part.items(near))
        revised.near += len(items)
        _judge(items, judge, settings, revised)
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
    own = papers.code_rows(shard, sample, judgement.reading)
    if own != codes:
        revised.codes[shard][row["row"]] = own


def with_rows(part: pa.RecordBatch, rows: dict[int, list[Row]]) -> pa.RecordBatch:
    """Some lines of one shard, those of these items in place of the ones that they had."""
    numbers = part.column("row").to_numpy()
    changed = sorted(row for row in rows if row in numbers)
    if not changed:
        return part
    lines = [line for row in changed for line in rows[row]]
    stay = part.filter(pa.array(~np.isin(numbers, changed)))
    joined = pa.concat_batches([stay, papers.batch(lines, part.schema)])
    order = np.argsort(joined.column("row").to_numpy(), kind="stable")
    return joined.take(pa.array(order))
