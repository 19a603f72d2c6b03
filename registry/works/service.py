"""Register works, add versions, withdraw. What other rooms may use of works is named in `__all__`.

The log head is locked by `next_change_seq` before anything is compared or numbered, so two registrations of one
file cannot both be the first, and no row is given out twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.fingerprints import FileFingerprints
from registry.log import service as log
from registry.parties.service import May
from registry.works import access, previews, titles
from registry.works.access import registrant
from registry.works.bulk import (
    BulkProgress,
    UploadWorks,
    bulk_outcomes,
    get_bulk,
    register_bulk,
    upload_works,
)
from registry.works.changes import OpenedWork, change_work, open_work, revisions
from registry.works.codes import (
    owners_by_row,
    owners_of_rows,
    published_rows,
    rows_changed_since,
    states_by_row,
    stored_codes,
)
from registry.works.completing import CompletedWork, CompleteWork, complete_work
from registry.works.contests import DecideTitle, Outcome, decide_title, undecided
from registry.works.hints import NewHint, codes_to_look_at, hints, looked, record_hints
from registry.works.holdings import (
    NewReservation,
    NewShare,
    record_initial_shares,
    reservations_now,
    set_reservations,
    set_shares,
    shares_now,
    shares_of,
)
from registry.works.identifiers import Scheme, normalise
from registry.works.models import Identifier, SourceUrl, StoredFingerprint, Work, WorkVersion
from registry.works.overview import State, codes_to_draw
from registry.works.places import PublishedUrl, published_urls, record_place
from registry.works.previews import previews_of_owner
from registry.works.queries import (
    FingerprintRow,
    PublishedWork,
    Standing,
    WorkDetails,
    denials,
    details,
    get_work,
    get_works,
    identifiers_of,
    list_works,
    standing,
    standing_by_row,
    work_ids_by_public_id,
    works_by_id,
    works_by_public_id,
    works_for_publishing,
    works_of_owners,
)
from registry.works.repertoire import ImportRepertoire, import_repertoire
from registry.works.rightful import TitlePath, newest_decisions, titles_in_conflict
from registry.works.rows import next_row
from registry.works.rules import (
    ClientCodes,
    Content,
    Disclosure,
    Kind,
    MadeBy,
    check_origin,
    check_source_url,
    check_title,
    default_disclosure,
    is_shown,
    read_content,
)
from registry.works.shares import Right

__all__ = [
    "AddVersion",
    "BulkProgress",
    "ClientCodes",
    "CompleteWork",
    "CompletedWork",
    "DecideTitle",
    "Disclosure",
    "FingerprintRow",
    "ImportRepertoire",
    "Kind",
    "MadeBy",
    "NewHint",
    "NewReservation",
    "NewShare",
    "OpenedWork",
    "Outcome",
    "PublishedUrl",
    "PublishedWork",
    "RegisterWork",
    "RegisteredWork",
    "Right",
    "Scheme",
    "Standing",
    "State",
    "TitlePath",
    "UploadWorks",
    "Work",
    "WorkDetails",
    "add_version",
    "bulk_outcomes",
    "change_work",
    "codes_to_draw",
    "codes_to_look_at",
    "complete_work",
    "decide_title",
    "denials",
    "details",
    "get_bulk",
    "get_work",
    "get_works",
    "hints",
    "identifiers_of",
    "import_repertoire",
    "is_shown",
    "list_works",
    "looked",
    "newest_decisions",
    "open_work",
    "owners_by_row",
    "owners_of_rows",
    "previews_of_owner",
    "published_rows",
    "published_urls",
    "record_hints",
    "record_place",
    "register_bulk",
    "register_work",
    "registrant",
    "reservations_now",
    "revisions",
    "rows_changed_since",
    "set_reservations",
    "set_shares",
    "shares_now",
    "shares_of",
    "standing",
    "standing_by_row",
    "states_by_row",
    "stored_codes",
    "titles_in_conflict",
    "undecided",
    "upload_works",
    "withdraw_work",
    "work_ids_by_public_id",
    "works_by_id",
    "works_by_public_id",
    "works_for_publishing",
    "works_of_owners",
]


@dataclass(frozen=True, slots=True)
class RegisterWork:
    """What a maker states about a work, with what was computed from its file (never the file itself)."""

    title: str
    content: FileFingerprints | ClientCodes
    kind: Kind | None = None
    """May be left out where there is a file to tell."""
    made_by: MadeBy = MadeBy.HUMAN
    tool: str | None = None
    prompt: str | None = None
    disclosure: Disclosure | None = None
    """`None`: the snapshot, or `check-api-only` if persons are depicted."""
    persons_depicted: bool = False
    identifiers: tuple[tuple[Scheme, str], ...] = ()
    source_urls: tuple[str, ...] = ()
    shares: tuple[NewShare, ...] = ()
    """Empty: all rights, everywhere, belong to the owner."""
    on_behalf_of: bytes | None = None
    """Public id of the owner, where an agent registers."""
    preview: previews.StoredPreview | None = None
    """A small picture for the owner's eyes only."""


