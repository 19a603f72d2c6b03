"""A person looks at a hint and puts it aside, with the reason; and can take that back. Nothing else follows from it.

Each act is kept, shown to both owners, and committed to in the public log, as decisions about titles are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, Forbidden, NotFound
from registry.core.ids import format_id
from registry.log import service as log
from registry.works.hints import hint_between
from registry.works.models import HintReview, LikenessHint
from registry.works.title_acts import check_reason, log_act


class Act(StrEnum):
    """What a person does about a hint."""

    DISMISS = "dismiss"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class ReviewHint:
    """Put a hint aside, or take that back; the reason is for both owners to read."""

    newer: bytes
    other: bytes
    act: Act
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewedHint:
    """A hint that a person has looked at, as the owners see it: the other work is nobody else's business."""

    found_at: datetime
    reviews: Sequence[HintReview]
    """The oldest first."""


def review_hint(session: Session, actor: Actor, command: ReviewHint, sources: Sources) -> HintReview:
    """Record what a person did about a hint.

    `Forbidden` for whoever is no operator, `Conflict` if it is so already, `InvalidInput` for a reason that is none.
    """
    if actor.role is not Role.OPERATOR:
        raise Forbidden("Only the operator of the registry looks at hints.")
    reason = check_reason(command.reason, "A hint is put aside for a reason of")
    now = whole_second(sources.now())
    log.next_change_seq(session)  # the log head is held from here on, so that two cannot do it at once
    hint = hint_between(session, command.newer, command.other)
    if hint is None:
        raise NotFound(f"There is no hint about {format_id('work', command.newer)} and that work.")
    before = reviews_of(session, [hint.id]).get(hint.id, ())
    standing = Act(before[-1].act) if before else Act.REOPEN
    if standing is command.act:
        raise Conflict("This hint is put aside already." if standing is Act.DISMISS else "This hint is open.")
    case = {
        "newer": format_id("work", command.newer),
        "other": format_id("work", command.other),
        "reason": reason,
    }
    logged = log_act(session, b"hints", command.act.value, case, now, sources)
    review = HintReview(
        hint_id=hint.id,
        act=command.act.value,
        reason=reason,
        salt=logged.salt,
        log_index=logged.log_index,
        reviewed_at=now,
        reviewed_by=actor.party_id,
    )
    session.add(review)
    session.flush()
    return review


def reviews_of(session: Session, hints: Collection[int]) -> Mapping[int, list[HintReview]]:
    """What was done about hints (private keys), the oldest first."""
    found: dict[int, list[HintReview]] = defaultdict(list)
    query = select(HintReview).where(HintReview.hint_id.in_(sorted(hints))).order_by(HintReview.id)
    for review in session.scalars(query):
        found[review.hint_id].append(review)
    return found


def reviewed_hints(session: Session, work_id: int) -> list[ReviewedHint]:
    """Hints about a work (private key), on either side, that a person has looked at."""
    mine = or_(LikenessHint.work_id == work_id, LikenessHint.other_id == work_id)
    hints = session.scalars(select(LikenessHint).where(mine).order_by(LikenessHint.id)).all()
    reviews = reviews_of(session, [hint.id for hint in hints])
    return [ReviewedHint(hint.found_at, reviews[hint.id]) for hint in hints if reviews.get(hint.id)]
