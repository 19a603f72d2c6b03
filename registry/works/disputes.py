"""What a person who decides about titles has to look at: contests and hints that wait, each with both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor, Role
from registry.core.errors import Forbidden, NotFound
from registry.core.ids import format_id
from registry.parties import service as parties
from registry.works.contests import SeenContest, contests_of, undecided
from registry.works.hint_reviews import reviews_of
from registry.works.hints import SeenHint, hint_between, hints
from registry.works.models import HintReview, LikenessHint, Work, WorkVersion
from registry.works.overview import codes_to_draw


@dataclass(frozen=True, slots=True)
class Side:
    """One side: a work, whose it is, and a code of it to draw."""

    work: Work
    owner: bytes
    owner_name: str
    code: bytes | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What nobody has decided yet, the oldest first; hints, which have no effect, the newest first."""

    contests: Sequence[SeenContest]
    hints: Sequence[SeenHint]
    dismissed: Sequence[SeenHint]
    """Hints that a person has put aside."""
    sides: Mapping[bytes, Side]
    """By public id of the work."""


def waiting(session: Session, actor: Actor, limit: int = 50) -> Waiting:
    """The queue, for the operator alone."""
    _check(actor)
    found, weak = undecided(session, limit), hints(session, limit)
    names = [name for c in found for name in (c.newer, c.earlier)]
    aside = hints(session, limit, dismissed=True)
    names += [name for h in (*weak, *aside) for name in (h.newer, h.other)]
    return Waiting(found, weak, aside, _sides(session, names))


def dispute(
    session: Session, actor: Actor, newer: bytes, earlier: bytes
) -> tuple[SeenContest, Mapping[bytes, Side]]:
    """One contest with both sides, decided or not; `NotFound` if these two works were never in conflict."""
    _check(actor)
    sides = _sides(session, [newer, earlier])
    if newer in sides:
        for contest in contests_of(session, sides[newer].work.id):
            if (contest.newer, contest.earlier) == (newer, earlier):
                return contest, sides
    raise NotFound(f"{format_id('work', newer)} was not contested by {format_id('work', earlier)}.")


def hint(
    session: Session, actor: Actor, newer: bytes, other: bytes
) -> tuple[LikenessHint, Sequence[HintReview], Mapping[bytes, Side]]:
    """One hint with what was done about it and both sides; `NotFound` if there is none about these two."""
    _check(actor)
    found = hint_between(session, newer, other)
    if found is None:
        raise NotFound(f"There is no hint about {format_id('work', newer)} and {format_id('work', other)}.")
    return found, reviews_of(session, [found.id]).get(found.id, ()), _sides(session, [newer, other])


def _check(actor: Actor) -> None:
    if actor.role is not Role.OPERATOR:
        raise Forbidden("Only the operator of the registry decides about titles in conflict.")


def _sides(session: Session, names: Iterable[bytes]) -> dict[bytes, Side]:
    query = select(Work).where(Work.public_id.in_(set(names)))
    query = query.options(
        selectinload(Work.versions).selectinload(WorkVersion.fingerprints), selectinload(Work.source_urls)
    )
    found = session.scalars(query.execution_options(populate_existing=True)).all()
    owners = parties.parties_by_id(session, {work.owner_id for work in found})
    codes = codes_to_draw(session, [work.id for work in found])
    return {
        work.public_id: Side(
            work, owners[work.owner_id].public_id, owners[work.owner_id].name, codes.get(work.id)
        )
        for work in found
    }
