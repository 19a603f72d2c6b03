"""What a report says, gathered from a run's papers in one pass, in memory that does not grow with the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.runs.layout import VERDICTS
from crawler.runs.opening import open_manifest
from registry.core.decisions import Verdict
from registry.core.errors import VerificationFailed
from registry.core.records.runs import RunManifest

MOST_PARTS: Final = 60
"""Lines of the table of parts; more are put together."""
PICTURES: Final = 12
OTHERS: Final = 8
"""Pairs that are shown, of pictures and of everything else."""

_READ = ["shard", "row", "verdict", "reason", "kept", "algorithm", "grade", "distance", "work_id"]
_BY_SIGNALS: Final = ("signal.", "error.signal.")
"""How reasons begin that name a signal."""
_SURENESS: Final = {"review": 0, "match": 1, "certain": 2}
_UNSURE_FIRST: Final = 1 << 17
_LOOKED_AT: Final = 256


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the run's items: those of one shard, or of several in a row."""

    first: int
    last: int
    """Numbers of its shards."""
    seen: int
    kept: int
    unchecked: int
    """Items that could not be checked in full."""

    @property
    def dropped(self) -> int:
        """All that were left out."""
        return self.seen - self.kept


@dataclass(slots=True)
class Facts:
    """Everything that is counted."""

    manifest: RunManifest
    unchecked: int = 0
    """Left out because they could not be checked in full; the next three are the others that were left out."""
    denied: int = 0
    review: int = 0
    otherwise: int = 0
    """By policy or mode: nothing is known of them, or they would have to be reported."""
    licensed: int = 0
    """Kept under a licence of the lab."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By reason."""
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Items for which an opt-out signal decided, by its name and how: `refused`, `permitted`, `unreadable`."""
    algorithms: Counter[str] = field(default_factory=Counter)
    """Items that were recognised, by the code that decided."""
    distances: dict[str, Counter[int]] = field(default_factory=dict)
    """The same by algorithm and distance."""
    parts: list[Part] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    """Verdict rows of the pairs to be shown, pictures first, the least sure first, each work once."""

    @property
    def recognised(self) -> int:
        """Items that match a work."""
        return self.algorithms.total()


def gather(run: Path) -> Facts:
    """Read a complete run's papers; `VerificationFailed` if they are not of this version."""
    facts = Facts(open_manifest(run))
    parts, chosen = _Parts(), (_Chosen(PICTURES), _Chosen(OTHERS))
    for part in _batches(run / VERDICTS):
        table = pa.Table.from_batches([part])
        for group in _counted(table, ["shard", "verdict", "reason", "kept"]):
            _count(facts, group)
            parts.add(group)
        matched = table.filter(_is_match(part))
        for group in _counted(matched, ["algorithm", "distance"]):
            facts.algorithms[group["algorithm"]] += group["count_all"]
            facts.distances.setdefault(group["algorithm"], Counter())[group["distance"]] += group["count_all"]
        _choose(matched, chosen)
    facts.parts = parts.found()
    shown: dict[str, tuple[int, int]] = {}
    for some in chosen:  # a work that is shown as a picture is not shown again
        shown |= {work: place for work, place in some.places().items() if work not in shown}
    facts.places = _whole_rows(run, list(shown.values()))
    return facts


def is_gap(reason: str) -> bool:
    """Whether the reason says that something could not be checked."""
    return reason.startswith(("error.", "unchecked."))


def is_picture(algorithm: str) -> bool:
    """Whether a code of this algorithm is one of a picture."""
    return algorithm.startswith("image.")


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=65_536, columns=_READ)
    except (pa.ArrowException, OSError) as error:
        raise VerificationFailed(f"{path} cannot be read: {error}") from error


