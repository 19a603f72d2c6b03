"""What a lab declared, as a settlement charges it: the figure, what it corrects, and the proof of it in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.records.leaves import AnyLeaf, DeclarationLeaf, commitment
from registry.core.tariffs import Figure, Tariff, amount_due, figure_of


class Stated(NamedTuple):
    """One declaration."""

    log_index: int
    """Of its entry, which holds a commitment to it."""
    amount_minor: int | None
    """An income; `None` for model versions."""
    models: tuple[str, ...]
    """Public ids of the model versions, in order."""
    salt: str
    """Opens the commitment (hexadecimal)."""

    def as_json(self) -> dict[str, Any]:
        """What the commitment is to."""
        if self.amount_minor is None:
            return {"models": list(self.models)}
        return {"amount_minor": self.amount_minor}

    @property
    def value(self) -> int:
        """The income in minor units, or the number of model versions."""
        return len(self.models) if self.amount_minor is None else self.amount_minor

    def published(self) -> dict[str, Any]:
        """With what opens it."""
        return self.as_json() | {"index": self.log_index, "salt": self.salt}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Stated:
        """Inverse of `published`."""
        models = tuple(data.get("models", ()))
        amount = None if "models" in data else data["amount_minor"]
        known = {"index", "salt", "models" if amount is None else "amount_minor"}
        if data.keys() != known or not all(isinstance(model, str) for model in models):
            raise InvalidInput("A declared figure has index, salt, and amount_minor or models.")
        return cls(data["index"], amount, models, data["salt"])

    def verify(self, leaf: AnyLeaf, licence: str, period: str, figure: Figure) -> None:
        """`VerificationFailed` unless this very figure of this agreement and quarter is in the log's entry."""
        if (
            not isinstance(leaf, DeclarationLeaf)
            or (leaf.licence, leaf.period, leaf.figure) != (licence, period, figure)
            or leaf.value != commitment(bytes.fromhex(self.salt), self.as_json())
        ):
            raise VerificationFailed(f"Entry {self.log_index} is not the {figure} of {licence} for {period}.")


@dataclass(frozen=True, slots=True)
class Declared:
    """The one component that a pool charges by a declared figure."""

    component: int
    """Its place in the tariff, from 0."""
    now: Stated
    before: Stated | None = None
    """By which an earlier settlement charged it: then the difference is charged, which may be below zero."""

    def part(self, tariff: Tariff) -> str:
        """What tells the pool from others of the same agreement and quarter, such as `net_income.2@17`."""
        return f"{self.figure(tariff)}.{self.component}@{self.now.log_index}"

    def figure(self, tariff: Tariff) -> Figure:
        """Which one it is."""
        figure = figure_of(tariff.components[self.component])
        if figure is None:
            raise InvalidInput(f"Component {self.component} of {tariff.tariff} waits for no figure.")
        return figure

    def amount_minor(self, tariff: Tariff) -> int:
        """What is charged now."""
        component = tariff.components[self.component]
        before = 0 if self.before is None else amount_due(component, self.before.value)
        return amount_due(component, self.now.value) - before

    def as_json(self) -> dict[str, Any]:
        """As it is published."""
        facts = {"component": self.component, "now": self.now.published()}
        return facts if self.before is None else facts | {"before": self.before.published()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Declared:
        """Inverse of `as_json`."""
        before = Stated.of(data["before"]) if "before" in data else None
        return cls(data["component"], Stated.of(data["now"]), before)


class Hold(NamedTuple):
    """A component that could not be priced. Whatever else its agreement owes was settled."""

    licence: str
    period: str
    component: int
    figure: str
    """Which must be declared."""
    reason: str
    """`not-over` (the quarter), `not-declared`, or `model-missing`: a claim names a model that was not declared."""
