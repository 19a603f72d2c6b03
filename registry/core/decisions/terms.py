"""Terms: what may be done with a work, by whom the grants name. Everything that is not granted is denied.

A grant of X covers what is inside X, unless that is denied. A request for X needs a grant for each purpose inside
X and fails if any of them is denied. Times are POSIX seconds, intervals are [from, to).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from registry.core.decisions.purposes import Purpose, inside
from registry.core.errors import InvalidInput

WORLD = "world"


def covers_territory(granted: Iterable[str], asked: str) -> bool:
    """Whether a grant for these territories (ISO 3166-1 alpha-2 codes, or `world`) covers the asked one."""
    granted = tuple(granted)
    return WORLD in granted or asked in granted


def check_territory(text: str) -> str:
    """A territory as we write it: `world` or two capital letters; `InvalidInput` otherwise."""
    if text == WORLD or (len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()):
        return text
    raise InvalidInput(f"“{text[:20]}” is no territory; write world or a two-letter country code such as DE.")


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission that follows from an offer to anyone or from an agreement."""

    purpose: Purpose
    territories: tuple[str, ...]
    valid_from: int
    valid_to: int | None
    concluded_at: int
    licence: str
    """Id of the offer or agreement that this follows from."""
    tariff: str | None = None
    """Digest (hex) of the tariff version that prices it; `None` means free of charge."""

    def covers(self, purpose: Purpose, territory: str, at: int) -> bool:
        """Whether this grant alone permits one purpose there and then."""
        in_time = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        return in_time and purpose in inside(self.purpose) and covers_territory(self.territories, territory)

    def as_json(self) -> dict[str, Any]:
        """The canonical form, digested into the works root."""
        return {
            "concluded_at": self.concluded_at,
            "licence": self.licence,
            "purpose": self.purpose.value,
            "tariff": self.tariff,
            "territories": sorted(self.territories),
            "valid_from": self.valid_from,
            "valid_to": self.valid_to,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Grant:
        """Inverse of `as_json`."""
        return cls(
            purpose=Purpose(data["purpose"]),
            territories=tuple(data["territories"]),
            valid_from=data["valid_from"],
            valid_to=data["valid_to"],
            concluded_at=data["concluded_at"],
            licence=data["licence"],
            tariff=data["tariff"],
        )


@dataclass(frozen=True, slots=True)
class Denial:
    """An explicit no. It beats every grant to anyone, but not what somebody agreed to in person."""

    purpose: Purpose
    valid_from: int
    valid_to: int | None

    def denies(self, purpose: Purpose, at: int) -> bool:
        """Whether this denial covers the purpose at that time."""
        in_time = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        return in_time and purpose in inside(self.purpose)

    def as_json(self) -> dict[str, Any]:
        """The canonical form, digested into the works root."""
        return {"purpose": self.purpose.value, "valid_from": self.valid_from, "valid_to": self.valid_to}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Denial:
        """Inverse of `as_json`."""
        return cls(Purpose(data["purpose"]), data["valid_from"], data["valid_to"])


@dataclass(frozen=True, slots=True)
class Terms:
    """All grants and denials that hold for one work and one circle of users (anyone, or one licensee)."""

    grants: tuple[Grant, ...] = ()
    denials: tuple[Denial, ...] = ()
    contested_since: int | None = None
    """When somebody else's earlier registration put this title in doubt; such a title never allows."""

    def permitting(self, purpose: Purpose, territory: str, at: int) -> tuple[Grant, ...]:
        """The grants that together permit the request, earliest first; empty if it is denied."""
        if self.contested_since is not None:
            return ()
        used: set[Grant] = set()
        for part in inside(purpose):
            covering = [g for g in self.grants if g.covers(part, territory, at)]
            if not covering or any(d.denies(part, at) for d in self.denials):
                return ()
            used.add(min(covering, key=lambda g: (g.concluded_at, g.licence)))
        return tuple(sorted(used, key=lambda g: (g.concluded_at, g.licence)))

    def as_json(self) -> dict[str, Any]:
        """The canonical form; equal terms give equal bytes whatever the order of entry."""
        return {
            "contested_since": self.contested_since,
            "denials": sorted(
                (d.as_json() for d in self.denials),
                key=lambda d: (d["purpose"], d["valid_from"], -1 if d["valid_to"] is None else d["valid_to"]),
            ),
            "grants": sorted((g.as_json() for g in self.grants), key=lambda g: (g["licence"], g["purpose"])),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Terms:
        """Inverse of `as_json`."""
        return cls(
            grants=tuple(Grant.from_json(g) for g in data["grants"]),
            denials=tuple(Denial.from_json(d) for d in data["denials"]),
            contested_since=data["contested_since"],
        )
