"""Register a list of works: kept whole, then recorded batch by batch, each batch in one transaction.

A batch takes the log head once, looks for earlier registrations of its files by one query, and records with its works
how far the list is. So a job that dies goes on where it stopped, and one that runs twice registers nothing twice. The
rules are those of a single registration, the contest of a title too: the newer one is in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from registry.base import jobs
from registry.base.actor import Actor
from registry.base.bulk_insert import insert_many
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import Job
from registry.base.periods import whole_second
from registry.core.decisions.terms import WORLD
from registry.core.errors import NotFound, VorbehaltError
from registry.core.ids import format_id
from registry.log import service as log
from registry.parties import service as parties
from registry.works import access, titles
from registry.works.bulk_rows import BadRow, NewRow, batches, count_rows
from registry.works.models import (
    BulkRow,
    BulkUpload,
    Identifier,
    ShareRow,
    SourceUrl,
    StoredFingerprint,
    Work,
    WorkVersion,
)
from registry.works.rows import next_row
from registry.works.rules import Doubt, Kind
from registry.works.shares import WHOLE, Right

KIND = "works.bulk"
"""The kind of job; its handler is `register_bulk`."""
BATCH = 1_000


# -- from the request to the job ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class UploadWorks:
    """A list of works, and whose they are where a row does not say so."""

    data: bytes
    media_type: str
    on_behalf_of: bytes | None = None


def upload_works(session: Session, actor: Actor, command: UploadWorks, sources: Sources) -> Job:
    """Keep the list and enqueue its job. Whether each row may be registered is decided when its turn comes."""
    now = whole_second(sources.now())
    access.registrant(session, actor, None, Kind.IMAGE, now)
    if command.on_behalf_of is not None:
        parties.party_by_public_id(session, command.on_behalf_of)
    upload = BulkUpload(
        party_id=actor.party_id,
        owner=command.on_behalf_of,
        media_type=command.media_type,
        data=command.data,
        rows=count_rows(command.data, command.media_type),
        done=0,
        registered=0,
        created_at=now,
    )
    session.add(upload)
    session.flush()
    return jobs.enqueue(session, KIND, {"upload": upload.id}, sources, party_id=actor.party_id)


def register_bulk(database: Database, payload: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """The job: record all rows that have no outcome yet. Another process may be at the same list."""
    with database.reading() as session:
        upload = session.get_one(BulkUpload, payload["upload"])
        actor = parties.actor_of(parties.parties_by_id(session, [upload.party_id])[upload.party_id])
    if upload.data is not None:
        for batch in batches(upload.data, upload.media_type, upload.done, BATCH):
            with database.writing() as session:
                _record_batch(session, upload.id, actor, batch, sources)
    with database.writing() as session:
        upload = session.get_one(BulkUpload, upload.id, with_for_update=True)
        upload.data = None
        return {
            "rows": upload.rows,
            "registered": upload.registered,
            "refused": upload.done - upload.registered,
        }


def _record_batch(
    session: Session, upload_id: int, actor: Actor, batch: Sequence[NewRow | BadRow], sources: Sources
) -> None:
    """The outcome of each row of the batch, unless somebody else has recorded it meanwhile."""
    columns = (BulkUpload.done, BulkUpload.owner)
    upload = session.execute(select(*columns).where(BulkUpload.id == upload_id).with_for_update()).one()
    waiting = [row for row in batch if row.n >= upload.done]
    if not waiting:
        return
    outcomes = _register(session, actor, waiting, upload.owner, sources)
    registered = sum(isinstance(outcome, bytes) for outcome in outcomes)
    rows = [_outcome_row(upload_id, row.n, outcome) for row, outcome in zip(waiting, outcomes, strict=True)]
    insert_many(session, BulkRow, ("upload_id", "n", "work", "code", "message"), rows)
    session.execute(
        update(BulkUpload)
        .where(BulkUpload.id == upload_id)
        .values(done=waiting[-1].n + 1, registered=BulkUpload.registered + registered)
    )


def _outcome_row(upload_id: int, n: int, outcome: bytes | BadRow) -> tuple[Any, ...]:
    if isinstance(outcome, bytes):
        return upload_id, n, outcome, None, None
    return upload_id, n, None, outcome.code, outcome.message


# -- one batch ----------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Batch:
    """What a batch adds to the tables, row by row of each table."""

    works: list[dict[str, Any]] = field(default_factory=list)
    rows: list[NewRow] = field(default_factory=list)
    contested: dict[int, Doubt] = field(default_factory=dict)
    """By table row of a work."""


def _register(
    session: Session,
    actor: Actor,
    waiting: Sequence[NewRow | BadRow],
    owner: bytes | None,
    sources: Sources,
) -> list[bytes | BadRow]:
    """Register what can be; for each row the public id of its work, or why there is none."""
    now = whole_second(sources.now())
    titles.read_ahead(session)
    change_seq = log.next_change_seq(session)
    first = next_row(session)
    new_titles = titles.NewTitles(session, [r.content for r in waiting if isinstance(r, NewRow)])
    place = count()
    registrants = _Registrants(session, actor, owner, now)
    batch, outcomes = _Batch(), list[bytes | BadRow]()
    for row in waiting:
        if isinstance(row, BadRow):
            outcomes.append(row)
            continue
        n = next(place)
        try:
            acting = registrants.of(row)
            doubt = new_titles.doubt(n, acting.principal_id)
        except VorbehaltError as error:
            outcomes.append(BadRow.of(row.n, error))
            continue
        public_id, number = sources.new_id(), first + len(batch.works)
        batch.works.append(_work(row, acting, public_id, number, doubt, now, change_seq))
        batch.rows.append(row)
        if doubt is not None:
            batch.contested[number] = doubt
        new_titles.taken(n, public_id, acting.principal_id, number, contested=doubt is not None)
        outcomes.append(public_id)
    if batch.works:
        _insert(session, batch, first, now)
    return outcomes


class _Registrants:
    """Who registers for whom; each mandate is looked at once a batch."""

    def __init__(self, session: Session, actor: Actor, owner: bytes | None, now: datetime) -> None:
        self._session, self._actor, self._owner, self._now = session, actor, owner, now
        self._known: dict[tuple[bytes | None, Kind], Actor | VorbehaltError] = {}

    def of(self, row: NewRow) -> Actor:
        """The actor as it registers this row; `Forbidden` without a mandate for it."""
        key = (row.owner or self._owner, row.content.kind)
        if key not in self._known:
            try:
                self._known[key] = access.registrant(self._session, self._actor, *key, self._now)
            except VorbehaltError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, VorbehaltError):
            raise found
        return found


def _work(
    row: NewRow,
    acting: Actor,
    public_id: bytes,
    number: int,
    doubt: Doubt | None,
    now: datetime,
    change_seq: int,
) -> dict[str, Any]:
    return {
        "public_id": public_id,
        "row": number,
        "owner_id": acting.principal_id,
        "registered_by": acting.party_id,
        "on_behalf_of": acting.on_behalf_of,
        "kind": row.content.kind.value,
        "title": row.title,
        "made_by": row.made_by.value,
        "tool": row.tool,
        "prompt": row.prompt,
        "disclosure": row.disclosure.value,
        "persons_depicted": row.persons_depicted,
        "created_at": now,
        "contested_since": None if doubt is None else now,
        "change_seq": change_seq,
    }


def _insert(session: Session, batch: _Batch, first: int, now: datetime) -> None:
    """All rows of all tables. The keys are read back by the works' rows, which are this transaction's alone."""
    insert_many(session, Work, list(batch.works[0]), [tuple(work.values()) for work in batch.works])
    own = (Work.row >= first, Work.row < first + len(batch.works))
    keys: dict[int, int] = dict(session.execute(select(Work.row, Work.id).where(*own)).all())
    ids = [keys[work["row"]] for work in batch.works]
    contests = [
        titles.found_by(doubt, keys[number], keys.get(doubt.earlier.row))
        for number, doubt in batch.contested.items()
    ]
    titles.record_contests(session, contests, now)
    rows = list(zip(ids, batch.rows, strict=True))
    versions = _insert_versions(session, rows, own, now)
    insert_many(
        session,
        StoredFingerprint,
        ("version_id", "algorithm", "kind", "code", "made_by", "made_at"),
        [
            (versions[key], f.algorithm, f.kind, f.code, row.content.made_by, now)
            for key, row in rows
            for f in row.content.fingerprints
        ],
    )
    _insert_shares(session, ids, batch.works, now)
    links = [(key, scheme, value) for key, row in rows for scheme, value in row.identifiers]
    insert_many(session, Identifier, ("work_id", "scheme", "value"), links)
    insert_many(
        session, SourceUrl, ("work_id", "url"), [(key, u) for key, row in rows for u in row.source_urls]
    )


def _insert_versions(
    session: Session,
    rows: Sequence[tuple[int, NewRow]],
    own: tuple[ColumnElement[bool], ...],
    now: datetime,
) -> dict[int, int]:
    """One version a work; the version's key by that of the work."""
    columns = ("work_id", "number", "sha256", "media_type", "size", "facts", "notes", "created_at")
    facts, notes = dict[str, Any](), list[Any]()
    values = [
        (key, 1, row.content.sha256, row.content.media_type, row.content.size, facts, notes, now)
        for key, row in rows
    ]
    insert_many(session, WorkVersion, columns, values)
    query = select(WorkVersion.work_id, WorkVersion.id).join(Work, Work.id == WorkVersion.work_id).where(*own)
    return dict(session.execute(query).all())


