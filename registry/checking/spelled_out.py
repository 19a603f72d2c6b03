"""What an item matches, as all JSON tells it; for what is denied, by which offers it could be had.

The offers are looked up for all of an answer at once, and only if something was denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.checking.service import Checked
from registry.core.decisions import Request
from registry.core.matching import Match
from registry.licences import service as licences

MOST_OFFERS: Final = 3
"""Of a work; `GET /v1/offers` lists all."""

Offers = Mapping[str, Sequence[Mapping[str, str | None]]]
"""By public id of a work, those that would permit what was asked."""


def offers_for(
    session: Session, actor: Actor | None, request: Request, checked: Iterable[Checked], now: datetime
) -> Offers:
    """What this actor could accept for the works for which nothing but a licence is missing."""
    unlicensed: dict[str, int] = {}
    for each in checked:
        unlicensed.update(each.unlicensed)
    if actor is None or not unlicensed:
        return {}
    found = licences.offers_to(session, actor, unlicensed.values(), request.purpose, request.territory, now)
    told = {
        key: [{"offer": each.name, "tariff": each.tariff} for each in offers[:MOST_OFFERS]]
        for key, offers in found.items()
    }
    return {work: told[key] for work, key in unlicensed.items() if key in told}


def spelled_out(checked: Checked, offers: Offers) -> list[dict[str, Any]]:
    """The works that an item matches, surest first."""
    return [
        {**_match(work, match), "offers": offers.get(work, ()) if work in checked.unlicensed else ()}
        for work, match in checked.matches
    ]


def _match(work: str, match: Match) -> dict[str, Any]:
    found = match.passage
    return {
        "work": work,
        "algorithm": match.algorithm,
        "distance": match.distance,
        "grade": match.grade.name.lower(),
        "variant": match.variant,
        "passage": found and {"words": found.words, "begin": found.begin, "end": found.end},
    }
