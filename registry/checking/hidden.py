"""Hits on works that are in no snapshot, counted by account and day.

Whoever has a similar picture could try out, question after question, where its match ends, and so draw the code of a
work that its maker keeps from the public. Each hit on such a work of somebody else is counted. When they are used up,
the account's checks are refused until the window ends, those without a hit as well: if only hits were refused, the
refusal would tell. What is refused is never an `allow`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from registry.base.actor import Actor
from registry.base.ratelimits import Budget, Rate
from registry.checking.live import KnownWork
from registry.core.matching import Match

_USED_UP = (
    "This account has been told of as many works that are in no snapshot as it may (hidden), so no check is answered "
    "now. A synced snapshot answers as before."
)


def budget() -> Budget:
    """What may still be told to the sender of this request; `RateLimited` if it is nothing."""
    return Budget(Rate.HIDDEN, _USED_UP)


def hits(known: Mapping[int, KnownWork], actor: Actor | None, found: Collection[Sequence[Match]]) -> int:
    """How often an answer with these matches would name a hidden work of somebody else."""
    own = None if actor is None else {actor.party_id, actor.principal_id}
    secret = {row for row, work in known.items() if work.hidden and (own is None or work.owner_id not in own)}
    return sum(match.work_row in secret for matches in found for match in matches) if secret else 0