def _insert_shares(
    session: Session, ids: Sequence[int], works: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Every right, everywhere, belongs to the owner until shares are stated."""
    columns = (
        "work_id",
        "party_id",
        "right",
        "territory",
        "ppm",
        "valid_from",
        "recorded_at",
        "recorded_by",
    )
    values = [
        (key, work["owner_id"], right.value, WORLD, WHOLE, now, now, work["registered_by"])
        for key, work in zip(ids, works, strict=True)
        for right in Right
    ]
    insert_many(session, ShareRow, columns, values)


# -- how it goes --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class BulkProgress:
    """A list's job, and how far it is."""

    job: Job
    upload: BulkUpload
    refused: Sequence[BulkRow]
    """The first of the rows that were refused."""


def get_bulk(session: Session, actor: Actor, public_id: bytes, shown: int = 100) -> BulkProgress:
    """The job of a list that the actor sent; `NotFound` for others'."""
    job, upload = _own(session, actor, public_id)
    bad = select(BulkRow).where(BulkRow.upload_id == upload.id, BulkRow.work.is_(None))
    return BulkProgress(job, upload, session.scalars(bad.order_by(BulkRow.n).limit(shown)).all())


def bulk_outcomes(session: Session, actor: Actor, public_id: bytes) -> list[BulkRow]:
    """What became of every row so far, in their order."""
    _, upload = _own(session, actor, public_id)
    query = select(BulkRow).where(BulkRow.upload_id == upload.id).order_by(BulkRow.n)
    return list(session.scalars(query))


def _own(session: Session, actor: Actor, public_id: bytes) -> tuple[Job, BulkUpload]:
    own = (Job.public_id == public_id, Job.kind == KIND, Job.party_id == actor.party_id)
    job = session.scalar(select(Job).where(*own))
    if job is None:
        raise NotFound(f"You have no {format_id('job', public_id)}.")
    return job, session.get_one(BulkUpload, job.payload["upload"])
