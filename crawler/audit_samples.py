"""Audit a sample of the claim rows that name one's own works: drawn by the auditor's seed, proved one by one.

The registry is asked for the places of all rows, and for the sample. The sample is drawn once more from the places, so
the registry cannot choose which rows are looked at; each row is then proved to be in the log as it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from crawler.client import Client
from registry.core.errors import VerificationFailed
from registry.core.records.leaves import UseLeaf
from registry.core.records.receipts import verify_receipt
from registry.core.records.samples import Place, draw
from registry.core.snapshots.times import to_text
from registry.core.tlog.policies import Policy

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many rows to look at, and what draws them."""

    count: int
    seed: str
    """A text that the registry could not know before."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was found."""

    drawn: int
    rows: int
    """From how many."""
    faults: list[str]


def audit_sample(client: Client, policy: Policy, size: int, wanted: Wanted) -> Sampled:
    """Look at the sample of the log's first `size` entries.

    `Forbidden` for a key that may see no uses; `VerificationFailed` if the sample is not that of the seed.
    """
    try:
        return _audit_sample(client, policy, size, wanted)
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise VerificationFailed(
            f"The registry's list or sample of uses cannot be read: {problem!r:.200}"
        ) from problem


def _audit_sample(client: Client, policy: Policy, size: int, wanted: Wanted) -> Sampled:
    places: list[Place] = []
    for item in _listed(client, size):
        place = _place(item)
        if place.log_index >= size or (places and place <= places[-1]):
            raise VerificationFailed(
                f"The registry lists row {place.row} of entry {place.log_index} out of order."
            )
        places.append(place)
    query = {"n": wanted.count, "seed": wanted.seed, "to": size}
    items = client.get(f"/v1/uses/sample?{urlencode(query)}")["items"]
    expected = draw(wanted.seed, places, wanted.count)
    if [_place(item) for item in items] != expected:
        raise VerificationFailed(
            "The registry's sample is not the one that the seed draws from what it lists."
        )
    faults = [fault for item in items if (fault := _fault(item, policy))]
    return Sampled(len(items), len(places), faults)


def _listed(client: Client, size: int) -> Iterator[Mapping[str, Any]]:
    query = {"limit": str(_PAGE), "to": str(size)}
    while True:
        page = client.get("/v1/uses", query)
        yield from page["items"]
        if page["next"] is None:
            return
        if not page["items"]:
            raise VerificationFailed("The registry's list of uses goes on after an empty page.")
        query["after"] = page["next"]


def _place(item: Mapping[str, Any]) -> Place:
    place = Place(item["log_index"], item["row"])
    if any(type(number) is not int or number < 0 for number in place):
        raise VerificationFailed("The registry names a row without its place in the log.")
    return place


def _fault(item: Mapping[str, Any], policy: Policy) -> str | None:
    """In what way the row is not proved to be in the log as it is shown."""
    name = f"row {item['row']} of {item['claim']}"
    try:
        proved = verify_receipt(item["receipt"], policy)
    except VerificationFailed as problem:
        return f"{name}: {problem.message}"
    leaf, row = proved.leaf, proved.row
    if not isinstance(leaf, UseLeaf) or row is None:
        return f"{name}: its receipt is for something else"
    logged = (
        proved.index, proved.row_index, leaf.lab, to_text(leaf.at), row.work, row.licence, row.units, int(row.how)
    )  # fmt: skip
    shown = tuple(
        item[member]
        for member in ("log_index", "row", "lab", "submitted_at", "work", "licence", "units", "how")
    )
    return None if shown == logged else f"{name}: the registry shows another row than it logged"
