r"""Claim rows: how often which work was used under which licence, as tab-separated lines hashed into one root.

    work_…\t120\tagreement_…@3\t1

A batch of any size becomes one entry of the usage log, which holds the root and the number of its rows. A row's
leaf is its line without the line feed, in the tree of RFC 6962, so one row is provable without the others.
Rows are sorted by work, licence and `how`, each combination once: the same usage has one root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from registry.core.errors import InvalidInput
from registry.core.records.canonical import LIMIT
from registry.core.tlog import merkle

_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_ID = "[0-7][0-9a-hjkmnp-tv-z]{25}"  # as `registry.core.ids` writes it; other spellings would be other leaves
_WORK = re.compile(f"work_{_ID}")
_LICENCE = re.compile(f"(?:agreement|offer)_{_ID}@[1-9][0-9]{{0,8}}")


class How(IntEnum):
    """What the lab's statement that it used the work rests on."""

    EXACT = 1
    """The bytes were the registered ones."""
    NEAR = 2
    """A fingerprint matched."""
    DECLARED = 3
    """The lab says so without a match, for example because it received the work from its maker."""


@dataclass(frozen=True, slots=True, order=True)
class ClaimRow:
    """One line of a claim batch."""

    work: str
    licence: str
    """`agreement_…@<tariff version>`, or an offer's id where it is open to anyone."""
    how: How
    units: int
    """How many items of the training set were this work."""

    def __post_init__(self) -> None:
        """Refuse what could be written in two ways, or be misread."""
        if not _WORK.fullmatch(self.work):
            raise InvalidInput(
                f"“{self.work[:80]}” is not the id of a work, work_ and 26 lower-case characters."
            )
        if not _LICENCE.fullmatch(self.licence):
            raise InvalidInput(
                f"“{self.licence[:80]}” is no licence; write agreement_…@3 (or offer_…@3), its tariff version last."
            )
        if not 0 < self.units < LIMIT:
            raise InvalidInput(f"{self.units} units of {self.work}; a row has at least 1.")

    @property
    def key(self) -> tuple[str, str, int]:
        """What the rows of a batch are sorted by and unique in."""
        return (self.work, self.licence, int(self.how))

    def line(self) -> str:
        """The row as it is hashed and sent, without the line feed."""
        return f"{self.work}\t{self.units}\t{self.licence}\t{int(self.how)}"


def _read_row(line: str) -> ClaimRow:
    parts = line.split("\t")
    if len(parts) != 4:
        raise InvalidInput("it must have four columns (work, units, licence, how) with tabs between.")
    work, units, licence, how = parts
    if not _NUMBER.fullmatch(units):
        raise InvalidInput(f"“{units[:40]}” is no number of units.")
    if how not in {"1", "2", "3"}:
        raise InvalidInput(f"“{how[:40]}” is not 1 (exact), 2 (near) or 3 (declared).")
    return ClaimRow(work=work, licence=licence, how=How(int(how)), units=int(units))


def parse_row(line: str, number: int) -> ClaimRow:
    """Inverse of `ClaimRow.line`; messages name the row by its number, counted from 1."""
    try:
        return _read_row(line)
    except InvalidInput as problem:
        raise InvalidInput(f"Row {number}: {problem.message}", row=number) from problem


def format_rows(rows: Iterable[ClaimRow]) -> bytes:
    """The batch as it is sent: sorted, a line feed after each row. Rows of the same use are added together."""
    units: dict[tuple[str, str, int], int] = {}
    for row in rows:
        units[row.key] = units.get(row.key, 0) + row.units
    merged = [
        ClaimRow(work, licence, How(how), units[work, licence, how]) for work, licence, how in sorted(units)
    ]
    return "".join(row.line() + "\n" for row in merged).encode()


def parse_rows(data: bytes) -> list[ClaimRow]:
    """Read a batch strictly: `InvalidInput` with the number of the first row that is wrong, unsorted or repeated."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"A claim batch is plain ASCII; byte {problem.start} is not.") from problem
    if text and not text.endswith("\n"):
        raise InvalidInput("The last row does not end with a line feed: the batch may have been cut off.")
    rows: list[ClaimRow] = []
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        row = parse_row(line, number)
        if rows and row.key <= rows[-1].key:
            raise InvalidInput(
                f"Row {number} is not after the one before it: sort by work, licence, how.", row=number
            )
        rows.append(row)
    return rows


def row_hashes(data: bytes) -> list[bytes]:
    """The leaf hashes of a batch in its written form."""
    return [merkle.leaf_hash(line) for line in data.split(b"\n")[:-1]]


def rows_root(data: bytes) -> bytes:
    """The root over a batch in its written form, which `format_rows` gives and `parse_rows` accepts."""
    return merkle.root(row_hashes(data))
