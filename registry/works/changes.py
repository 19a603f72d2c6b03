"""Change what is stated about a work. What was stated before stays on record: nothing is overwritten or back-dated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import InvalidInput
from registry.log import service as log
from registry.parties.service import May
from registry.works import access
from registry.works.identifiers import Scheme, normalise
from registry.works.models import Identifier, SourceUrl, Work, WorkRevision
from registry.works.queries import WorkDetails, details
from registry.works.rules import Kind, MadeBy, check_origin, check_source_url, check_title

_COLUMNS = ("title", "made_by", "tool", "prompt", "disclosure", "persons_depicted")
"""The statements that a work itself has; the others are its `identifiers` and `source_urls`."""


@dataclass(frozen=True, slots=True)
class OpenedWork:
    """A work that nobody else changes until this transaction ends."""

    details: WorkDetails
    acting: Actor
    change_seq: int
    now: datetime


def open_work(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> OpenedWork:
    """The work as it stands, for the actor to change; so that it can be held against what the actor has read."""
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    work, acting = access.work_for(session, actor, public_id, May.REGISTER, now)
    return OpenedWork(details(session, work, now), acting, change_seq, now)


def change_work(session: Session, opened: OpenedWork, changes: Mapping[str, Any]) -> Work:
    """State some of them anew, from now on, named as in the API; without any difference nothing is recorded.

    The codes are no statements: another file is another version. Disclosure decides about the next edition; what
    was published in earlier ones is out in the world.
    """
    work, before = opened.details.work, _statements(opened.details.work)
    after = before | _checked(changes)
    if after == before:
        return work
    if work.kind == Kind.DOMAIN and (after["title"], after["disclosure"]) != (work.title, work.disclosure):
        raise InvalidInput("A domain has its own name, and anybody can look it up.")
    check_origin(MadeBy(after["made_by"]), after["tool"], after["prompt"])
    _close(session, work, before, opened)
    for name in _COLUMNS:
        setattr(work, name, after[name])
    _set_identifiers(session, work, after["identifiers"])
    _set_source_urls(session, work, after["source_urls"])
    work.change_seq = opened.change_seq
    session.flush()
    return work


def revisions(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> Sequence[WorkRevision]:
    """What was stated about the work before, oldest first; for those who may read it."""
    work = access.visible_work(session, actor, public_id, whole_second(sources.now()))
    query = select(WorkRevision).where(WorkRevision.work_id == work.id)
    return session.scalars(query.order_by(WorkRevision.number)).all()


def _statements(work: Work) -> dict[str, Any]:
    """What is stated about the work, as a revision keeps it."""
    return {name: getattr(work, name) for name in _COLUMNS} | {
        "identifiers": [{"scheme": i.scheme, "value": i.value} for i in work.identifiers],
        "source_urls": [source.url for source in work.source_urls],
    }


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as they are recorded; `InvalidInput` for what could not be registered either."""
    found = dict(changes)
    if "title" in found:
        found["title"] = check_title(found["title"])
    for name in ("made_by", "disclosure"):
        if name in found:
            found[name] = found[name].value
    if "identifiers" in found:
        written = dict.fromkeys(
            (i["scheme"], normalise(Scheme(i["scheme"]), i["value"])) for i in found["identifiers"]
        )
        found["identifiers"] = [{"scheme": scheme.value, "value": value} for scheme, value in written]
    if "source_urls" in found:
        found["source_urls"] = [check_source_url(url) for url in dict.fromkeys(found["source_urls"])]
    return found


def _close(session: Session, work: Work, before: dict[str, Any], opened: OpenedWork) -> None:
    query = select(func.max(WorkRevision.number), func.max(WorkRevision.superseded_at))
    number, since = session.execute(query.where(WorkRevision.work_id == work.id)).one()
    session.add(
        WorkRevision(
            work_id=work.id,
            number=(number or 0) + 1,
            statements=before,
            recorded_at=since if number else work.created_at,
            superseded_at=opened.now,
            superseded_by=opened.acting.party_id,
        )
    )


def _set_identifiers(session: Session, work: Work, wanted: Sequence[Mapping[str, str]]) -> None:
    """Leave what stays, so that its order stays; end what goes; add what comes."""
    pairs = [(i["scheme"], i["value"]) for i in wanted]
    for row in list(work.identifiers):
        if (row.scheme, row.value) not in pairs:
            session.delete(row)
    known = {(row.scheme, row.value) for row in work.identifiers}
    session.add_all(Identifier(work_id=work.id, scheme=s, value=v) for s, v in pairs if (s, v) not in known)


def _set_source_urls(session: Session, work: Work, wanted: Sequence[str]) -> None:
    for row in list(work.source_urls):
        if row.url not in wanted:
            session.delete(row)
    known = {row.url for row in work.source_urls}
    session.add_all(SourceUrl(work_id=work.id, url=url) for url in wanted if url not in known)
