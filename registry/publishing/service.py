"""Publish an edition: read one consistent state, write the files, sign them, and say so in the log.

The order makes every interruption harmless. First the edition's number, the state that it was made from, and its
`optout` leaf are committed together. Files then go to the store under names that are used once; the signed timestamp,
which alone makes an edition visible, comes last. An interrupted publish leaves a gap in the numbering, nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.periods import whole_second
from registry.core.decisions import Terms
from registry.core.matching import ListColumns
from registry.core.records.leaves import OptOutLeaf
from registry.core.snapshots import EditionContent, PersonalLicences, write_edition
from registry.core.snapshots.edition import NOT_PUBLIC
from registry.core.snapshots.trust import Publisher
from registry.licences import service as licences
from registry.log import service as log
from registry.publishing import rules
from registry.publishing.models import Edition
from registry.works import service as works


@dataclass(frozen=True, slots=True)
class State:
    """What the newest published edition says about the registry; zeros and `None` before the first."""

    sequence: int = 0
    published: datetime | None = None
    works: int = 0


def state(session: Session) -> State:
    """The newest edition that became visible."""
    edition = session.scalar(
        select(Edition).where(Edition.published_at.is_not(None)).order_by(Edition.sequence.desc()).limit(1)
    )
    return State() if edition is None else State(edition.sequence, edition.published_at, edition.works)


def lists_of(codes: Iterable[rules.StoredCode]) -> dict[str, ListColumns]:
    """The searchable lists of these codes; for the live check, which matches exactly as a snapshot does."""
    return rules.lists_of(codes)


def publish(database: Database, publisher: Publisher, sources: Sources) -> Edition:
    """Publish everything that is public now, and each licensee's own licences."""
    with tempfile.TemporaryDirectory(prefix="vorbehalt-edition-") as folder:
        with database.writing() as session:
            edition, personal, paths, custom = _prepare(session, Path(folder), sources)
        targets: dict[str, bytes | Path] = dict(paths)
        targets |= {p.target: p.to_bytes() for p in personal}
        publisher.publish(targets, custom, edition.created_at)
    with database.writing() as session:
        edition = session.get_one(Edition, edition.sequence)
        edition.published_at = whole_second(sources.now())
    return edition


def _prepare(
    session: Session, folder: Path, sources: Sources
) -> tuple[Edition, list[PersonalLicences], Mapping[str, Path], Mapping[str, Mapping[str, object]]]:
    """Everything that needs the database, in one transaction that holds the log's head: one state, one number."""
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    head = log.head(session)
    sequence = (session.scalar(select(func.max(Edition.sequence))) or 0) + 1
    content = _content(session, sequence, now, change_seq, head)
    files = write_edition(folder, content)
    count = sum(
        1 for row, i in enumerate(content.work_ids) if i != NOT_PUBLIC and row not in content.withdrawn
    )
    leaf = OptOutLeaf(
        sequence=sequence,
        works=len(content.work_ids),
        root=files.works_root.hex(),
        change_seq=change_seq,
        at=int(now.timestamp()),
    )
    idem = log.idempotency_key(b"edition", sequence.to_bytes(8, "big"))
    (log_index,) = log.append(session, [(idem, leaf.body())])
    edition = Edition(
        sequence=sequence,
        created_at=now,
        change_seq=change_seq,
        works_root=files.works_root,
        works=count,
        log_index=log_index,
    )
    session.add(edition)
    session.flush()
    return edition, _personal(session, sequence, now), files.paths, files.custom


def _content(
    session: Session, sequence: int, now: datetime, change_seq: int, head: log.Head
) -> EditionContent:
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
    distinct = list(dict.fromkeys(work_terms))
    number = {t: n for n, t in enumerate(distinct)}
    return EditionContent(
        sequence=sequence,
        created=int(now.timestamp()),
        change_seq=change_seq,
        log_size=head.size,
        log_root=head.root,
        work_ids=ids,
        work_terms=[number[t] for t in work_terms],
        terms=distinct or [Terms()],
        withdrawn=withdrawn,
        lists=rules.lists_of(codes),
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


#: How long a lab may rely on its licence file, in seconds: as long as on the timestamp's signature.
LICENCES_HOLD = 24 * 3600
