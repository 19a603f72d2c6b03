"""Decide about a column of codes of one length: an item that matches nothing costs little but its search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.ratelimits import Budget
from registry.checking import hidden
from registry.checking.live import LiveIndex, known_works
from registry.checking.service import Checked, decided, licensee_of
from registry.core.decisions import Decision, Request
from registry.core.errors import InvalidInput
from registry.core.fingerprints import DHASH256, MD5, PHASH256, SHA256
from registry.core.matching import Match

COLUMN_ALGORITHMS = (SHA256, MD5, PHASH256, DHASH256)
"""Those whose codes have one length and say by themselves what they have to say."""

_SLICE = 50_000


@dataclass(frozen=True, slots=True)
class CodeColumn:
    """N codes of one algorithm, each all that is known of its item."""

    algorithm: str
    codes: NDArray[np.uint8]
    """(N, w) bytes."""


@dataclass(frozen=True, slots=True)
class CheckedColumn:
    """What came out for N items: what is decided about all that match nothing, and about the others one by one."""

    change_seq: int
    count: int
    unmatched: Decision
    found: Mapping[int, Checked]
    """By number of the item, in their order."""

    def verdicts(self) -> NDArray[np.uint8]:
        """(N,) codes of the verdicts."""
        codes = np.full(self.count, int(self.unmatched.verdict), np.uint8)
        for item, checked in self.found.items():
            codes[item] = int(checked.decision.verdict)
        return codes

    def kept(self) -> NDArray[np.bool_]:
        """(N,) whether the policy keeps the item."""
        kept = np.full(self.count, self.unmatched.kept, np.bool_)
        for item, checked in self.found.items():
            kept[item] = checked.decision.kept
        return kept


def check_column(
    session: Session,
    index: LiveIndex,
    actor: Actor | None,
    request: Request,
    column: CodeColumn,
    now: datetime,
    *,
    budget: Budget | None = None,
) -> CheckedColumn:
    """Decide about each code exactly as `check` does; `InvalidInput` for an algorithm without columns."""
    check_algorithm(column.algorithm)
    current, change_seq = index.current(session)
    found: dict[int, tuple[Match, ...]] = {}
    for start in range(0, len(column.codes), _SLICE):
        part = current.match_codes(column.algorithm, column.codes[start : start + _SLICE])
        found |= {start + item: matches for item, matches in part.items()}
    rows = {m.work_row for matches in found.values() for m in matches}
    known = known_works(session, current, change_seq, rows, licensee_of(actor), now)
    if budget is not None:
        budget.pay(hidden.hits(known, actor, found.values()))
    return CheckedColumn(
        change_seq=change_seq,
        count=len(column.codes),
        unmatched=decided(known, request, ()).decision,
        found={item: decided(known, request, matches) for item, matches in found.items()},
    )


def check_algorithm(algorithm: str) -> None:
    """`InvalidInput` unless codes of this algorithm can be sent as a column."""
    if algorithm not in COLUMN_ALGORITHMS:
        raise InvalidInput(
            f"A column has codes of {', '.join(COLUMN_ALGORITHMS)}, not of “{algorithm[:80]}”; "
            "send others as hashes in JSON."
        )
