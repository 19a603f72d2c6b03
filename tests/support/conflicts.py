"""For tests of money: titles in conflict and their decisions, and shares that sum to anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, update

from registry.base.actor import Actor
from registry.works import service as works
from registry.works.models import Contest, ShareRow
from registry.works.service import Outcome, Work
from tests.support.usage import Trade


def contest(trade: Trade, newer: Work, earlier: Work) -> None:
    """As a machine does that finds the same picture."""
    trade.session.add(
        Contest(
            work_id=newer.id,
            earlier_id=earlier.id,
            rule="same-file",
            distance=0,
            mirrored=False,
            began_at=trade.clock(),
        )
    )
    newer.contested_since, newer.contested_by = trade.clock(), earlier.id
    trade.session.flush()


def decide(trade: Trade, newer: Work, outcome: Outcome) -> int:
    """As a person does; the log index."""
    command = works.DecideTitle(newer.public_id, outcome, "We have heard both.")
    return works.decide_title(trade.session, trade.operator, command, trade.sources).log_index


def record_shares(trade: Trade, work: Work, shares: Sequence[tuple[Actor, int]]) -> None:
    """As an import records them now, to any sum."""
    now = trade.clock()
    trade.session.execute(update(ShareRow).where(ShareRow.work_id == work.id).values(superseded_at=now))
    trade.session.execute(
        insert(ShareRow),
        [
            {
                "work_id": work.id, "party_id": actor.party_id, "right": "reproduction", "territory": "world",
                "ppm": ppm, "valid_from": now, "recorded_at": now, "recorded_by": trade.anna.party_id,
            }
            for actor, ppm in shares
        ],
    )  # fmt: skip
    trade.session.expire_all()