def _counted(table: pa.Table, names: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.group_by(names).aggregate([([], "count_all")]).to_pylist()
    return found


def _count(facts: Facts, group: dict[str, Any]) -> None:
    number, verdict = group["count_all"], Verdict(group["verdict"])
    if (name := _signal_in(group["reason"])) is not None:
        how = {Verdict.DENY: "refused", Verdict.UNKNOWN: "unreadable"}.get(verdict, "permitted")
        facts.signals[name, how] += number
    if group["kept"]:
        facts.licensed += number if verdict is Verdict.LICENSED else 0
        return
    facts.left_out[group["reason"]] += number
    if is_gap(group["reason"]):
        facts.unchecked += number
    elif verdict is Verdict.DENY:
        facts.denied += number
    elif verdict is Verdict.REVIEW:
        facts.review += number
    else:
        facts.otherwise += number


def _signal_in(reason: str) -> str | None:
    """The signal that decided; one that research sets aside did not."""
    return next((reason.removeprefix(start) for start in _BY_SIGNALS if reason.startswith(start)), None)


def _is_match(part: pa.RecordBatch) -> pa.Array:
    """Rows in which a work decided; a trace decides nothing."""
    grades = part.column("grade").to_pylist()
    return pa.array([grade in _SURENESS for grade in grades], pa.bool_())


class _Parts:
    """Items by shard; as soon as there are too many shards, by two in a row, by four, and so on."""

    def __init__(self) -> None:
        self._width = 1
        self._counts: dict[int, list[int]] = {}
        self._last = 0

    def add(self, group: dict[str, Any]) -> None:
        """Some items of one shard."""
        self._last = max(self._last, group["shard"])
        while self._last // self._width >= MOST_PARTS:
            self._widen()
        counts = self._counts.setdefault(group["shard"] // self._width, [0, 0, 0])
        number = group["count_all"]
        counts[0] += number
        counts[1] += number if group["kept"] else 0
        counts[2] += number if is_gap(group["reason"]) and not group["kept"] else 0

    def _widen(self) -> None:
        self._width *= 2
        wider: dict[int, list[int]] = {}
        for index, counts in self._counts.items():
            held = wider.setdefault(index // 2, [0, 0, 0])
            for i, number in enumerate(counts):
                held[i] += number
        self._counts = wider

    def found(self) -> list[Part]:
        """In order."""
        width = self._width
        return [
            Part(index * width, min(index * width + width - 1, self._last), *self._counts[index])
            for index in sorted(self._counts)
        ]


# -- pairs ---------------------------------------------------------------------------------------------------
class _Chosen:
    """The least sure match of each work, as many as are wanted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, tuple[int, int, int]] = {}

    def offer(self, work: str, sureness: int, shard: int, row: int) -> None:
        """One more; of a work that is there already, the less sure stays."""
        found = (sureness, shard, row)
        if work not in self._held or found < self._held[work]:
            self._held[work] = found
        if len(self._held) > self._most:
            del self._held[max(self._held, key=lambda w: self._held[w])]

    def places(self) -> dict[str, tuple[int, int]]:
        """Shard and row for each work, the least sure first."""
        ordered = sorted(self._held.items(), key=lambda held: held[1])
        return {work: (shard, row) for work, (_, shard, row) in ordered}


def _choose(matched: pa.Table, chosen: tuple[_Chosen, _Chosen]) -> None:
    """Of a batch, those worth offering."""
    if not matched.num_rows:
        return
    rank = np.array([_SURENESS[grade] for grade in matched.column("grade").to_pylist()])
    distance = np.asarray(matched.column("distance").to_numpy(), np.int64)
    sureness = rank * _UNSURE_FIRST - distance
    pictures = np.array([is_picture(name) for name in matched.column("algorithm").to_pylist()])
    for some, mask in zip(chosen, (pictures, ~pictures), strict=True):
        of = np.flatnonzero(mask)
        of = of[np.argsort(sureness[of], kind="stable")[:_LOOKED_AT]]
        rows = matched.take(pa.array(of)).to_pylist()
        for row, sure in zip(rows, sureness[of].tolist(), strict=True):
            some.offer(row["work_id"], sure, row["shard"], row["row"])


def _whole_rows(run: Path, places: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """The verdict rows of these places, in their order."""
    if not places:
        return []
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for shard in sorted({shard for shard, _ in places}):
        rows = [row for s, row in places if s == shard]
        wanted = pq.read_table(run / VERDICTS, filters=[("shard", "=", shard), ("row", "in", rows)])
        found.update(((row["shard"], row["row"]), row) for row in wanted.to_pylist())
    return [found[place] for place in places]
