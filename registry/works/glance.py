"""What came of a maker's works, for the head of their page: how many labs used, and what was earned by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.remuneration import service as remuneration
from registry.usage import service as usage


@dataclass(frozen=True, slots=True)
class Glance:
    """Three figures that a maker looks for first."""

    works: int
    """Of the maker's, that some lab has reported."""
    labs: int
    earned: Mapping[str, int]
    """Minor units by currency, of all quarters that are settled."""


def at_a_glance(session: Session, actor: Actor, sources: Sources) -> Glance:
    """These figures for the actor's own works."""
    used = usage.used_works(session, actor.party_id)
    totals = remuneration.statement_totals(session, actor, sources)
    return Glance(used.works, used.labs, remuneration.in_total(totals))
