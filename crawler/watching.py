"""How a run tells what it has done so far, without knowing who looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Done(NamedTuple):
    """What is behind a run. Adds up."""

    seen: int = 0
    kept: int = 0
    bytes: int = 0

    def plus(self, other: Done) -> Done:
        """Both together."""
        return Done(self.seen + other.seen, self.kept + other.kept, self.bytes + other.bytes)

    def minus(self, other: Done) -> Done:
        """What is left without the other."""
        return Done(self.seen - other.seen, self.kept - other.kept, self.bytes - other.bytes)


Tell = Callable[[Done], object]
"""Called within a shard with what was done since the last call."""


class Watcher(Protocol):
    """Who is told how a run gets on."""

    def begin(self, total_bytes: int) -> None:
        """Called once, with the size of all inputs."""

    def update(self, done: Done) -> None:
        """Called now and then, with everything that is done."""


class Unwatched:
    """Nobody looks."""

    def begin(self, total_bytes: int) -> None:
        """Nothing."""

    def update(self, done: Done) -> None:
        """Nothing."""
