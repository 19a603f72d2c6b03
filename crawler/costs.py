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
    """The answer for people: what is due in all, and under which licence for what; and which works have no offer."""
    found = [_headline(answer)]
    for licence in answer["licences"]:
        works = words.amount(licence["works"], "work")
        if (currency := licence["currency"]) is None:
            found += ["", f"{works}, free of charge: {licence['licence']}"]
            continue
        found += ["", f"{works} for {licence['total']} {currency}: {licence['licence']}"]
        rows = [_component(each, currency) for each in licence["components"]]
        width = max((len(price) for price, _ in rows), default=0)
        found += [f"    {price:>{width}}  {what}" for price, what in rows]
    reasons = Counter(each["reason"] for each in answer["works"] if each["reason"])
    if reasons:
        found.append("")
    for reason, count in sorted(reasons.items()):
        found.append(f"{words.amount(count, 'work')} without a price: {_REASONS.get(reason, reason)}")
    return found


def figures_missing(answer: Mapping[str, Any]) -> list[str]:
    """The figures that the lab has to give before all of it has a price."""
    components = (each for licence in answer["licences"] for each in licence["components"])
    return sorted({each["figure"] for each in components if each["amount_minor"] is None})


def _headline(answer: Mapping[str, Any]) -> str:
    totals = [words.money(minor, currency) for currency, minor in sorted(answer["totals"].items())]
    if figures_missing(answer):
        known = " and ".join(totals) or "nothing that is known yet"
        return f"In a quarter: {known}, and what depends on your figures"
    return f"In a quarter: {' and '.join(totals) or 'nothing to pay'}"


def _component(component: Mapping[str, Any], currency: str) -> tuple[str, str]:
    """What one component of a tariff comes to, and for what that is."""
    what = _COMPONENTS.get(component["type"], component["type"].replace("_", " "))
    if component["amount_minor"] is not None:
        return f"{component['amount']} {currency}", what
    least = component["minimum_minor"]
    return "?", f"{what}, at least {words.money(least, currency)}" if least else what


_COMPONENTS = {
    "per_unit": "for what is used, piece by piece",
    "flat_per_period": "flat for the quarter",
    "per_model_version": "for each version of a model",
    "revenue_share": "as a share of your net income",
    "downstream_share": "as a share of what others earn with the output",
}
_REASONS = {
    "no-offer": "nobody offers them for this; ask their makers for terms (POST /v1/requests)",
    "contested": "two claim to be their maker",
    "withdrawn": "withdrawn by their makers",
    "unknown": "not in this registry",
}
