"""Tariffs: an immutable price list, the sum of its components.

It is canonical JSON (RFC 8785), so its SHA-256 names exactly one price list for ever; agreements and log entries hold
that digest. What two people write in two ways has one form: a distribution that is the usual one is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, get_args

from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical
from registry.core.tariffs.currencies import check_currency
from registry.core.tariffs.distribution import Distribution, Rule, parse_distribution

MILLION = 1_000_000
_MAX_AMOUNT = 10**12
_MAX_COMPONENTS = 20
_DIRECT = Distribution(Rule.DIRECT)
_EQUALLY = Distribution(Rule.EQUAL_PER_WORK)
_BY_UNITS = Distribution(Rule.PRO_RATA_UNITS)


class Unit(StrEnum):
    """What use is counted in."""

    IMAGE = "image"
    WORK = "work"
    """Each work once in each claim."""
    TOKENS = "1k_tokens"
    """Thousands of tokens of the licensee's own tokenizer, as it declares them."""
    AUDIO_MINUTE = "audio_minute"
    """Minutes of recorded sound, as the licensee counts them; a begun minute of an item is one."""
    VOICE_MINUTE = "voice_minute"
    """The same of a person's voice."""


class _Distributed:
    """What all components have."""

    __slots__ = ()
    TYPE: ClassVar[str]
    USUALLY: ClassVar[Distribution]
    distribution: Distribution

    def as_json(self) -> dict[str, Any]:
        """The canonical form."""
        usual = self.distribution == self.USUALLY
        members = {name: getattr(self, name) for name in _members(type(self))}
        return members | {"type": self.TYPE} | ({} if usual else self.distribution.as_json())


def _members(kind: type[_Distributed]) -> list[str]:
    """What a component of this kind has beside its type and distribution."""
    return [field.name for field in fields(kind) if field.name != "distribution"]  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class PerUnit(_Distributed):
    """`amount_minor` per `per_units` units: 40 cents per 100 images is (40, 100, image)."""

    TYPE: ClassVar[str] = "per_unit"
    USUALLY: ClassVar[Distribution] = _DIRECT

    amount_minor: int
    per_units: int
    unit: Unit
    distribution: Distribution = _DIRECT


@dataclass(frozen=True, slots=True)
class FlatPerPeriod(_Distributed):
    """`amount_minor` for each settlement period in which use is reported, however much it is."""

    TYPE: ClassVar[str] = "flat_per_period"
    USUALLY: ClassVar[Distribution] = _EQUALLY

    amount_minor: int
    distribution: Distribution = _EQUALLY


@dataclass(frozen=True, slots=True)
class PerModelVersion(_Distributed):
    """`amount_minor` once for each model version that the lab declares (as in STIM's licence for training)."""

    TYPE: ClassVar[str] = "per_model_version"
    USUALLY: ClassVar[Distribution] = _EQUALLY

    amount_minor: int
    distribution: Distribution = _EQUALLY


@dataclass(frozen=True, slots=True)
class RevenueShare(_Distributed):
    """`ppm` millionths of the net income that the lab declares for a period, and at least `minimum_minor`."""

    TYPE: ClassVar[str] = "revenue_share"
    USUALLY: ClassVar[Distribution] = _BY_UNITS

    ppm: int
    minimum_minor: int
    distribution: Distribution = _BY_UNITS


@dataclass(frozen=True, slots=True)
class DownstreamShare(_Distributed):
    """`ppm` millionths of what the model's output earns downstream in a period, as the lab declares it."""

    TYPE: ClassVar[str] = "downstream_share"
    USUALLY: ClassVar[Distribution] = _BY_UNITS

    ppm: int
    distribution: Distribution = _BY_UNITS


Component = PerUnit | FlatPerPeriod | PerModelVersion | RevenueShare | DownstreamShare


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

    @classmethod
    def of(cls, data: Any) -> Tariff:
        """Inverse of `as_json`; `InvalidInput` for a tariff that this program cannot price."""
        if not isinstance(data, Mapping) or data.keys() != {"components", "currency", "tariff", "version"}:
            raise InvalidInput("A tariff has exactly components, currency, tariff and version.")
        name, version = data["tariff"], data["version"]
        if not isinstance(name, str) or type(version) is not int or version < 1:
            raise InvalidInput("A tariff has a name, and a version counted from 1.")
        return cls(name, version, check_currency(data["currency"]), parse_components(data["components"]))

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical(self.as_json())).digest()

    def check_works(self, kinds: Sequence[str]) -> None:
        """`InvalidInput` if works of these kinds, one each, could not be paid by these rules of distribution."""
        for component in self.components:
            component.distribution.check_kinds(set(kinds))
            direct = component.distribution.rule is Rule.DIRECT and not isinstance(component, PerUnit)
            if direct and len(kinds) != 1:
                raise InvalidInput(
                    f"A component {component.TYPE} that is distributed as direct is for an offer of exactly one work; "
                    f"this one is about {len(kinds):,}. Choose another distribution."
                )


# -- reading ------------------------------------------------------------------------------------------------
def parse_components(data: Any) -> tuple[Component, ...]:
    """Components from JSON; `InvalidInput` for unknown types, units or members, floats and senseless amounts."""
    if not isinstance(data, list | tuple) or not 0 < len(data) <= _MAX_COMPONENTS:
        raise InvalidInput(
            f"A tariff has 1 to {_MAX_COMPONENTS} components; a free offer has no tariff at all."
        )
    return tuple(_parse_component(component) for component in data)


_KINDS: Mapping[object, type[Component]] = {kind.TYPE: kind for kind in get_args(Component)}


def _parse_component(data: Any) -> Component:
    name = data.get("type") if isinstance(data, Mapping) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        *others, last = _KINDS
        known = f"{', '.join(map(str, others))} and {last}"
        raise InvalidInput(f"“{str(name)[:40]}” is no type of component; known are {known}.")
    _check_members(data, *_members(kind))
    values: dict[str, Any] = {member: _READERS[member](data, member) for member in _members(kind)}
    return kind(**values, distribution=parse_distribution(data, kind.USUALLY))


def _check_members(data: Mapping[str, Any], *expected: str) -> None:
    wrong = (data.keys() ^ {"type", *expected}) - {"distribution", "weights"}
    if wrong:
        raise InvalidInput(
            f"A component {data['type']} has exactly {', '.join(sorted(('type', *expected)))}, and a distribution if "
            f"it is not the usual one; see: {', '.join(sorted(map(str, wrong)))}."
        )


def _amount(data: Mapping[str, Any], name: str, least: int = 1) -> int:
    value = data[name]
    if type(value) is not int or not least <= value <= _MAX_AMOUNT:
        raise InvalidInput(
            f"{name} is a whole number from {least} to {_MAX_AMOUNT:,}; write a price below one cent as cents per "
            f"many units. It was {str(value)[:40]}."
        )
    return value


def _ppm(data: Mapping[str, Any], name: str) -> int:
    value = data[name]
    if type(value) is not int or not 0 < value <= MILLION:
        raise InvalidInput(
            f"{name} is a whole number from 1 to {MILLION:,}: 300,000 is 30 %. It was {str(value)[:40]}."
        )
    return value


def _unit(data: Mapping[str, Any], name: str) -> Unit:
    try:
        return Unit(data[name])
    except ValueError:
        text = str(data[name])[:40]
        raise InvalidInput(f"“{text}” is no unit; choose one of {', '.join(Unit)}.") from None


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Any]] = {
    "amount_minor": _amount,
    "per_units": _amount,
    "minimum_minor": partial(_amount, least=0),
    "ppm": _ppm,
    "unit": _unit,
}
