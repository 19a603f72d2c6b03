"""Publish an edition: read one consistent state, write the files, sign them, and say so in the log.

The order makes every interruption harmless. The edition is made from one view of the database, beside which others go
on writing, and its files go to the store under names that are used once. Only then, with all that takes long done, its
number, the number of the last change that it has seen, and its `optout` leaf are committed together; and last of all
the signed timestamp makes it visible. An interrupted publish leaves at most a gap in the numbering. Before all that,
files that have not been published for two days are removed from the store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import Store
from registry.base.locks import exclusive
from registry.base.periods import whole_second
from registry.core.decisions import Terms
from registry.core.errors import NetworkFailed
from registry.core.matching import by_algorithm, lists_of, with_common_marked
from registry.core.records.leaves import OptOutLeaf
from registry.core.snapshots import (
    NOT_PUBLIC,
    EditionContent,
    EditionFiles,
    PersonalLicences,
    write_edition,
)
from registry.core.snapshots.trust import Publisher
from registry.core.snapshots.witnessed import PROOF
from registry.domains import service as domains
from registry.licences import service as licences
from registry.log import service as log
from registry.log.service import LogKey
from registry.publishing import keys, proofs, receipts
from registry.publishing.models import Edition
from registry.publishing.parcels import make_parcel
from registry.works import service as works

LICENCES_HOLD = 24 * 3600
"""How long a lab may rely on its licence file, in seconds: as long as on the timestamp's signature."""
RENEW_AFTER = timedelta(seconds=LICENCES_HOLD / 2)
"""When licence files are published anew though nothing has changed."""
_LOCK = "publish"

ShowLog = Callable[[], object]


@dataclass(frozen=True, slots=True)
class State:
    """What the newest published edition says about the registry; zeros and `None` before the first."""

    sequence: int = 0
    published: datetime | None = None
    works: int = 0


def state(session: Session) -> State:
    """The newest edition that became visible."""
    edition = _last_published(session)
    return State() if edition is None else State(edition.sequence, edition.published_at, edition.works)


def receipt_of_work(session: Session, files: Store, public_id: bytes) -> str:
    """The receipt for what the newest edition that became visible says about this work; see `receipts`."""
    return receipts.receipt_of_work(session, files, _last_published(session), public_id)


def _last_published(session: Session) -> Edition | None:
    visible = select(Edition).where(Edition.published_at.is_not(None))
    return session.scalar(visible.order_by(Edition.sequence.desc()).limit(1))


def publish(
    database: Database,
    publisher: Publisher,
    sources: Sources,
    *,
    key: LogKey | None = None,
    show_log: ShowLog | None = None,
    wait_seconds: float = 0,
    recreate: bool = False,
) -> Edition:
    """Publish everything that is public now, and each licensee's own licences.

    With the log's key, the log's head is signed, witnesses are asked once, and the proof that the edition stands in the
    log comes along. `show_log` publishes the log's files as they are then; it is called before the edition can be seen,
    so that whatever fails there leaves the old edition in place. `Conflict` if somebody else is publishing, for longer
    than `wait_seconds`. `recreate`: although what was published before is missing or damaged in the file store.
    """
    with exclusive(database, _LOCK, wait_seconds=wait_seconds):
        return _publish(database, publisher, sources, key, show_log, recreate=recreate)


def keep_fresh(
    database: Database,
    publisher: Publisher,
    sources: Sources,
    *,
    key: LogKey | None = None,
    show_log: ShowLog | None = None,
    wait_seconds: float = 0,
) -> Edition | None:
    """Publish if anything changed or licences are about to expire; else (`None`) only say that nothing newer exists.

    If witnesses were missing when the edition was published, they are asked again. `show_log` as in `publish`.
    """
    with exclusive(database, _LOCK, wait_seconds=wait_seconds):
        now = whole_second(sources.now())
        with database.reading() as session:
            last = _last_published(session)
            unchanged = last is not None and last.change_seq == log.current_change_seq(session)
        if last is None or not unchanged or now >= last.created_at + RENEW_AFTER:
            return _publish(database, publisher, sources, key, show_log)
        witnessed = key is not None and log.sign_head(database, key, now)
        if show_log is not None:
            show_log()
        if witnessed:
            proofs.renew(database, publisher, last.log_index, now)
        if publisher.refresh_timestamp(now) is None:
            return _publish(database, publisher, sources, key, show_log)
        return None


