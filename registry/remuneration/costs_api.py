"""The JSON view of what the use of some works would cost."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from registry.base.http import Blueprint, current_actor, reading, require, sources
from registry.base.schemas import PublicId, Strict, line
from registry.core.decisions import Purpose
from registry.core.decisions.terms import WORLD
from registry.core.ids import format_id
from registry.core.tariffs import Figure
from registry.remuneration import costs

blueprint = Blueprint("costs", __name__, url_prefix="/v1/costs", description="What use would cost")

_MINOR = validate.Range(0, 10**15)


class UseArguments(Strict):
    """How much of one work would be used."""

    work = PublicId("work", required=True)
    units = fields.Integer(required=True, strict=True, validate=validate.Range(1, 2**53 - 1))


class FigureArguments(Strict):
    """What the lab expects to declare for a quarter; what is left out is shown as missing."""

    net_income = fields.Integer(strict=True, validate=_MINOR, metadata={"description": "In minor units."})
    model_versions = fields.Integer(strict=True, validate=_MINOR, metadata={"description": "How many."})
    downstream_income = fields.Integer(
        strict=True, validate=_MINOR, metadata={"description": "In minor units."}
    )


class CostArguments(Strict):
    """What would be used, for what, and where."""

    uses = fields.List(
        fields.Nested(UseArguments), required=True, validate=validate.Length(1, costs.MAX_WORKS)
    )
    purpose = fields.Enum(Purpose, by_value=True, required=True)
    territory = line(8, load_default=WORLD)
    offers = fields.List(
        PublicId("offer"),
        load_default=[],
        validate=validate.Length(max=1_000),
        metadata={"description": "Those that you would rather accept than others, the best first."},
    )
    figures = fields.Nested(FigureArguments, load_default=dict)


class ComponentCostView(Strict):
    """What one component of a tariff comes to; null while the figure is missing."""

    component = fields.Integer(metadata={"description": "Its place in the tariff, from 0."})
    type = fields.String()
    exact_minor = fields.String(allow_none=True, metadata={"description": "Before rounding, n/d."})
    amount_minor = fields.Integer(allow_none=True)
    amount = fields.String(allow_none=True, metadata={"description": "With the currency's places."})
    figure = fields.String(allow_none=True, metadata={"description": "What must be declared for it."})
    minimum_minor = fields.Integer(allow_none=True)


class LicenceCostView(Strict):
    """What is due under one agreement or offer, for one quarter."""

    licence = fields.String()
    currency = fields.String(allow_none=True, metadata={"description": "null: free of charge"})
    works = fields.Integer()
    components = fields.List(fields.Nested(ComponentCostView))
    total_minor = fields.Integer(metadata={"description": "Of the components that could be priced."})
    total = fields.String(allow_none=True, metadata={"description": "The same with the currency's places."})


class WorkCostView(Strict):
    """How one work was priced, or why it was not."""

    work = PublicId("work")
    units = fields.Integer()
    unit = fields.String(allow_none=True, metadata={"description": "What they count under the licence."})
    licences = fields.List(fields.String())
    reason = fields.String(
        allow_none=True, metadata={"description": "unknown, withdrawn, contested or no-offer"}
    )
    other_offers = fields.List(fields.String())


class CostView(Strict):
    """The costs of one quarter."""

    totals = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"description": "Minor units by currency."}
    )
    licences = fields.List(fields.Nested(LicenceCostView))
    works = fields.List(fields.Nested(WorkCostView))


@blueprint.post("", repeatable=True)
@require()
@blueprint.arguments(CostArguments)
@blueprint.response(200, CostView)
def preview_costs(data: dict[str, Any]) -> Any:
    """See, as a lab, what a use would cost in a quarter, before you accept anything. Nothing is recorded."""
    command = costs.PreviewCosts(
        works=costs.summed((use["work"], use["units"]) for use in data["uses"]),
        purpose=data["purpose"],
        territory=data["territory"],
        offers=tuple(format_id("offer", offer) for offer in data["offers"]),
        figures={Figure(name): value for name, value in data["figures"].items()},
    )
    with reading() as session:
        return costs.preview_costs(session, current_actor(), command, sources())
