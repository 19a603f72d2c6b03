"""Take in a society's repertoire: who holds which shares of its members' registered works, by a CWR file.

A registered work is known by its content, and a CWR file has none; so the file changes works that are registered under
their ISWC, and names those that are not. All of it is taken in, or nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.decisions.terms import WORLD
from registry.core.errors import Forbidden, InvalidInput
from registry.core.ids import format_id
from registry.core.settlement.rules import apportion
from registry.log import service as log
from registry.parties import service as parties
from registry.parties.service import May, WorkRef
from registry.works import access
from registry.works.cwr import CwrWork, check_ipi, read_cwr, rights
from registry.works.holdings import end_row, share_row, shares_now
from registry.works.identifiers import Scheme
from registry.works.models import Identifier, Work
from registry.works.shares import WHOLE, Right, Share

_RIGHTS: Mapping[str, Right] = {"mechanical": Right.REPRODUCTION, "performing": Right.COMMUNICATION}
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class ImportRepertoire:
    """A CWR file, and which of those that it names are whose accounts."""

    text: str
    members: Sequence[tuple[str, bytes]]
    """(IPI name number, public id of a party)."""
    dry_run: bool = False
    """Say what would change, and change nothing."""


@dataclass(frozen=True, slots=True)
class ImportedWork:
    """What the file says of a registered work."""

    work: bytes
    iswc: str
    title: str
    """As registered."""
    changed: bool
    unclaimed_ppm: Mapping[Right, int]
    """By right that the file shares out: what belongs to others than the members that were named."""


@dataclass(frozen=True, slots=True)
class ImportedRepertoire:
    """What became of a file."""

    works: Sequence[ImportedWork]
    not_registered: Sequence[CwrWork]
    """Musical works without a registered work under their ISWC."""


def import_repertoire(
    session: Session, actor: Actor, command: ImportRepertoire, sources: Sources
) -> ImportedRepertoire:
    """From now on the shares of these works are those of the file; the same file again changes nothing.

    Mechanical shares are those of reproduction, performing shares those of communication, for the world. A right that
    the file leaves out stays as it is. What belongs to nobody among the members is nobody's: its money is unclaimed.
    `InvalidInput` with every record that is wrong, and then nothing was changed.
    """
    if actor.role is not Role.SOCIETY:
        raise Forbidden("A repertoire is a society's; state the shares of your own works one by one.")
    check_scopes(actor, frozenset({Scope.WORKS_WRITE}))
    now = whole_second(sources.now())
    change_seq = log.next_change_seq(session)
    members = _members(session, actor, command.members, sources)
    stated = read_cwr(command.text)
    found = _registered(session, actor, stated, sources)
    imported: list[ImportedWork] = []
    for musical in stated:
        for work in found.get(musical.iswc or "", ()):
            _, acting = access.work_for(session, actor, work.public_id, May.REGISTER, now)
            wanted = _shares(musical, members, now)
            changed = _replace(session, work, acting, wanted, now, dry_run=command.dry_run)
            if changed and not command.dry_run:
                work.change_seq = change_seq
            rest = {right: WHOLE - sum(s.ppm for s in held) for right, held in wanted.items()}
            imported.append(ImportedWork(work.public_id, musical.iswc or "", work.title, changed, rest))
    session.flush()
    return ImportedRepertoire(imported, [m for m in stated if m.iswc is None or m.iswc not in found])


def _members(
    session: Session, actor: Actor, named: Sequence[tuple[str, bytes]], sources: Sources
) -> Mapping[str, int]:
    """Private keys by IPI name number; only of parties who gave the society a mandate, or of itself."""
    mandates = parties.repertoires(session, actor, May.REGISTER, sources.now())
    found: dict[str, int] = {}
    for ipi, public_id in named:
        number = check_ipi(ipi)
        key = actor.party_id
        if public_id != actor.public_id:
            key = parties.party_by_public_id(session, public_id).id
            if key not in mandates:
                raise Forbidden(f"You have no mandate of {format_id('party', public_id)} to register now.")
        if found.setdefault(number, key) != key:
            raise InvalidInput(f"{number} was given for two parties; an IPI name number is of one.")
    return found


def _registered(
    session: Session, actor: Actor, stated: Sequence[CwrWork], sources: Sources
) -> Mapping[str, list[Work]]:
    """The registered works of the society, and those of its members that their mandates are about, by ISWC."""
    mandates = parties.repertoires(session, actor, May.REGISTER, sources.now())
    wanted = sorted({musical.iswc for musical in stated if musical.iswc})
    found: dict[str, list[Work]] = defaultdict(list)
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(Identifier.value, Work)
            .join(Work, Work.id == Identifier.work_id)
            .where(
                Identifier.scheme == Scheme.ISWC.value,
                Identifier.value.in_(wanted[start : start + _CHUNK]),
                Work.withdrawn_at.is_(None),
            )
            .order_by(Work.id)
        )
        for iswc, work in session.execute(query):
            about = WorkRef(work.kind, work.public_id)
            own = work.owner_id == actor.party_id
            if own or any(r.contains(about) for r in mandates.get(work.owner_id, ())):
                found[iswc].append(work)
    return found


def _shares(musical: CwrWork, members: Mapping[str, int], now: datetime) -> Mapping[Right, list[Share]]:
    """By right: the members' shares in ppm. 33.33 % three times is a third each, by largest remainder."""
    wanted: dict[Right, list[Share]] = {}
    for name, held in rights(musical):
        parts = apportion(WHOLE, [share for _, share in held])
        sums: Counter[int] = Counter()
        for (interest, _), ppm in zip(held, parts, strict=True):
            if interest.ipi is not None and interest.ipi in members:
                sums[members[interest.ipi]] += ppm
        right = _RIGHTS[name]
        wanted[right] = [Share(party, right, WORLD, now, None, ppm) for party, ppm in sorted(sums.items())]
    return wanted


def _replace(
    session: Session,
    work: Work,
    acting: Actor,
    wanted: Mapping[Right, Sequence[Share]],
    now: datetime,
    *,
    dry_run: bool,
) -> bool:
    """End what holds of these rights now or later, and record what is wanted; whether anything differs."""
    current = [row for row in shares_now(session, work, now) if row.valid_to is None or row.valid_to > now]
    changed = False
    for right, shares in wanted.items():
        rows = [row for row in current if row.right == right.value]
        before = sorted(
            (row.party_id, row.territory, row.ppm, row.valid_to, row.valid_from > now) for row in rows
        )
        if before == sorted((s.party_id, s.territory, s.ppm, None, False) for s in shares):
            continue
        changed = True
        if not dry_run:
            for row in rows:
                end_row(session, row, now, acting, now)
            session.add_all(share_row(work, share, acting, now) for share in shares)
    return changed
