"""What is to be declared: which uses are refused and which are free, before any format is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from registry.core.decisions import Purpose, Terms, inside
from registry.core.decisions.terms import WORLD

_EACH = tuple(p for p in Purpose if p is not Purpose.ALL)


@dataclass(frozen=True)
class Declaration:
    """A maker's will about works at one place. What is not allowed is refused, as in the registry."""

    allowed: frozenset[Purpose] = frozenset()
    """Uses that are free for everybody; each stands for what is inside it."""
    path: str = "/"
    """Where on the site it holds, as a pattern of robots.txt."""
    policy: str | None = None
    """Where a licence is to be had (absolute address)."""
    work: str | None = None
    """The work's id here, if it is about a single work."""
    registry: str | None = None
    """The origin of the registry that keeps the work."""

    @classmethod
    def of(cls, terms: Terms, at: int, *, path: str = "/", policy: str | None = None) -> Declaration:
        """What anyone may do by these terms, everywhere and free of charge."""
        free = (
            p for p in _EACH if all(terms.grant_for(part, WORLD, at, free_only=True) for part in inside(p))
        )
        return cls(frozenset(free), path, policy)

    @cached_property
    def free(self) -> frozenset[Purpose]:
        """Every single purpose that is free."""
        named = {part for purpose in self.allowed for part in inside(purpose)}
        return frozenset(p for p in named if inside(p) <= named)

    def refuses(self, purpose: Purpose) -> bool:
        """Whether anything inside the purpose is refused."""
        return not inside(purpose) <= self.free
