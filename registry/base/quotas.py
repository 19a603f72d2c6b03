"""How much of something is allowed in how much time: `600/minute`, `20/hour`, `off`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WINDOWS: Mapping[str, int] = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_TEXT = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True)
class Quota:
    """So many in a window of this many seconds; a `limit` of 0 means that nothing is counted."""

    limit: int
    window: int

    @classmethod
    def parse(cls, text: str) -> Quota:
        """From the text of a setting; `ValueError` says how one is written."""
        if text == "off":
            return cls(0, 1)
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("write a number and second, minute, hour or day, such as 600/minute, or off")
        return cls(int(match[1]), _WINDOWS[match[2]])

    def __str__(self) -> str:
        """As it is written in a setting."""
        return (
            f"{self.limit}/{next(n for n, s in _WINDOWS.items() if s == self.window)}"
            if self.limit
            else "off"
        )

    def window_of(self, subject: bytes, at: int) -> tuple[int, int]:
        """The [from, to) around this moment, in POSIX seconds. Windows of different subjects begin at different times,

        so that not everybody who was refused comes back in the same second.
        """
        begin = at - (at + int.from_bytes(subject[:4], "big")) % self.window
        return begin, begin + self.window
