"""Settlement periods: quarters of UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.core.errors import InvalidInput

_PERIOD = re.compile(r"(\d{4})-Q([1-4])\Z", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A quarter, `2026-Q4`; from its first instant up to, not including, the next one's."""

    year: int
    quarter: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """The period of this name; `InvalidInput` says how one looks."""
        found = _PERIOD.match(text)
        if found is None or not 1970 <= int(found[1]) <= 9998:
            raise InvalidInput(f"“{text[:20]}” is no period; write year and quarter, for example 2026-Q4.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, time: datetime) -> Period:
        """The quarter (UTC) that a time lies in."""
        time = time.astimezone(UTC)
        return cls(time.year, (time.month + 2) // 3)

    @property
    def start(self) -> datetime:
        """The first instant."""
        return datetime(self.year, 3 * self.quarter - 2, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant of the next period."""
        following = Period(self.year + 1, 1) if self.quarter == 4 else Period(self.year, self.quarter + 1)
        return following.start

    def __str__(self) -> str:
        """As people and files write it."""
        return f"{self.year:04d}-Q{self.quarter}"
