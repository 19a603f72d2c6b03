"""What a period's settlements attributed to a society's members, line by line, for the society's own systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.core.errors import Forbidden, InvalidInput
from registry.core.settlement.periods import Period
from registry.parties import service as parties
from registry.parties.service import May, WorkRef
from registry.remuneration.statements import StatementEntry, entries_of
from registry.works import service as works

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One line of one member, with what a society knows the work by."""

    member: bytes
    name: str
    lab_name: str
    kind: str
    """Of the work."""
    identifiers: Sequence[tuple[str, str]]
    """(scheme, value): ISBN, ISWC and so on."""
    entry: StatementEntry


@dataclass(frozen=True, slots=True)
class MembersReport:
    """All lines of all members for whom the society may collect now."""

    society: bytes
    society_name: str
    period: Period
    lines: Sequence[MemberLine]
    """By log index, row, part and member."""

    @property
    def settled_at(self) -> datetime:
        """When the last of it was settled; the end of the period if there is nothing."""
        return max((line.entry.settled_at for line in self.lines), default=self.period.end)


def members_report(
    session: Session, actor: Actor, period: str, sources: Sources, society: bytes | None = None
) -> MembersReport:
    """A society's own report; the operator names one. A mandate for some works brings the lines of these works only."""
    check_scopes(actor, frozenset({Scope.STATEMENTS_READ}))
    parsed = Period.parse(period)
    if society is not None and society != actor.public_id:
        check_scopes(actor, frozenset({Scope.OPERATE}))
        actor = parties.actor_of(parties.party_by_public_id(session, society))
        if actor.role is not Role.SOCIETY:
            raise InvalidInput("This report is for a society; the account is none.")
    if actor.role is not Role.SOCIETY:
        raise Forbidden("This report is for societies; your own lines are in your statement.")
    mandates = parties.repertoires(session, actor, May.COLLECT, sources.now())
    payees = sorted({*mandates, actor.party_id})
    entries = [
        entry
        for start in range(0, len(payees), _CHUNK)
        for entry in entries_of(session, payees[start : start + _CHUNK], str(parsed))
    ]
    used = works.works_by_public_id(session, {entry.work for entry in entries})
    numbers = works.identifiers_of(session, used)
    people = parties.parties_by_id(session, {entry.payee for entry in entries})
    labs = {lab: parties.public_profile(session, lab).name or "" for lab in {e.lab for e in entries}}
    lines = [
        MemberLine(
            member=people[entry.payee].public_id,
            name=people[entry.payee].name,
            lab_name=labs[entry.lab],
            kind=used[entry.work].kind,
            identifiers=numbers.get(entry.work, ()),
            entry=entry,
        )
        for entry in entries
        if entry.payee == actor.party_id
        or any(r.contains(WorkRef(used[entry.work].kind, entry.work)) for r in mandates[entry.payee])
    ]
    lines.sort(key=lambda line: (line.entry.log_index, line.entry.row, line.entry.part, line.member))
    name = parties.public_profile(session, actor.public_id).name or ""
    return MembersReport(actor.public_id, name, parsed, lines)
