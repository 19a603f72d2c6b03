"""What use costs: tariffs as both sides compute with them. Whole numbers and rationals, never a float.

`components` says what a tariff can consist of, `figures` what a lab must declare for some of it, `costs` what a row of
reported use bears. A settlement, a preview and whoever checks either use the same functions.
"""

from registry.core.tariffs.components import (
    Component,
    DownstreamShare,
    FlatPerPeriod,
    PerModelVersion,
    PerUnit,
    RevenueShare,
    Tariff,
    Unit,
    parse_components,
)
from registry.core.tariffs.costs import component_costs, costs_of_totals, row_costs
from registry.core.tariffs.distribution import Distribution, Rule, kind_of
from registry.core.tariffs.figures import Figure, amount_due, declared_components, figure_of, flat_amounts

__all__ = [
    "Component",
    "Distribution",
    "DownstreamShare",
    "Figure",
    "FlatPerPeriod",
    "PerModelVersion",
    "PerUnit",
    "RevenueShare",
    "Rule",
    "Tariff",
    "Unit",
    "amount_due",
    "component_costs",
    "costs_of_totals",
    "declared_components",
    "figure_of",
    "flat_amounts",
    "kind_of",
    "parse_components",
    "row_costs",
]
