"""Works that are places: domains, whose control `registry.domains` proves; and where all other works are published."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.works import titles
from registry.works.holdings import record_initial_shares
from registry.works.models import SourceUrl, Work
from registry.works.rows import next_row
from registry.works.rules import Disclosure, Kind, MadeBy, Rule
from registry.works.titles import NewContest

_STREAM = 10_000


@dataclass(frozen=True, slots=True)
class PublishedUrl:
    """An address that the owner of a work says the work is published at. Saying so proves nothing."""

    work_row: int
    owner_id: int
    disclosure: Disclosure
    url: str


def record_place(
    session: Session,
    acting: Actor,
    domain: str,
    now: datetime,
    change_seq: int,
    sources: Sources,
    *,
    contested_by: int | None = None,
) -> Work:
    """A work that stands for everything at a domain, so that it has terms, offers and a row like any other.

    It has no version: its code is published as long as the proof holds. The caller holds the log head, and knows
    the earlier work of somebody else (private key) that puts the title in doubt.
    """
    work = Work(
        public_id=sources.new_id(),
        row=next_row(session),
        owner_id=acting.principal_id,
        registered_by=acting.party_id,
        on_behalf_of=acting.on_behalf_of,
        kind=Kind.DOMAIN.value,
        title=domain,
        made_by=MadeBy.HUMAN.value,
        tool=None,
        prompt=None,
        disclosure=Disclosure.SNAPSHOT.value,
        persons_depicted=False,
        created_at=now,
        change_seq=change_seq,
    )
    session.add(work)
    session.flush()
    if contested_by is not None:
        titles.contest(session, work, NewContest(work.id, contested_by, Rule.DOMAIN), now)
    record_initial_shares(session, work, (), acting, now)
    return work


def published_urls(session: Session, owner_ids: Collection[int]) -> Iterator[PublishedUrl]:
    """The addresses of all unwithdrawn works of these owners (private keys), in the order of rows, streamed."""
    query = (
        select(Work.row, Work.owner_id, Work.disclosure, SourceUrl.url)
        .join(SourceUrl, SourceUrl.work_id == Work.id)
        .where(Work.withdrawn_at.is_(None), Work.owner_id.in_(sorted(owner_ids)))
        .order_by(Work.row, SourceUrl.id)
    )
    for row, owner_id, disclosure, url in session.execute(query).yield_per(_STREAM):
        yield PublishedUrl(row, owner_id, Disclosure(disclosure), url)
