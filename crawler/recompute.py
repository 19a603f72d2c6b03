"""Compute a settlement again from what is published, and nothing else: the log, and the files it commits to.

What goes in must be what the log says: every claim that was due, each row of it under the root that was logged, and
tariffs by their digests. From that the outputs are computed by the same function as the registry's, and must agree with
the published ones byte for byte, and with the root in the log. What does not is named by its file and line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crawler.audit_reading import ServedLog
from crawler.recompute_inputs import check_inputs
from crawler.recompute_log import Logged, read_account
from crawler.recompute_releases import check_releases
from registry.core.errors import VerificationFailed
from registry.core.records.canonical import parse
from registry.core.settlement.files import INPUTS, LISTING, OUTPUTS, File, Inputs, output_files, root_of_lines
from registry.core.settlement.periods import Period
from registry.core.settlement.reading import Entry, read_inputs, read_listing
from registry.core.settlement.releases import release
from registry.core.settlement.rules import distribute
from registry.core.tlog.checkpoints import Checkpoint


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A settlement that agrees with what is published."""

    settlement: str
    claims: int
    lines: int
    totals: Counter[str]
    """What labs owe by it, in minor units by currency."""
    released: int
    """How many rows that earlier settlements held it gave to their holders."""


def recompute(log: ServedLog, signed: Checkpoint, period: Period) -> list[Recomputed]:
    """All settlements of this period, in the order of the log; `VerificationFailed` says what does not agree."""
    account = read_account(log, signed)
    published = [Published(log, logged) for logged in account.settlements]
    found = []
    for number, logged in enumerate(account.settlements):
        if logged.leaf.period == str(period):
            inputs = published[number].inputs()
            check_inputs(inputs, logged, account, published[: number + 1])
            check_releases(inputs, logged, account, published[:number])
            found.append(_recompute(published[number], inputs, logged))
    return found


def _recompute(published: Published, inputs: Inputs, logged: Logged) -> Recomputed:
    splits = [distribute(pool, inputs.deductions) for pool in inputs.pools]
    totals: Counter[str] = Counter()
    for pool, split in zip(inputs.pools, splits, strict=True):
        totals[pool.currency] += split.total_minor
    published.compare(output_files(inputs.pools, splits, release(inputs.releases)))
    leaf = logged.leaf
    return Recomputed(leaf.settlement, len(logged.claims), leaf.lines, totals, len(inputs.releases))


class Published:
    """The files of one settlement, each held against its listing, and each listing against the log."""

    def __init__(self, log: ServedLog, logged: Logged) -> None:
        self._log = log
        self._leaf = logged.leaf

    def inputs(self) -> Inputs:
        """What it rests on."""
        entries = {entry.name: entry for entry in self._entries(INPUTS, self._leaf.inputs)}
        return read_inputs(list(entries), lambda name: self._file(INPUTS, entries[name]).data)

    def pools(self) -> list[dict[str, object]]:
        """What it says of each pool."""
        return [parse(line, "pools") for line in self._lines(INPUTS, "pools")]

    def uses(self, number: int) -> list[tuple[str, ...]]:
        """Log index, row, work, units, unit and how of the uses of pool `number`, from 1."""
        return [tuple(line.split("\t")[:6]) for line in self._lines(INPUTS, f"uses-{number:06d}")]

    def contested(self, number: int) -> Iterator[tuple[str, str]]:
        """Log index and row of the uses of pool `number` whose title was contested."""
        for index, row, *_, state, _ in _cells(self._lines(INPUTS, f"uses-{number:06d}")):
            if state == "contested":
                yield index, row

    def lines(self, number: int) -> Iterator[list[str]]:
        """What came out of pool `number`: the cells of each line."""
        return _cells(self._lines(OUTPUTS, f"lines-{number:06d}"))

    def releases(self) -> Iterator[list[str]]:
        """What it gave of what earlier settlements held: the cells of each line."""
        return _cells(self._lines(INPUTS, "releases"))

    def released(self) -> Iterator[list[str]]:
        """To whom, and what of it is still nobody's: the cells of each line."""
        return _cells(self._lines(OUTPUTS, "released"))

    def compare(self, computed: Iterator[File]) -> None:
        """Hold what was computed against what is published, file by file and byte by byte."""
        published = {entry.name: entry for entry in self._entries(OUTPUTS, self._leaf.root)}
        lines = 0
        for file in computed:
            entry = published.pop(file.name, None)
            if entry is None:
                raise self._failed(f"{OUTPUTS}/{file.name} is missing")
            data = self._file(OUTPUTS, entry).data
            if data != file.data:
                raise self._failed(f"{OUTPUTS}/{file.name}, {_difference(data, file.data)}")
            lines += file.lines if file.name.startswith(("lines-", "released-")) else 0
        if published:
            raise self._failed(f"{OUTPUTS}/{min(published)} does not follow from the inputs")
        if lines != self._leaf.lines:
            raise self._failed(f"there are {lines:,} lines; the log says {self._leaf.lines:,}")

    def _lines(self, side: str, stem: str) -> Iterator[str]:
        for entry in self._entries(side, self._leaf.inputs if side == INPUTS else self._leaf.root):
            if entry.name.startswith(f"{stem}-"):
                yield from self._file(side, entry).data.decode("ascii").splitlines()

    def _entries(self, side: str, root: str) -> Sequence[Entry]:
        data = self._log.of_settlement(self._leaf.settlement, side, LISTING)
        if root_of_lines(data).hex() != root or (not data.endswith(b"\n") and data):
            raise self._failed(f"{side}/{LISTING} is not the one that was logged")
        return read_listing(data)

    def _file(self, side: str, entry: Entry) -> File:
        file = File(entry.name, self._log.of_settlement(self._leaf.settlement, side, entry.name))
        if (file.lines, file.root.hex()) != (entry.lines, entry.root) or not file.data.endswith(b"\n"):
            raise self._failed(f"{side}/{entry.name} is not the one that was logged")
        return file

    def _failed(self, what: str) -> VerificationFailed:
        return VerificationFailed(f"{self._leaf.settlement} ({self._leaf.period}): {what}.")


def _cells(lines: Iterator[str]) -> Iterator[list[str]]:
    return (line.split("\t") for line in lines)


def _difference(published: bytes, computed: bytes) -> str:
    """Where two files begin to differ."""
    pairs = zip(published.split(b"\n"), computed.split(b"\n"), strict=False)
    for number, (theirs, ours) in enumerate(pairs, start=1):
        if theirs != ours:
            return f"line {number}: published {theirs.decode()[:200]!r}, computed {ours.decode()[:200]!r}"
    return "one goes on where the other ends"
