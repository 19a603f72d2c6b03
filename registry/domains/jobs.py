"""Look for the proofs of all claims in force, again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sqlalchemy import select

from registry.base.clock import Sources
from registry.base.db import Database
from registry.domains.models import DomainClaim
from registry.domains.probing import Prober
from registry.domains.proving import look, record_look

AT_ONCE: Final = 16
MOST: Final = 400
"""Claims per run: even if every place lets us wait, a run ends well within a job's lease."""


def recheck_domains(
    database: Database, payload: Mapping[str, Any], sources: Sources, prober: Prober | None = None
) -> dict[str, Any]:
    """Check the claims that are due, those due longest first; how many there were, and what came of it.

    A job's handler: due every hour, so that each claim is checked once a day, and one that fails four times a day.
    """
    del payload
    looking = prober or Prober()
    now = sources.now()
    with database.reading() as session:
        due = session.scalars(
            select(DomainClaim)
            .where(DomainClaim.holds.is_not(None), DomainClaim.next_check_at <= now)
            .order_by(DomainClaim.next_check_at, DomainClaim.id)
            .limit(MOST)
        ).all()
    tally: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="domains") as pool:
        for claim, found in zip(due, pool.map(lambda claim: look(looking, claim), due), strict=True):
            with database.writing() as session:
                after = record_look(session, claim.id, found, sources)
                tally[found.outcome.value] += 1
                tally["lapsed"] += after.lapsed_at is not None
    return {
        "checked": len(due),
        **{name: tally[name] for name in ("found", "missing", "unreachable", "lapsed")},
    }
