"""Deltas: what changed from edition to edition, in files that lead from any edition in them to a later one.

    steps file = "VBHSTEPS" || step || step || …
    step       = facts || changes, of each table that changed
    change     = facts || frame || removed || places || columns that came || columns that are altered

`facts` are blocks of canonical JSON. A step file `lists/steps-41-57.pack` has the steps from edition 41 on, the last of
which ends at 57; it serves whoever has any edition from 41 to 56. Joining two files is writing one after the other.

What the steps lead to is believed only if it has the digest that the signed edition states; so a step that is wrong,
missing, or out of order costs a download and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from registry.core.errors import Corrupt
from registry.core.snapshots.blocks import Reader, bytes_block, facts_block, numbers_block
from registry.core.snapshots.differences import Change, Following, change
from registry.core.snapshots.packs import pack_columns, read_columns, split, width_of
from registry.core.snapshots.tables import Pieces, Table

MOST_FILES = 12
"""A client that has an edition of the last 28 days never needs more."""

_MAGIC = b"VBHSTEPS"
_NAME = re.compile(r"lists/steps-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})\.pack")
_SLACK = 16 << 20


@dataclass(frozen=True, slots=True)
class StepsName:
    """Which editions a steps file connects."""

    first: int
    last: int

    @property
    def target(self) -> str:
        """The name under which it is published."""
        return f"lists/steps-{self.first}-{self.last}.pack"

    @classmethod
    def parse(cls, target: str) -> StepsName | None:
        """Inverse of `target`; `None` for another kind of file."""
        match = _NAME.fullmatch(target)
        name = None if match is None else cls(int(match[1]), int(match[2]))
        return name if name is not None and name.first < name.last else None


def way(sizes: Mapping[StepsName, int], start: int, goal: int) -> list[StepsName] | None:
    """The files with the fewest bytes that lead from edition `start` to `goal`; `None` if no way is short enough."""
    best: dict[int, tuple[int, list[StepsName]]] = {start: (0, [])}
    for name in sorted(sizes, key=lambda n: (n.last, n.first)):
        for at, (size, names) in sorted(best.items()):
            offer = (size + sizes[name], [*names, name])
            known = best.get(name.last)
            shorter = known is None or (offer[0], len(offer[1])) < (known[0], len(known[1]))
            if name.first <= at < name.last and len(offer[1]) <= MOST_FILES and shorter:
                best[name.last] = offer
    return best[goal][1] if goal in best else None


def steps_file(first: int, last: int, old: Mapping[str, Table], new: Mapping[str, Table]) -> bytes:
    """The file with the one step from edition `first` to `last`, given all tables of both by file name.

    A table that only one of them has is in no step: who needs it fetches it whole.
    """
    parts = {}
    for name in sorted(old.keys() & new.keys()):
        if part := _change_bytes(name, old[name], new[name]):
            parts[name] = part
    facts = {"from": first, "tables": [[name, len(part)] for name, part in parts.items()], "to": last}
    return b"".join([_MAGIC, facts_block(facts), *parts.values()])


def join(first: bytes, second: bytes) -> bytes:
    """Two files, of which the second goes on where the first ends, as one."""
    return first + second[len(_MAGIC) :]


def follow(
    name: str, old: Table, files: Iterable[bytes | memoryview], start: int, goal: int, size: int
) -> Pieces:
    """The table `name` of edition `goal`, given that of edition `start` and the steps files between.

    `size` is how many bytes both files of the table have together: what decides how much memory the steps may claim.
    `Corrupt` if the steps do not lead there.
    """
    table, at = Following(old), start
    budget = 8 * size + _SLACK
    for data in files:
        reader = Reader(data, budget)
        if bytes(reader.take(len(_MAGIC))) != _MAGIC:
            raise Corrupt("What is published as steps is no steps file.")
        while not reader.is_done:
            at = _step(reader, name, table, at, budget)
    if at != goal:
        raise Corrupt(f"The steps lead from edition {start} to {at}, not to {goal}.")
    return table.pieces()


def _step(reader: Reader, name: str, table: Following, at: int, budget: int) -> int:
    """Follow one step if it starts where we are, else pass it over; where we are then."""
    facts = reader.facts()
    try:
        first, last = int(facts["from"]), int(facts["to"])
        parts = {str(table): reader.take(int(size)) for table, size in facts["tables"]}
    except (KeyError, TypeError, ValueError) as problem:
        raise Corrupt("A step does not say what is in it.") from problem
    if last <= at:
        return at
    if first != at:
        raise Corrupt(f"A step starts at edition {first}, not at {at}.")
    if name in parts:
        table.follow(_read_change(Reader(parts[name], budget), name))
    return last


# -- one change ------------------------------------------------------------------------------------------------
def _change_bytes(name: str, old: Table, new: Table) -> bytes:
    """Nothing if the tables are equal."""
    made = change(name, old, new)
    if not (len(made.removed) or len(made.places) or made.altered or made.frame != old.frame):
        return b""
    facts: dict[str, Any] = {
        "added": len(made.places),
        "after": made.after,
        "altered": sorted(made.altered),
        "before": made.before,
        "frame": [len(part) for part in made.frame],
        "removed": len(made.removed),
        "width": width_of(new),
    }
    return b"".join(
        [
            facts_block(facts),
            bytes_block(b"".join(made.frame)),
            numbers_block(made.removed),
            numbers_block(made.places),
            pack_columns(name, made.added),
            pack_columns(name, made.altered),
        ]
    )


def _read_change(reader: Reader, name: str) -> Change:
    facts = reader.facts()
    try:
        counts = {key: int(facts[key]) for key in ("added", "after", "before", "removed", "width")}
        lengths, altered = [int(part) for part in facts["frame"]], [str(c) for c in facts["altered"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise Corrupt("A change does not say what is in it.") from problem
    if min(*counts.values(), *lengths) < 0 or counts["removed"] > counts["before"]:
        raise Corrupt("A change has counts that cannot be.")
    width, stays = counts["width"], counts["before"] - counts["removed"]
    return Change(
        before=counts["before"],
        after=counts["after"],
        frame=tuple(split(reader.data(), lengths)),
        removed=reader.numbers(counts["removed"], "<u4"),
        places=reader.numbers(counts["added"], "<u4"),
        added=read_columns(reader, name, counts["added"], width),
        altered=read_columns(reader, name, stays, width, only=altered),
    )
