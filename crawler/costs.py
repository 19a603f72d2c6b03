"""What a run's works would cost under licence: counted here, priced by the registry, before anything is accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crawler import durable, words
from crawler.client import Client
from crawler.runs import papers
from crawler.runs.layout import VERDICTS
from crawler.runs.opening import open_manifest
from registry.core.decisions import Verdict
from registry.core.errors import InvalidInput, NetworkFailed, VerificationFailed

_MEMBERS = {"licences", "totals", "works"}


def works_of_run(run: Path) -> Counter[str]:
    """How many items of a run were which registered work: those that may be used under licence, and those that may not.

    What is open to anyone costs nothing and is not counted; what a person has to look at is nobody's work yet. An item
    that may not be used counts for the work that decided so. `VerificationFailed` if the verdicts were changed.
    """
    manifest = open_manifest(run)
    if durable.sha256_of(run / VERDICTS) != manifest.verdicts.sha256:
        raise VerificationFailed(f"{run / VERDICTS} was changed after the run; no costs follow from it.")
    units: Counter[str] = Counter()
    for row in papers.read_parquet(run / VERDICTS, papers.VERDICTS):
        named = {use["work_id"] for use in row["uses"]}
        if not named and row["verdict"] == Verdict.DENY and row["work_id"] is not None:
            named = {row["work_id"]}
        units.update(named)
    if not units:
        raise InvalidInput(
            f"Nothing in {run} needs a licence: no item is a registered work that is not open to all."
        )
    return units


def ask(
    client: Client, run: Path, units: Counter[str], offers: Sequence[str], figures: Mapping[str, int]
) -> dict[str, Any]:
    """The registry's answer for what the run asked for."""
    manifest = open_manifest(run)
    document = {
        "uses": [{"work": work, "units": number} for work, number in sorted(units.items())],
        "purpose": manifest.purpose,
        "territory": manifest.territory,
        "offers": list(offers),
        "figures": dict(figures),
    }
    answer = client.post("/v1/costs", document, repeatable=True)
    if not isinstance(answer, dict) or not answer.keys() >= _MEMBERS:
        raise NetworkFailed("The server's answer cannot be understood; is it a registry of this release?")
    return answer


def lines(answer: Mapping[str, Any]) -> list[str]:
    """The answer for people: what is due under which licence, what waits for a figure, what has no offer."""
    found = []
    for licence in answer["licences"]:
        free = licence["currency"] is None
        price = "free of charge" if free else f"{licence['total']} {licence['currency']}"
        found.append(f"{licence['licence']}: {price} for {words.amount(licence['works'], 'work')}")
        found += [f"    {_component(each, licence['currency'])}" for each in licence["components"]]
    for reason, count in sorted(
        Counter(each["reason"] for each in answer["works"] if each["reason"]).items()
    ):
        found.append(f"{words.amount(count, 'work')} without a price: {_REASONS.get(reason, reason)}")
    return found


def _component(component: Mapping[str, Any], currency: str) -> str:
    if component["amount_minor"] is None:
        least = component["minimum_minor"]
        floor = f", at least {words.money(least, currency)}" if least else ""
        return f"{component['type']}: depends on your {component['figure']}{floor}"
    return f"{component['type']}: {component['amount']} {currency}"


_REASONS = {
    "no-offer": "nobody offers them for this; ask their makers for terms (POST /v1/requests)",
    "contested": "two claim to be their maker",
    "withdrawn": "withdrawn by their makers",
    "unknown": "not in this registry",
}
