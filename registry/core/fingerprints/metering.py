"""When compiled kernels begin to pay.

Each computation has two engines that give the same values: numpy, ready at once, and numba, several times
faster but with a start of half a second (seconds, where nothing is cached yet). One picture or a few pages
should not wait for a compiler, a dataset should not wait for numpy; so the first stretch of work in a process
is done by numpy and all that follows by numba.
"""

from __future__ import annotations


class Meter:
    """Counts the work of this process. Two threads at once may miscount a little: only speed hangs on it."""

    __slots__ = ("_left",)

    def __init__(self, head_start: int) -> None:
        self._left = head_start

    def compiled_pays(self, amount: int) -> bool:
        """Record `amount` units of work about to be done; true once the head start is used up."""
        if self._left >= 0:
            self._left -= amount
        return self._left < 0


PIXELS = Meter(16_000_000)
TEXT_BYTES = Meter(1_000_000)
FRAMES = Meter(100)
ANCHORS = Meter(1_000_000)
"""Pixels of small lumas: some twenty pictures."""
