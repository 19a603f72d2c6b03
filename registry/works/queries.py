"""Reading works: for their owners, for publishing, for matching, and for the rooms that grant and pay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased, selectinload

from registry.base.actor import Actor, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import Page, paginate
from registry.base.periods import whole_second
from registry.core.decisions import Denial, Purpose
from registry.core.errors import InvalidInput
from registry.core.ids import parse_id
from registry.parties import service as parties
from registry.parties.service import May
from registry.works import access
from registry.works.contests import SeenContest, contests_of
from registry.works.holdings import recorded, reservations_now, shares_now
from registry.works.models import Identifier, Reservation, ShareRow, StoredFingerprint, Work, WorkVersion
from registry.works.rules import Disclosure, is_shown

MOST_CHOSEN = 500
"""Works of which one form may speak."""

K = TypeVar("K", int, bytes)
_CHUNK = 5_000
_STREAM = 10_000


# -- for owners ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class WorkDetails:
    """A work as its owner sees it."""

    work: Work
    owner: bytes
    registered_by: bytes
    contested_by: bytes | None
    """The other work that puts the title in doubt."""
    contests: Sequence[SeenContest]
    """All that the work was ever in, on either side."""
    shares: Sequence[tuple[bytes, ShareRow]]
    """The holder's public id beside each share."""
    reservations: Sequence[Reservation]

    @property
    def contest(self) -> SeenContest | None:
        """The one in which the title is in doubt now."""
        now = {self.work.public_id, self.contested_by}
        return next((c for c in reversed(self.contests) if {c.newer, c.earlier} == now), None)

    @property
    def doubles(self) -> Sequence[SeenContest]:
        """Those in which another title is in doubt, or was, because of this work."""
        return [c for c in self.contests if c is not self.contest]


