"""The clocks of money that nobody is known for (Directive 2014/26/EU, Art. 13; VGG §§ 28 to 30). Pure.

They run from the end of the year of collection, which is a calendar year: nine months to distribute, three more to
publish whose holders are not known, and after three years what is left counts as not distributable. The claim of
whoever turns up later is not touched by that (VGG § 30(3)).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Of the money that was collected in one year."""

    year: int

    @property
    def distributed_by(self) -> date:
        """The last day of the nine months (Art. 13(1), VGG § 28(1))."""
        return date(self.year + 1, 9, 30)

    @property
    def listed_by(self) -> date:
        """The last day of three more, by which the works are listed (Art. 13(3), VGG § 29(2))."""
        return date(self.year + 1, 12, 31)

    @property
    def lapses_on(self) -> date:
        """The first day after the three years (Art. 13(4), VGG § 30(1))."""
        return date(self.year + 4, 1, 1)

    def state(self, today: date) -> str:
        """`open`, `to-list` once nine months are over, `overdue` after twelve, `lapsed` after three years."""
        if today >= self.lapses_on:
            return "lapsed"
        if today > self.listed_by:
            return "overdue"
        return "to-list" if today > self.distributed_by else "open"
