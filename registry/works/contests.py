"""Titles in conflict: what both owners are told, and what a person decides. A decision can be corrected by another.

A machine only ever puts the newer title in doubt. A person, who has heard both, can

- *uphold* it: the earlier work was rightly found, and may be licensed again as if there were no double;
- *release* it: both titles stand, because the works are different or both owners may register them;
- *reverse* it: the newer work is the original, so now the earlier title is the contested one.

Each decision is kept with its reason, shown to both owners, and committed to in the public log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, Forbidden, NotFound
from registry.core.ids import format_id
from registry.log import service as log
from registry.works.models import Contest, TitleDecision, Work
from registry.works.rules import Rule
from registry.works.title_acts import check_reason, log_act

_CHUNK = 500


class Outcome(StrEnum):
    """What a person decides about a contest."""

    UPHOLD = "uphold"
    RELEASE = "release"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class SeenContest:
    """A contest with the public ids of both works, and what was decided about it, oldest first."""

    newer: bytes
    earlier: bytes
    rule: Rule
    distance: int
    mirrored: bool
    began_at: datetime
    decisions: Sequence[TitleDecision]

    @property
    def decided_by(self) -> str:
        """Who had the last word so far. The proof of a domain is checked by a machine, too."""
        return "person" if self.decisions else "machine"


# -- read ---------------------------------------------------------------------------------------------------
def contests_of(session: Session, work_id: int) -> list[SeenContest]:
    """All contests that a work (private key) was ever in, on either side, oldest first."""
    mine = or_(Contest.work_id == work_id, Contest.earlier_id == work_id)
    return _seen(session, session.scalars(select(Contest).where(mine).order_by(Contest.id)).all())


def undecided(session: Session, limit: int) -> list[SeenContest]:
    """Contests about which nobody has decided yet, oldest first."""
    decided = exists().where(TitleDecision.contest_id == Contest.id)
    query = select(Contest).where(~decided).order_by(Contest.id).limit(limit)
    return _seen(session, session.scalars(query).all())


def _seen(session: Session, found: Sequence[Contest]) -> list[SeenContest]:
    names = _names(session, {key for contest in found for key in (contest.work_id, contest.earlier_id)})
    decisions: dict[int, list[TitleDecision]] = defaultdict(list)
    keys = [contest.id for contest in found]
    for start in range(0, len(keys), _CHUNK):
        query = select(TitleDecision).where(TitleDecision.contest_id.in_(keys[start : start + _CHUNK]))
        for decision in session.scalars(query.order_by(TitleDecision.id)):
            decisions[decision.contest_id].append(decision)
    return [
        SeenContest(
            newer=names[c.work_id],
            earlier=names[c.earlier_id],
            rule=Rule(c.rule),
            distance=c.distance,
            mirrored=c.mirrored,
            began_at=c.began_at,
            decisions=decisions[c.id],
        )
        for c in found
    ]


def _names(session: Session, keys: Collection[int]) -> Mapping[int, bytes]:
    wanted = sorted(keys)
    return {
        key: public_id
        for start in range(0, len(wanted), _CHUNK)
        for key, public_id in session.execute(
            select(Work.id, Work.public_id).where(Work.id.in_(wanted[start : start + _CHUNK]))
        )
    }


# -- decide -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DecideTitle:
    """A person's decision about the title of a work that was contested, and the reason, for both owners to read."""

    work: bytes
    outcome: Outcome
    reason: str
    earlier: bytes | None = None
    """Which earlier work it is about, where it was contested by several."""


def decide_title(session: Session, actor: Actor, command: DecideTitle, sources: Sources) -> TitleDecision:
    """Record the decision and let it take effect from now on; the newest about a contest counts."""
    if actor.role is not Role.OPERATOR:
        raise Forbidden("Only the operator of the registry decides about titles in conflict.")
    reason = check_reason(command.reason, "A decision has a reason of")
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    contest, newer, earlier = _contest_about(session, command)
    case = {
        "earlier": format_id("work", earlier.public_id),
        "newer": format_id("work", newer.public_id),
        "reason": reason,
    }
    logged = log_act(session, b"titles", command.outcome.value, case, now, sources)
    decision = TitleDecision(
        contest_id=contest.id,
        outcome=command.outcome.value,
        reason=reason,
        salt=logged.salt,
        log_index=logged.log_index,
        decided_at=now,
        decided_by=actor.party_id,
    )
    session.add(decision)
    _take_effect(newer, earlier, contest, command.outcome, now)
    newer.change_seq = earlier.change_seq = change_seq
    session.flush()
    return decision


def _contest_about(session: Session, command: DecideTitle) -> tuple[Contest, Work, Work]:
    newer = session.scalar(select(Work).where(Work.public_id == command.work))
    name = format_id("work", command.work)
    if newer is None:
        raise NotFound(f"There is no {name}.")
    query = select(Contest, Work).join(Work, Work.id == Contest.earlier_id).where(Contest.work_id == newer.id)
    if command.earlier is not None:
        query = query.where(Work.public_id == command.earlier)
    found = session.execute(query).all()
    if not found:
        raise NotFound(f"The title of {name} was not contested; name the newer of the two works.")
    if len(found) > 1:
        raise Conflict(f"{name} was contested by {len(found)} earlier works; say which one you decide about.")
    contest, earlier = found[0]
    return contest, newer, earlier


def _take_effect(newer: Work, earlier: Work, contest: Contest, outcome: Outcome, now: datetime) -> None:
    since = newer.contested_since or contest.began_at
    for work, by in ((newer, earlier), (earlier, newer)):
        if work.contested_by == by.id:
            work.contested_since = work.contested_by = work.upheld_at = None
    if outcome is Outcome.UPHOLD:
        newer.contested_since, newer.contested_by, newer.upheld_at = since, earlier.id, now
    elif outcome is Outcome.REVERSE:
        earlier.contested_since, earlier.contested_by, earlier.upheld_at = now, newer.id, now
