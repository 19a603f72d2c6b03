"""Terms: what may be done with a work, by whom the grants name. Everything that is not granted is denied.

A grant of X covers what is inside X, unless that is denied. A request for X needs a grant for each purpose inside
X and fails if any of them is denied. Times are POSIX seconds, intervals are [from, to).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from registry.core.decisions.purposes import Purpose, inside
from registry.core.errors import Corrupt, InvalidInput

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
    """The offer or agreement that this follows from, with the version of its tariff: `agreement_…@2`, `offer_…@1`."""
    tariff: str | None = None
    """Digest (hex) of the tariff version that prices it; `None` means free of charge."""

    def covers(self, part: Purpose, territory: str, at: int) -> bool:
        """Whether this grant alone permits one of the eight purposes there and then."""
        in_time = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        return in_time and part in inside(self.purpose) and covers_territory(self.territories, territory)

    @property
    def order(self) -> tuple[str | int | tuple[str, ...], ...]:
        """A total order, so that nothing depends on the order of entry."""
        return (
            self.licence,
            self.purpose.value,
            tuple(sorted(self.territories)),
            self.valid_from,
            -1 if self.valid_to is None else self.valid_to,
            self.concluded_at,
            self.tariff or "",
        )

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
        """Inverse of `as_json`; `Corrupt` for anything else."""
        with _reading(cls, data):
            return cls(
                purpose=Purpose(data["purpose"]),
                territories=tuple(check_territory(_text(t)) for t in data["territories"]),
                valid_from=_instant(data["valid_from"]),
                valid_to=None if data["valid_to"] is None else _instant(data["valid_to"]),
                concluded_at=_instant(data["concluded_at"]),
                licence=_text(data["licence"]),
                tariff=None if data["tariff"] is None else _text(data["tariff"]),
            )


@dataclass(frozen=True, slots=True)
class Denial:
    """An explicit no. It beats every grant to anyone, but not what somebody agreed to in person."""

    purpose: Purpose
    valid_from: int
    valid_to: int | None

    def denies(self, part: Purpose, at: int) -> bool:
        """Whether this denial covers one of the eight purposes at that time."""
        in_time = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        return in_time and part in inside(self.purpose)

    def as_json(self) -> dict[str, Any]:
        """The canonical form, digested into the works root."""
        return {"purpose": self.purpose.value, "valid_from": self.valid_from, "valid_to": self.valid_to}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Denial:
        """Inverse of `as_json`; `Corrupt` for anything else."""
        with _reading(cls, data):
            return cls(
                purpose=Purpose(data["purpose"]),
                valid_from=_instant(data["valid_from"]),
                valid_to=None if data["valid_to"] is None else _instant(data["valid_to"]),
            )


@dataclass(frozen=True, slots=True)
class Terms:
    """All grants and denials that hold for one work and one circle of users (anyone, or one licensee)."""

    grants: tuple[Grant, ...] = ()
    denials: tuple[Denial, ...] = ()
    contested_since: int | None = None
    """When somebody else's earlier registration put this title in doubt; such a title never allows."""
    contested_by: str | None = None
    """The work of that registration. `None` if it is not public, or nothing is in doubt."""
    upheld: bool = False
    """Whether a person has looked at it and found for the earlier one."""

    def denies(self, part: Purpose, at: int) -> bool:
        """Whether one of the eight purposes is denied in so many words."""
        return any(d.denies(part, at) for d in self.denials)

    def grant_for(
        self,
        part: Purpose,
        territory: str,
        at: int,
        *,
        free_only: bool = False,
        concluded_before: int | None = None,
    ) -> Grant | None:
        """The earliest grant of one of the eight purposes; `None` if it is denied, not granted, or contested."""
        if self.contested_since is not None or self.denies(part, at):
            return None
        covering = [
            g
            for g in self.grants
            if g.covers(part, territory, at)
            and (g.tariff is None or not free_only)
            and (concluded_before is None or g.concluded_at < concluded_before)
        ]
        return min(covering, key=lambda g: (g.concluded_at, g.order), default=None)

    def permitting(self, purpose: Purpose, territory: str, at: int) -> tuple[Grant, ...]:
        """The grants that together permit the request, earliest first; empty if any part of it is not permitted."""
        used: set[Grant] = set()
        for part in inside(purpose):
            grant = self.grant_for(part, territory, at)
            if grant is None:
                return ()
            used.add(grant)
        return tuple(sorted(used, key=lambda g: (g.concluded_at, g.order)))

    def as_json(self) -> dict[str, Any]:
        """The canonical form; equal terms give equal bytes whatever the order of entry."""
        return {
            "contested_by": self.contested_by,
            "contested_since": self.contested_since,
            "denials": sorted(
                (d.as_json() for d in self.denials),
                key=lambda d: (d["purpose"], d["valid_from"], -1 if d["valid_to"] is None else d["valid_to"]),
            ),
            "grants": [g.as_json() for g in sorted(self.grants, key=lambda g: g.order)],
            "upheld": self.upheld,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Terms:
        """Inverse of `as_json`; `Corrupt` for anything else, as it might be a restriction that we cannot read."""
        with _reading(cls, data):
            since = data["contested_since"]
            return cls(
                grants=tuple(Grant.from_json(g) for g in data["grants"]),
                denials=tuple(Denial.from_json(d) for d in data["denials"]),
                contested_since=None if since is None else _instant(since),
                contested_by=None if data["contested_by"] is None else _text(data["contested_by"]),
                upheld=_flag(data["upheld"]),
            )


@contextmanager
def _reading(cls: type, data: Mapping[str, Any]) -> Iterator[None]:
    """Refuse what does not have exactly the fields of this class, or has a value of another type."""
    try:
        _check_fields(cls, data)
        yield
    except (TypeError, ValueError, InvalidInput) as error:
        raise Corrupt(
            f"These terms cannot be read: the {cls.__name__.lower()} {str(data)[:120]} is malformed ({error}). "
            "They may need a newer version of this program; until then they permit nothing."
        ) from error


def _check_fields(cls: type, data: Mapping[str, Any]) -> None:
    if set(data) != {f.name for f in fields(cls)}:
        raise ValueError(f"its fields are {', '.join(sorted(map(str, data)))}")


def _text(value: object) -> str:
    """A string; `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _flag(value: object) -> bool:
    """True or false; `TypeError` for anything else."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _instant(value: object) -> int:
    """POSIX seconds; `ValueError` for anything but an integer."""
    if type(value) is not int:
        raise ValueError(f"{value!r} is no number of seconds")
    return value
