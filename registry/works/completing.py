"""Complete a work whose codes its maker's browser made: the file is shown afterwards, for what only the file can give.

A browser makes the codes of the whole picture, but not those of its places (anchors), by which crops and pictures
inside others are found. The file that brings them has to be the registered picture: its code of the full frame differs
from the one on record by at most `SAME` of 256 bits. That is as much as we saw a browser's less exact decoder change
(10 bits of phash256 at most, of 87 JPEGs), or saving the picture again (0 to 4 bits at JPEG quality 75, for 18 of 19
pictures of scikit-image). Cropped by 1 % they differ by 4 to 12 bits, by 5 % by 28 and more; strangers by about 128.

Nothing that is on record is changed, only what is missing is added. No title comes into doubt by it, because titles are
compared by the full frame, whose codes were there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput
from registry.core.fingerprints import DHASH256, FULL, PHASH256, FileFingerprints, Fingerprint
from registry.log import service as log
from registry.parties.service import May
from registry.works import access, previews
from registry.works.models import StoredFingerprint, Work, WorkVersion
from registry.works.rules import SHA256, ClientCodes, Content, Kind, read_content

SAME: Final = 12
"""Bits, of 256, in which the code of the full frame may differ."""


@dataclass(frozen=True, slots=True)
class CompleteWork:
    """The file of a work that is on record already, or all codes of it."""

    work: bytes
    content: FileFingerprints | ClientCodes
    preview: previews.StoredPreview | None = None
    """In place of the one that there may be."""


@dataclass(frozen=True, slots=True)
class CompletedWork:
    """What was added to which file of the work; nothing, if everything was there."""

    work: Work
    version: int
    added: tuple[Fingerprint, ...]
    distance: int


def complete_work(session: Session, actor: Actor, command: CompleteWork, sources: Sources) -> CompletedWork:
    """Add the codes that are missing. `InvalidInput` if the file is another picture than the one on record."""
    now = whole_second(sources.now())
    work, acting = access.work_for(session, actor, command.work, May.REGISTER, now)
    if work.kind != Kind.IMAGE:
        raise InvalidInput("Only pictures are completed by their files; a text has all its fingerprints.")
    content = read_content(Kind.IMAGE, command.content)
    log.hold(session)
    version, distance = _version_of(session, work, content)
    added = _missing(version, content)
    for code in added:
        row = StoredFingerprint(
            algorithm=code.algorithm, kind=code.kind, code=code.code, made_by=content.made_by, made_at=now
        )
        version.fingerprints.append(row)
    if added:
        work.change_seq = log.next_change_seq(session)
    if version.sha256 == content.sha256 and (content.made_by == "server" or not version.facts):
        version.facts = dict(content.facts)
    if command.preview is not None and acting.party_id == work.owner_id:
        previews.remove_previews(session, [work.id], sources)
        session.flush()
        previews.record_preview(session, work, command.preview, now)
    session.flush()
    return CompletedWork(work, version.number, added, distance)


def _version_of(session: Session, work: Work, content: Content) -> tuple[WorkVersion, int]:
    """The file of the work that this one is, and in how many bits their codes differ."""
    query = select(WorkVersion).where(WorkVersion.work_id == work.id).order_by(WorkVersion.number)
    versions = session.scalars(query.options(selectinload(WorkVersion.fingerprints))).all()
    compared = [
        (d, v.number, v)
        for v in versions
        if (d := _distance(v.fingerprints, content.fingerprints)) is not None
    ]
    if not compared:
        raise Conflict(
            "Nothing of what the picture shows is on record, only the digest of its file, so nobody can tell whether "
            "this is it. Withdraw the work, and register the picture with its fingerprints."
        )
    distance, _, nearest = min(compared, key=lambda found: found[:2])
    if distance > SAME:
        raise InvalidInput(
            f"This is another picture than the one on record: {distance} of 256 bits of their fingerprints differ, "
            f"and at most {SAME} may. Choose the file that you registered, whole and unchanged.",
            distance=distance,
        )
    return nearest, distance


def _distance(stored: Sequence[StoredFingerprint], sent: Sequence[Fingerprint]) -> int | None:
    """Bits that differ between the finest codes of the full frame that both have; `None` if there are none."""
    here = {row.algorithm: row.code for row in stored if row.kind == FULL}
    there = {code.algorithm: code.code for code in sent if code.kind == FULL}
    for algorithm in (PHASH256, DHASH256):
        if algorithm in here and algorithm in there:
            return (int.from_bytes(here[algorithm]) ^ int.from_bytes(there[algorithm])).bit_count()
    return None


def _missing(version: WorkVersion, content: Content) -> tuple[Fingerprint, ...]:
    """What the file has and the version has not: other frames and places; digests only of the very file.

    Codes of the full frame are never added: by them titles are compared, when a version is recorded.
    """
    known = {(row.algorithm, row.kind) for row in version.fingerprints}
    is_same_file = version.sha256 == content.sha256
    return tuple(
        code
        for code in content.fingerprints
        if (code.algorithm, code.kind) not in known
        and (is_same_file or not code.algorithm.startswith("digest."))
        and not (code.kind == FULL and code.algorithm in {PHASH256, DHASH256})
        and code.algorithm != SHA256
    )