def get_work(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> WorkDetails:
    """One work; `NotFound` for all but its owner, the owner's agents and the operator."""
    now = whole_second(sources.now())
    return details(session, access.visible_work(session, actor, public_id, now), now)


def get_works(session: Session, actor: Actor, sources: Sources, named: Sequence[str]) -> list[Work]:
    """The works that are named, each once; `NotFound` as in `get_work`, `InvalidInput` for none or too many."""
    ids = list(dict.fromkeys(parse_id("work", name) for name in named))
    if not 0 < len(ids) <= MOST_CHOSEN:
        raise InvalidInput(f"Choose 1 to {MOST_CHOSEN} works.")
    return [get_work(session, actor, one, sources).work for one in ids]


def details(session: Session, work: Work, now: datetime) -> WorkDetails:
    """The work with what is on record about it now. It does not ask who wants to know."""
    query = select(Work).where(Work.id == work.id).execution_options(populate_existing=True)
    full = session.scalars(
        query.options(
            selectinload(Work.versions).selectinload(WorkVersion.fingerprints),
            selectinload(Work.identifiers),
            selectinload(Work.source_urls),
        )
    ).one()
    shares = shares_now(session, full, now)
    people = {full.owner_id, full.registered_by} | {share.party_id for share in shares}
    names = {key: party.public_id for key, party in parties.parties_by_id(session, people).items()}
    earlier = session.scalar(select(Work.public_id).where(Work.id == full.contested_by))
    return WorkDetails(
        work=full,
        owner=names[full.owner_id],
        registered_by=names[full.registered_by],
        contested_by=earlier,
        contests=contests_of(session, full.id),
        shares=[(names[share.party_id], share) for share in shares],
        reservations=reservations_now(session, full, now),
    )


def list_works(
    session: Session,
    actor: Actor,
    sources: Sources,
    *,
    owner: bytes | None = None,
    after: bytes | None = None,
    limit: int = 50,
) -> Page[Work]:
    """The actor's works in the order of registration, or those of an `owner` all of whose works it may register."""
    check_scopes(actor, frozenset({Scope.WORKS_READ}))
    if owner is not None and owner != actor.public_id:
        actor = parties.acting_for(session, actor, owner, May.REGISTER, [], whole_second(sources.now()))
    return paginate(session, select(Work).where(Work.owner_id == actor.principal_id), Work, after, limit)


# -- for publishing and matching ----------------------------------------------------------------------------
class FingerprintRow(NamedTuple):
    """One code, as `core.matching.by_algorithm` takes it. Codes of one `version_id` and kind are of one frame."""

    work_row: int
    version_id: int
    """0 for addresses, which belong to no file."""
    algorithm: str
    kind: str
    code: bytes
    aux: int = 0
    """For addresses, see `registry.core.matching.lists`."""


@dataclass(frozen=True, slots=True)
class PublishedWork:
    """A row of the works table, with the codes that may be public."""

    row: int
    public_id: bytes
    withdrawn: bool
    disclosure: Disclosure
    contested_since: datetime | None
    fingerprints: tuple[FingerprintRow, ...]
    """Empty for withdrawn works and those with `check-api-only`."""


def works_for_publishing(session: Session) -> Iterator[PublishedWork]:
    """Every work that was ever registered, in the order of rows, streamed. Rows have no gaps."""
    query = _with_codes().add_columns(Work.public_id, Work.contested_since)
    for row, found in groupby(session.execute(query).yield_per(_STREAM), key=attrgetter("row")):
        lines = list(found)
        work = lines[0]
        disclosure = Disclosure(work.disclosure)
        withdrawn = work.withdrawn_at is not None
        shown = [
            line
            for line in lines
            if line.code is not None and not withdrawn and is_shown(disclosure, line.algorithm, public=True)
        ]
        yield PublishedWork(
            row=row,
            public_id=work.public_id,
            withdrawn=withdrawn,
            disclosure=disclosure,
            contested_since=work.contested_since,
            fingerprints=tuple(FingerprintRow(row, s.version_id, s.algorithm, s.kind, s.code) for s in shown),
        )


def _with_codes() -> Select[int, str, datetime | None, int, str, str, bytes]:
    return (
        select(
            Work.row,
            Work.disclosure,
            Work.withdrawn_at,
            StoredFingerprint.version_id,
            StoredFingerprint.algorithm,
            StoredFingerprint.kind,
            StoredFingerprint.code,
        )
        .join(WorkVersion, WorkVersion.work_id == Work.id, isouter=True)
        .join(StoredFingerprint, StoredFingerprint.version_id == WorkVersion.id, isouter=True)
        .order_by(Work.row, WorkVersion.number, StoredFingerprint.id)
    )


# -- for the rooms that grant and pay -----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether anything about a work can be permitted."""

    row: int
    public_id: bytes
    withdrawn_at: datetime | None
    contested_since: datetime | None
    contested_by: bytes | None
    """Public id of the earlier work that puts the title in doubt."""
    contested_by_hidden: bool
    """Whether that one is kept out of published files."""
    upheld: bool
    """Whether a person has found for the earlier one."""
    hidden: bool
    """Whether its maker shows it to the server only (`check-api-only`)."""
    owner_id: int
    """Private key of its owner."""


def standing(session: Session, work_ids: Collection[int] | None = None) -> dict[int, Standing]:
    """Row and state of these works, by private key; of all works if none are named."""
    earlier = aliased(Work)
    columns = select(
        Work.id,
        Work.row,
        Work.public_id,
        Work.withdrawn_at,
        Work.contested_since,
        Work.upheld_at,
        Work.disclosure,
        Work.owner_id,
        earlier.public_id.label("earlier"),
        earlier.disclosure.label("earlier_disclosure"),
    ).join(earlier, earlier.id == Work.contested_by, isouter=True)
    queries = (
        [columns] if work_ids is None else [columns.where(Work.id.in_(chunk)) for chunk in chunks(work_ids)]
    )
    return {
        work.id: Standing(
            work.row,
            work.public_id,
            work.withdrawn_at,
            work.contested_since,
            work.earlier,
            work.earlier_disclosure == Disclosure.CHECK_API_ONLY,
            work.upheld_at is not None,
            work.disclosure == Disclosure.CHECK_API_ONLY,
            work.owner_id,
        )
        for query in queries
        for work in session.execute(query).yield_per(_STREAM)
    }


def standing_by_row(session: Session, rows: Iterable[int]) -> dict[int, Standing]:
    """Row and state of the works in these rows of the published table, by private key."""
    ids = [key for c in chunks(rows) for key in session.scalars(select(Work.id).where(Work.row.in_(c)))]
    return standing(session, ids)


def denials(
    session: Session, as_of: datetime, work_ids: Collection[int] | None = None
) -> dict[int, tuple[Denial, ...]]:
    """The reservations on record at that moment, by private key of the work; of all works if none are named."""
    query = select(Reservation).where(recorded(Reservation, as_of)).order_by(Reservation.id)
    queries = (
        [query] if work_ids is None else [query.where(Reservation.work_id.in_(c)) for c in chunks(work_ids)]
    )
    found: dict[int, list[Denial]] = defaultdict(list)
    for part in queries:
        for row in session.scalars(part).yield_per(_STREAM):
            end = None if row.valid_to is None else int(row.valid_to.timestamp())
            found[row.work_id].append(Denial(Purpose(row.purpose), int(row.valid_from.timestamp()), end))
    return {work_id: tuple(rows) for work_id, rows in found.items()}


def work_ids_by_public_id(session: Session, public_ids: Iterable[bytes]) -> dict[bytes, int]:
    """Private keys of works; those that do not exist are missing from the answer."""
    return {
        public_id: work_id
        for chunk in chunks(public_ids)
        for public_id, work_id in session.execute(
            select(Work.public_id, Work.id).where(Work.public_id.in_(chunk))
        )
    }


def works_by_id(session: Session, work_ids: Iterable[int]) -> dict[int, Work]:
    """Works by private key."""
    return {w.id: w for c in chunks(work_ids) for w in session.scalars(select(Work).where(Work.id.in_(c)))}


def works_by_public_id(session: Session, public_ids: Iterable[bytes]) -> dict[bytes, Work]:
    """Works by public id; those that do not exist are missing from the answer."""
    return {
        w.public_id: w
        for c in chunks(public_ids)
        for w in session.scalars(select(Work).where(Work.public_id.in_(c)))
    }


def identifiers_of(session: Session, public_ids: Iterable[bytes]) -> dict[bytes, list[tuple[str, str]]]:
    """(scheme, value) of all that works have elsewhere; works without any are missing from the answer."""
    found: dict[bytes, list[tuple[str, str]]] = defaultdict(list)
    columns = select(Work.public_id, Identifier.scheme, Identifier.value).join_from(Identifier, Work)
    for chunk in chunks(public_ids):
        for public_id, scheme, value in session.execute(
            columns.where(Work.public_id.in_(chunk)).order_by(Identifier.id)
        ):
            found[public_id].append((scheme, value))
    return dict(found)


def works_of_owners(session: Session, owner_ids: Collection[int]) -> list[Work]:
    """All works of these owners (private keys), withdrawn ones too, in the order of registration."""
    return sorted(
        (w for c in chunks(owner_ids) for w in session.scalars(select(Work).where(Work.owner_id.in_(c)))),
        key=attrgetter("id"),
    )


def chunks(keys: Iterable[K]) -> Iterator[list[K]]:
    """Distinct keys in an order of their own, few enough for one statement."""
    wanted = sorted(set(keys))
    return (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK))
