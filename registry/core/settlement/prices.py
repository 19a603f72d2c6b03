"""What use costs: a tariff version as a settlement computes with it. Rationals only; nothing is rounded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from registry.core.errors import InvalidInput

PER_WORK = "work"
"""The unit of a price that is due once for each work of a claim batch."""


@dataclass(frozen=True, slots=True)
class Prices:
    """A tariff version as a settlement computes with it."""

    currency: str
    per_unit: Mapping[str, Fraction]
    """Minor units per unit of use, and per `work`; what has no price costs nothing by itself."""
    flat_minor: int
    """Due once for each agreement and period in which use is reported."""

    @classmethod
    def of(cls, tariff: Mapping[str, Any]) -> Prices:
        """From a tariff's canonical JSON; components of one kind add up. `InvalidInput` for one we cannot price."""
        per_unit: dict[str, Fraction] = {}
        flat = 0
        for component in tariff["components"]:
            match component:
                case {"type": "per_unit", "unit": unit, "amount_minor": amount, "per_units": units}:
                    per_unit[unit] = per_unit.get(unit, Fraction(0)) + Fraction(amount, units)
                case {"type": "flat_per_period", "amount_minor": amount}:
                    flat += amount
                case _:
                    raise InvalidInput(
                        f"This program cannot price a component {component.get('type')!r:.40}."
                    )
        return cls(tariff["currency"], per_unit, flat)