def _publish(
    database: Database,
    publisher: Publisher,
    sources: Sources,
    key: LogKey | None,
    show_log: ShowLog | None,
    *,
    recreate: bool = False,
) -> Edition:
    """The steps, none of which keeps others from writing for longer than it takes to record one row."""
    now = whole_second(sources.now())
    if not recreate:
        publisher.prune(now)
    with tempfile.TemporaryDirectory(prefix="vorbehalt-edition-") as folder:
        with database.reading() as session:
            content = _content(session, now)
            personal = _personal(session, content.sequence, now)
        files = write_edition(Path(folder), content)
        parcel = make_parcel(publisher, files, Path(folder), now, recreate=recreate)
        targets: dict[str, bytes | Path] = dict(parcel.targets)
        targets |= {p.target: p.to_bytes() for p in personal}
        publisher.bring(targets, now, recreate=recreate)
        with database.writing() as session:
            edition = _record(session, content, files, now)
            keys.begin(session, publisher, now)
        custom = dict(parcel.custom)
        if key is not None:
            targets[PROOF], custom[PROOF] = proofs.prove(database, key, edition.log_index, now)
        if show_log is not None:
            show_log()
        receipts.keep_book(publisher.store, edition.sequence, files.book)
        publisher.publish(targets, custom, now, kept=parcel.kept, recreate=recreate)
    with suppress(NetworkFailed):  # the edition is visible: what is left over now goes at the next one
        receipts.drop_old_books(publisher.store, edition.sequence)
    with database.writing() as session:
        edition = session.get_one(Edition, edition.sequence)
        edition.published_at = whole_second(sources.now())
        keys.end(session, publisher, now)
    return edition


def _record(session: Session, content: EditionContent, files: EditionFiles, now: datetime) -> Edition:
    """The edition and its leaf. Its number is its own: another publisher with the same one is refused by the log."""
    sequence, root = content.sequence, files.works_root
    leaf = OptOutLeaf(
        sequence=sequence,
        works=len(content.work_ids),
        root=root.hex(),
        change_seq=content.change_seq,
        at=int(now.timestamp()),
    )
    idem = log.idempotency_key(b"edition", sequence.to_bytes(8, "big"))
    (log_index,) = log.append(session, [(idem, leaf.body())])
    edition = Edition(
        sequence=sequence,
        created_at=now,
        change_seq=content.change_seq,
        works_root=root,
        works=sum(
            1 for row, i in enumerate(content.work_ids) if i != NOT_PUBLIC and row not in content.withdrawn
        ),
        log_index=log_index,
    )
    session.add(edition)
    session.flush()
    return edition


def _content(session: Session, now: datetime) -> EditionContent:
    """What is public in this view of the database, and the number under which it will be."""
    head = log.head(session)
    terms = licences.public_terms(session, now)
    ids: list[bytes] = []
    withdrawn: set[int] = set()
    codes: list[works.FingerprintRow] = []
    work_terms: list[Terms] = []
    for work in works.works_for_publishing(session):
        public = work.disclosure is not works.Disclosure.CHECK_API_ONLY
        ids.append(work.public_id if public else NOT_PUBLIC)
        work_terms.append(terms.get(work.row, Terms()) if public and not work.withdrawn else Terms())
        codes.extend(work.fingerprints)
        if work.withdrawn:
            withdrawn.add(work.row)
    codes.extend(domains.address_codes(session, public=True))
    distinct = list(dict.fromkeys(work_terms))
    number = {t: n for n, t in enumerate(distinct)}
    return EditionContent(
        sequence=(session.scalar(select(func.max(Edition.sequence))) or 0) + 1,
        created=int(now.timestamp()),
        change_seq=head.change_seq,
        log_size=head.size,
        log_root=head.root,
        work_ids=ids,
        work_terms=[number[t] for t in work_terms],
        terms=distinct or [Terms()],
        withdrawn=withdrawn,
        lists=with_common_marked(lists_of(by_algorithm(codes)), works.owners_by_row(session)),
    )


def _personal(session: Session, sequence: int, now: datetime) -> list[PersonalLicences]:
    """The licences of every lab that has any, each for its eyes only."""
    created = int(now.timestamp())
    return [
        PersonalLicences(
            licensee=licensee,
            sequence=sequence,
            created=created,
            expires=created + LICENCES_HOLD,
            terms=terms,
        )
        for licensee, terms in licences.all_licensee_terms(session, now)
    ]
