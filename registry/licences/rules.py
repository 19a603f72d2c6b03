"""From offers and agreements to what is permitted. Pure: times are POSIX seconds, intervals are [from, to)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from registry.core.decisions import Denial, Grant, Purpose, Terms
from registry.core.decisions.terms import WORLD, check_territory
from registry.core.errors import InvalidInput
from registry.core.ids import format_id, parse_id
from registry.core.records.canonical import canonical

FREE_VERSION = 1
"""A licence without a tariff has one version for ever; the name of a licence always ends in its version."""


@dataclass(frozen=True, slots=True)
class LicenceTerms:
    """What is licensed, without for whom and at which works: purpose, territories, period, tariff version."""

    purpose: Purpose
    territories: tuple[str, ...]
    valid_from: int
    valid_to: int | None
    tariff: str | None
    """Digest (hex) of the tariff version; `None` means free of charge."""

    def as_json(self, works: Iterable[str]) -> dict[str, Any]:
        """The canonical form, for these works, that the log commits to."""
        return {
            "purpose": self.purpose.value,
            "tariff": self.tariff,
            "territories": sorted(self.territories),
            "valid_from": self.valid_from,
            "valid_to": self.valid_to,
            "works": sorted(works),
        }

    def digest(self, works: Iterable[str]) -> bytes:
        """SHA-256 of the canonical form."""
        return hashlib.sha256(canonical(self.as_json(works))).digest()


@dataclass(frozen=True, slots=True)
class Licence:
    """An open licence or an agreement, with both of its times: what holds, and when the registry knew."""

    name: str
    """`offer_…@1` or `agreement_…@<tariff version>`."""
    terms: LicenceTerms
    concluded_at: int
    ended_at: int | None = None
    """From when on it no longer holds."""
    end_recorded_at: int | None = None

    def grant(self, as_of: int | None = None) -> Grant | None:
        """What it permits by the state of the record at `as_of` (`None`: by all of it); `None` if nothing, ever.

        It never reaches back behind its conclusion, and an end counts only once it is on record.
        """
        if as_of is not None and self.concluded_at > as_of:
            return None
        begins = max(self.terms.valid_from, self.concluded_at)
        ends = [] if self.terms.valid_to is None else [self.terms.valid_to]
        if self.ended_at is not None and self._end_is_known(as_of):
            ends.append(self.ended_at)
        if ends and min(ends) <= begins:
            return None
        return Grant(
            purpose=self.terms.purpose,
            territories=self.terms.territories,
            valid_from=begins,
            valid_to=min(ends, default=None),
            concluded_at=self.concluded_at,
            licence=self.name,
            tariff=self.terms.tariff,
        )

    def _end_is_known(self, as_of: int | None) -> bool:
        return as_of is None or (self.end_recorded_at is not None and self.end_recorded_at <= as_of)

    def holds(self, at: int) -> bool:
        """Whether it is in force at this moment, by all that is on record."""
        grant = self.grant()
        return (
            grant is not None and grant.valid_from <= at and (grant.valid_to is None or at < grant.valid_to)
        )


@dataclass(frozen=True, slots=True)
class Doubt:
    """A contested title: since when, by which earlier work (if that is public), and whether a person upheld it."""

    since: int
    by: str | None
    upheld: bool


def combine(
    licences: Iterable[Licence], denials: Sequence[Denial], doubt: Doubt | None, as_of: int | None
) -> Terms:
    """The terms that follow from licences to one circle of users. A contested title permits nothing."""
    if doubt is not None:
        return Terms((), tuple(denials), doubt.since, doubt.by, doubt.upheld)
    grants = (licence.grant(as_of) for licence in licences)
    return Terms(grants=tuple(g for g in grants if g is not None), denials=tuple(denials))


def permitted(public: Terms, personal: Terms, purpose: Purpose, territory: str, at: int) -> tuple[Grant, ...]:
    """The grants by which a use is permitted, what was agreed in person first; empty if it is denied."""
    return personal.permitting(purpose, territory, at) or public.permitting(purpose, territory, at)


# -- names of licences --------------------------------------------------------------------------------------
def licence_name(noun: str, public_id: bytes, tariff_version: int | None) -> str:
    """The name that grants, run manifests and claims carry, such as `agreement_…@3`."""
    return f"{format_id(noun, public_id)}@{tariff_version or FREE_VERSION}"


def parse_agreement_name(text: str) -> tuple[bytes, int]:
    """Public id and tariff version of `agreement_…@<version>`."""
    name, _, version = text.partition("@")
    if not (version.isascii() and version.isdigit() and 0 < len(version) <= 9) or version.startswith("0"):
        raise InvalidInput(
            f"“{text[:80]}” is no licence of yours; it looks like agreement_…@3, the tariff version last."
        )
    return parse_id("agreement", name), int(version)


# -- what may be offered ------------------------------------------------------------------------------------
MAX_WORKS = 10_000
MAX_REPERTOIRE = 200_000
MAX_LICENSEES = 1_000
_MAX_TERRITORIES = 250


def check_territories(territories: Iterable[str]) -> tuple[str, ...]:
    """Distinct country codes, sorted; `world` stands alone."""
    distinct = tuple(sorted({check_territory(t) for t in territories}))
    if not 0 < len(distinct) <= _MAX_TERRITORIES:
        raise InvalidInput("An offer names at least one territory: world, or country codes such as DE.")
    return (WORLD,) if WORLD in distinct else distinct