@dataclass(frozen=True, slots=True)
class AddVersion:
    """A further file of a work: another crop, edition or translation by the same owner."""

    work: bytes
    content: FileFingerprints | ClientCodes


@dataclass(frozen=True, slots=True)
class RegisteredWork:
    """The work and the version that was just recorded."""

    work: Work
    version: WorkVersion


def register_work(session: Session, actor: Actor, command: RegisterWork, sources: Sources) -> RegisteredWork:
    """Record a work of the actor, or of its principal. The same file twice by one owner is a `Conflict`.

    If somebody else registered the same file before, or one that is nearly the same (`registry.works.titles`), the
    work is recorded with a contested title.
    """
    now = whole_second(sources.now())
    content = read_content(command.kind, command.content)
    check_origin(command.made_by, command.tool, command.prompt)
    acting = access.registrant(session, actor, command.on_behalf_of, content.kind, now)
    titles.read_ahead(session)
    change_seq = log.next_change_seq(session)
    doubt = titles.NewTitles(session, [content]).doubt(0, acting.principal_id)
    work = Work(
        public_id=sources.new_id(),
        row=next_row(session),
        owner_id=acting.principal_id,
        registered_by=acting.party_id,
        on_behalf_of=acting.on_behalf_of,
        kind=content.kind.value,
        title=check_title(command.title),
        made_by=command.made_by.value,
        tool=command.tool,
        prompt=command.prompt,
        disclosure=_disclosure(command).value,
        persons_depicted=command.persons_depicted,
        created_at=now,
        change_seq=change_seq,
        identifiers=_identifiers(command.identifiers),
        source_urls=[SourceUrl(url=check_source_url(u)) for u in dict.fromkeys(command.source_urls)],
    )
    version = _version(content, 1, now)
    work.versions = [version]
    session.add(work)
    session.flush()
    if doubt is not None:
        titles.contest(session, work, titles.found_by(doubt, work.id), now)
    record_initial_shares(session, work, command.shares, acting, now)
    if command.preview is not None:
        previews.record_preview(session, work, command.preview, now)
    return RegisteredWork(work, version)


def add_version(session: Session, actor: Actor, command: AddVersion, sources: Sources) -> RegisteredWork:
    """Record a further file of a work. If it is somebody else's registered file, or nearly, the title is contested."""
    now = whole_second(sources.now())
    work, _ = access.work_for(session, actor, command.work, May.REGISTER, now)
    content = read_content(Kind(work.kind), command.content)
    titles.read_ahead(session)
    work.change_seq = log.next_change_seq(session)
    doubt = titles.NewTitles(session, [content]).doubt(0, work.owner_id)
    last = session.scalar(select(func.max(WorkVersion.number)).where(WorkVersion.work_id == work.id)) or 0
    version = _version(content, last + 1, now)
    version.work_id = work.id
    session.add(version)
    session.flush()
    if doubt is not None:
        titles.contest(session, work, titles.found_by(doubt, work.id), now)
    return RegisteredWork(work, version)


def withdraw_work(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> Work:
    """End the registration from now on; again is no error. The row stays, and so do concluded agreements.

    A preview is removed for good.
    """
    now = whole_second(sources.now())
    work, acting = access.work_for(session, actor, public_id, May.WITHDRAW, now, withdrawn_too=True)
    if work.withdrawn_at is not None:
        return work
    work.change_seq = log.next_change_seq(session)
    work.withdrawn_at = now
    work.withdrawn_by = acting.party_id
    previews.remove_previews(session, [work.id], sources)
    session.flush()
    return work


def _disclosure(command: RegisterWork) -> Disclosure:
    return command.disclosure or default_disclosure(persons_depicted=command.persons_depicted)


def _version(content: Content, number: int, now: datetime) -> WorkVersion:
    return WorkVersion(
        number=number,
        sha256=content.sha256,
        media_type=content.media_type,
        size=content.size,
        facts=dict(content.facts),
        notes=[{"code": note.code, "message": note.message} for note in content.notes],
        created_at=now,
        fingerprints=[
            StoredFingerprint(
                algorithm=f.algorithm, kind=f.kind, code=f.code, made_by=content.made_by, made_at=now
            )
            for f in content.fingerprints
        ],
    )


def _identifiers(given: Iterable[tuple[Scheme, str]]) -> list[Identifier]:
    written = dict.fromkeys((scheme, normalise(scheme, value)) for scheme, value in given)
    return [Identifier(scheme=scheme.value, value=value) for scheme, value in written]
