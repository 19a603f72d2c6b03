"""Hold what a settlement releases against what is published of earlier ones: it was held there, and is given once.

Of each released row its settlement says what was held, exactly and in whole units, and every later one what of that is
gone. What was held for a contested title needs a decision about a title in the log; unclaimed money of which the law's
three years are over is released no more. Whose the money is now is the registry's own statement, as all shares are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from crawler.recompute_log import Account, Logged
from registry.core.errors import VerificationFailed
from registry.core.settlement.deadlines import Deadlines
from registry.core.settlement.files import NAMES, Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.reading import part_of_row
from registry.core.settlement.releases import Held, Release
from registry.core.settlement.rules import DISPUTED, UNCLAIMED

Key = tuple[int, int, int, int]


class Earlier(Protocol):
    """A published settlement, as far as it is needed to check what a later one releases."""

    def pools(self) -> list[dict[str, object]]:
        """What it says of each pool."""

    def contested(self, number: int) -> Iterator[tuple[str, str]]:
        """Log index and row of the uses of pool `number` whose title was contested."""

    def lines(self, number: int) -> Iterator[list[str]]:
        """What came out of pool `number`: the cells of each line."""

    def releases(self) -> Iterator[list[str]]:
        """What it gave of what earlier settlements held: the cells of each line."""

    def released(self) -> Iterator[list[str]]:
        """To whom, and what of it is still nobody's: the cells of each line."""


def check_releases(inputs: Inputs, logged: Logged, account: Account, before: Sequence[Earlier]) -> None:
    """`VerificationFailed` says what was not held so, or may not be released; `before`: the settlements before it."""
    if not inputs.releases:
        return
    try:
        _check(inputs, logged, account, before)
    except VerificationFailed as problem:
        leaf = logged.leaf
        raise VerificationFailed(f"{leaf.settlement} ({leaf.period}): {problem.message}") from problem


def _check(inputs: Inputs, logged: Logged, account: Account, before: Sequence[Earlier]) -> None:
    published = {each.index: (each, files) for each, files in zip(account.settlements, before, strict=False)}
    by_pool: dict[tuple[int, int], list[Release]] = defaultdict(list)
    for release in inputs.releases:
        by_pool[release.held.settlement, release.held.pool].append(release)
    held: dict[Key, Held] = {}
    for (settlement, number), releases in by_pool.items():
        if settlement not in published:
            raise VerificationFailed(f"It releases of entry {settlement}, which is no settlement before it.")
        origin, files = published[settlement]
        if origin.leaf.period > logged.leaf.period:
            raise VerificationFailed(f"It releases what {origin.leaf.settlement} held for a later quarter.")
        held |= _held_by(files, settlement, number, {release.held.key for release in releases})
        _check_titles(releases, set(files.contested(number)), logged, account)
        _check_clocks(releases, _year(files, number), logged)
    _take_what_is_gone(held, before)
    for release in inputs.releases:
        if held.get(release.held.key) != release.held:
            raise VerificationFailed(
                f"Row {release.held.row} of entry {release.held.log_index} is not held as it is released."
            )


def _held_by(files: Earlier, settlement: int, number: int, wanted: set[Key]) -> dict[Key, Held]:
    """What the settlement itself held of these rows of one of its pools."""
    held = {}
    for index, row, work, payee, *amounts in files.lines(number):
        if payee in NAMES.values():
            part = part_of_row([str(settlement), str(number), index, row, work, payee, *amounts])
            if part.key in wanted:
                held[part.key] = part
    return held


def _take_what_is_gone(held: dict[Key, Held], before: Sequence[Earlier]) -> None:
    """Follow the rows through what was released since: the rest of a row is held anew."""
    for files in before:
        for cells in files.releases():
            held.pop(part_of_row(cells[:9]).key, None)
        for cells in files.released():
            if cells[5] == NAMES[UNCLAIMED]:
                part = part_of_row(cells)
                held[part.key] = part


def _check_titles(
    releases: Sequence[Release], contested: set[tuple[str, str]], logged: Logged, account: Account
) -> None:
    for release in releases:
        part, decision = release.held, release.decision
        if decision is None:
            if part.payee == DISPUTED and (str(part.log_index), str(part.row)) in contested:
                raise VerificationFailed(
                    f"Row {part.row} of entry {part.log_index} was held for a contested title; no decision is named."
                )
        elif decision not in account.titles or not part.settlement < decision < logged.leaf.to_index:
            raise VerificationFailed(
                f"Entry {decision} is no decision about a title since the money was held."
            )


def _check_clocks(releases: Sequence[Release], year: int, logged: Logged) -> None:
    lapses_on = Deadlines(year).lapses_on
    lapsed = datetime.fromtimestamp(logged.leaf.at, UTC).date() >= lapses_on
    if lapsed and any(release.held.payee == UNCLAIMED for release in releases):
        raise VerificationFailed(
            f"It releases unclaimed money of {year}, which cannot be distributed from {lapses_on}."
        )


def _year(files: Earlier, number: int) -> int:
    heads: Sequence[Mapping[str, object]] = files.pools()
    if not 0 < number <= len(heads):
        raise VerificationFailed(f"There is no pool {number} that it could release of.")
    return Period.parse(str(heads[number - 1]["period"])).year
