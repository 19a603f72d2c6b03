"""How the cost of a tariff's component is distributed to the works that were used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.core.errors import InvalidInput

_MAX_WEIGHT = 10**6
_MAX_WEIGHTS = 20
_KINDS = {"1k_tokens": "text", "audio_minute": "audio", "voice_minute": "voice"}


class Rule(StrEnum):
    """The four rules."""

    DIRECT = "direct"
    """Each use bears what it costs by itself. What is not priced by the unit goes to the one work of the licence."""
    EQUAL_PER_WORK = "equal_per_work"
    """Every work that was used has the same part, however much of it was used."""
    PRO_RATA_UNITS = "pro_rata_units"
    """By the number of units used, whatever they count."""
    WEIGHTED = "weighted"
    """By the number of units used, each times the weight of the work's kind."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A rule, with the weights of kinds where it has them."""

    rule: Rule
    weights: tuple[tuple[str, int], ...] = ()
    """(kind of work, weight), by kind; only for `weighted`."""

    def as_json(self) -> dict[str, Any]:
        """The members that a component's JSON has for it."""
        if not self.weights:
            return {"distribution": self.rule.value}
        return {"distribution": self.rule.value, "weights": dict(self.weights)}

    def weight_of(self, unit: str) -> int:
        """What one such unit weighs; `InvalidInput` for a kind of work that the tariff does not weigh."""
        if self.rule is not Rule.WEIGHTED:
            return 1
        kind = kind_of(unit)
        for name, weight in self.weights:
            if name == kind:
                return weight
        raise InvalidInput(
            f"The tariff has no weight for works of kind {kind[:40]}, and so cannot price them."
        )

    def check_kinds(self, kinds: Collection[str]) -> None:
        """`InvalidInput` unless works of all these kinds have a weight."""
        for kind in sorted(kinds):
            self.weight_of(kind)


def kind_of(unit: str) -> str:
    """The kind of work that a unit counts: of thousands of tokens `text`; items are counted by their kind itself."""
    return _KINDS.get(unit, unit)


def parse_distribution(data: Mapping[str, Any], usual: Distribution) -> Distribution:
    """From the members `distribution` and `weights` of a component's JSON; both may be missing."""
    rule = _rule(data["distribution"]) if "distribution" in data else usual.rule
    if rule is Rule.WEIGHTED:
        return Distribution(rule, _weights(data.get("weights")))
    if "weights" in data:
        raise InvalidInput("Only a component that is distributed as weighted has weights.")
    return Distribution(rule)


def _rule(text: Any) -> Rule:
    try:
        return Rule(text)
    except ValueError:
        raise InvalidInput(
            f"“{str(text)[:40]}” is no rule of distribution; choose one of {', '.join(Rule)}."
        ) from None


def _weights(data: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(data, Mapping) or not 0 < len(data) <= _MAX_WEIGHTS:
        raise InvalidInput(
            "A component that is distributed as weighted names the weight of each kind of work, as in "
            '"weights": {"image": 3, "text": 1}.'
        )
    for kind, weight in data.items():
        if not (kind.isascii() and kind.isidentifier() and len(kind) <= 40 and kind == kind_of(kind)):
            raise InvalidInput(f"“{kind[:40]}” is no kind of work; one looks like image or text.")
        if type(weight) is not int or not 0 < weight <= _MAX_WEIGHT:
            raise InvalidInput(f"The weight of {kind} is a whole number from 1 to {_MAX_WEIGHT:,}.")
    return tuple(sorted(data.items()))
