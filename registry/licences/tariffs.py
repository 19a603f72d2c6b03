"""Tariffs: what a use costs. Pure and exact: integers and fractions of minor units, never a float.

A tariff is the sum of its components. It is canonical JSON, so its SHA-256 names exactly one price list for ever;
agreements and log leaves hold that digest. Only totals are rounded, and not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical

_MAX_AMOUNT = 10**12
_MAX_COMPONENTS = 20

# Currencies in which money is paid (ISO 4217, as of 2026); no metals, funds or test codes.
_ISO_4217 = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_ISO_4217.split())


class Unit(StrEnum):
    """What use is counted in."""

    IMAGE = "image"
    WORK = "work"
    TOKENS = "1k_tokens"
    """Thousands of tokens of the licensee's own tokenizer, as it declares them."""


@dataclass(frozen=True, slots=True)
class PerUnit:
    """`amount_minor` per `per_units` units: 40 cents per 100 images is (40, 100, image)."""

    amount_minor: int
    per_units: int
    unit: Unit

    def as_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "amount_minor": self.amount_minor,
            "per_units": self.per_units,
            "type": "per_unit",
            "unit": self.unit.value,
        }


@dataclass(frozen=True, slots=True)
class FlatPerPeriod:
    """`amount_minor` for each settlement period in which the agreement is in force, however much is used."""

    amount_minor: int

    def as_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {"amount_minor": self.amount_minor, "type": "flat_per_period"}


Component = PerUnit | FlatPerPeriod


@dataclass(frozen=True, slots=True)
class Tariff:
    """One immutable version of a price list, in one currency."""

    tariff: str
    """Public id of the series."""
    version: int
    currency: str
    components: tuple[Component, ...]

    def as_json(self) -> dict[str, Any]:
        """The canonical form, which the digest is taken over."""
        return {
            "components": [component.as_json() for component in self.components],
            "currency": self.currency,
            "tariff": self.tariff,
            "version": self.version,
        }

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical(self.as_json())).digest()


def parse_components(data: Sequence[Mapping[str, Any]]) -> tuple[Component, ...]:
    """Components from JSON; `InvalidInput` for unknown types, units or members, floats and senseless amounts."""
    if not 0 < len(data) <= _MAX_COMPONENTS:
        raise InvalidInput(
            f"A tariff has 1 to {_MAX_COMPONENTS} components; a free offer has no tariff at all."
        )
    return tuple(_parse_component(component) for component in data)


def _parse_component(data: Mapping[str, Any]) -> Component:
    kind = data.get("type")
    if kind == "per_unit":
        _check_members(data, {"type", "amount_minor", "per_units", "unit"})
        return PerUnit(_amount(data, "amount_minor"), _amount(data, "per_units"), _unit(data["unit"]))
    if kind == "flat_per_period":
        _check_members(data, {"type", "amount_minor"})
        return FlatPerPeriod(_amount(data, "amount_minor"))
    raise InvalidInput(f"“{str(kind)[:40]}” is no type of component; known are per_unit and flat_per_period.")


def _check_members(data: Mapping[str, Any], expected: set[str]) -> None:
    if data.keys() != expected:
        wrong = ", ".join(sorted(data.keys() ^ expected))
        raise InvalidInput(
            f"A component {data['type']} has exactly {', '.join(sorted(expected))}; see: {wrong}."
        )


def _amount(data: Mapping[str, Any], name: str) -> int:
    value = data[name]
    if type(value) is not int or not 0 < value <= _MAX_AMOUNT:
        raise InvalidInput(
            f"{name} is a whole number from 1 to {_MAX_AMOUNT:,}; write a price below one cent as cents per "
            f"many units. It was {str(value)[:40]}."
        )
    return value


def _unit(text: Any) -> Unit:
    try:
        return Unit(text)
    except ValueError:
        raise InvalidInput(f"“{str(text)[:40]}” is no unit; choose one of {', '.join(Unit)}.") from None


def check_currency(code: str) -> str:
    """An ISO 4217 code of money that can be paid out."""
    if code not in CURRENCIES:
        raise InvalidInput(f"“{code[:10]}” is no ISO 4217 currency code; one looks like EUR.")
    return code


def cost(tariff: Tariff, units: Mapping[str, int | Fraction], *, periods: int = 1) -> Fraction:
    """What this use costs, exactly, in minor units of the tariff's currency.

    `units` maps units to how many were used; those that the tariff does not price cost nothing. `periods` is the
    number of settlement periods for which a flat price is due; 0 leaves flat prices out.
    """
    if periods < 0 or any(count < 0 for count in units.values()):
        raise InvalidInput("Units and periods are counted from zero up.")
    total = Fraction(0)
    for component in tariff.components:
        if isinstance(component, PerUnit):
            total += Fraction(component.amount_minor, component.per_units) * units.get(component.unit, 0)
        else:
            total += component.amount_minor * periods
    return total
