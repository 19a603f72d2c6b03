"""Mandates: who may act for whom. Their history is kept; `acting_for` is the one gate for acting on behalf."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.paging import DEFAULT_LIMIT, Page, paginate
from registry.base.periods import whole_second
from registry.core.errors import Forbidden, InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.parties import rules
from registry.parties.accounts import own_party, party_by_public_id
from registry.parties.models import Mandate, MandateVersion, Party
from registry.parties.rules import Authority, May, Repertoire, WorkRef

_ACCOUNT = frozenset({Scope.ACCOUNT})


@dataclass(frozen=True, slots=True)
class CreateMandate:
    """The principal lets the agent act for it. Only an operator names a principal other than itself."""

    agent: bytes
    may: frozenset[May]
    repertoire: Repertoire
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    principal: bytes | None = None


def create_mandate(session: Session, actor: Actor, command: CreateMandate, sources: Sources) -> Mandate:
    """Record a mandate, given by the principal itself, or by an operator who was shown it on paper."""
    principal = _principal(session, actor, command.principal)
    agent = party_by_public_id(session, command.agent)
    if agent.id == principal.id:
        raise InvalidInput("Nobody needs a mandate to act for itself.")
    may = rules.check_mandate(Role(principal.role), Role(agent.role), command.may)
    now = whole_second(
        sources.now()
    )  # as all services compare: a mandate holds in the second in which it is given
    mandate = Mandate(public_id=sources.new_id(), principal=principal, agent=agent, created_at=now)
    mandate.versions.append(
        MandateVersion(
            may=sorted(may),
            repertoire=command.repertoire.as_json(),
            valid_from=rules.check_period(command.valid_from, command.valid_to, now),
            valid_to=command.valid_to,
            recorded_at=now,
            recorded_by=actor.party_id,
            superseded_at=None,
        )
    )
    session.add(mandate)
    session.flush()
    return mandate


def _principal(session: Session, actor: Actor, named: bytes | None) -> Party:
    check_scopes(actor, _ACCOUNT)
    if named is None or named == actor.public_id:
        return own_party(session, actor)
    if Scope.OPERATE not in actor.scopes:
        raise Forbidden("Only the principal itself can give a mandate.")
    return party_by_public_id(session, named)


def end_mandate(
    session: Session, actor: Actor, public_id: bytes, at: datetime | None, now: datetime
) -> Mandate:
    """End a mandate now or at a later time; what was recorded before stays readable as history.

    Both sides can, and an operator; for everybody else there is no such mandate.
    """
    check_scopes(actor, _ACCOUNT)
    mandate = session.scalar(select(Mandate).where(Mandate.public_id == public_id))
    sides = (mandate.principal_id, mandate.agent_id) if mandate else ()
    if mandate is None or not (actor.party_id in sides or Scope.OPERATE in actor.scopes):
        raise NotFound(f"You have no {format_id('mandate', public_id)}.")
    old = mandate.current
    now = whole_second(now)
    end = rules.check_end(old.valid_from, old.valid_to, at, now)
    old.superseded_at = now
    session.flush()
    mandate.versions.append(
        MandateVersion(
            may=old.may,
            repertoire=old.repertoire,
            valid_from=old.valid_from,
            valid_to=end,
            recorded_at=now,
            recorded_by=actor.party_id,
            superseded_at=None,
        )
    )
    session.flush()
    return mandate


def list_mandates(
    session: Session, actor: Actor, after: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Mandate]:
    """The mandates that the actor has given or been given."""
    check_scopes(actor, _ACCOUNT)
    mine = or_(Mandate.principal_id == actor.party_id, Mandate.agent_id == actor.party_id)
    return paginate(session, select(Mandate).where(mine), Mandate, after, limit)


@dataclass(frozen=True, slots=True)
class Held:
    """Some of the mandates that an agent holds, the newest first, and how many there are."""

    items: Sequence[Mandate]
    found: int
    """That have the words that were looked for."""
    members: int
    """Principals of those that are not over, each once."""
    next: bytes | None


def held_mandates(
    session: Session,
    agent: Actor,
    now: datetime,
    limit: int,
    words: str = "",
    before: bytes | None = None,
) -> Held:
    """The mandates that the agent was given, by name or number of who gave them; from the one before `before` on."""
    check_scopes(agent, _ACCOUNT)
    mine = Mandate.agent_id == agent.party_id
    query = select(Mandate).where(mine)
    for word in words.split()[:10]:
        query = query.where(_names(word))
    found = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    if before is not None:
        last = select(Mandate.id).where(mine, Mandate.public_id == before).scalar_subquery()
        query = query.where(Mandate.id < last)
    items = session.scalars(query.order_by(Mandate.id.desc()).limit(limit + 1)).unique().all()
    in_force = (
        select(func.count(Mandate.principal_id.distinct()))
        .join(MandateVersion, MandateVersion.mandate_id == Mandate.id)
        .where(
            mine,
            MandateVersion.superseded_at.is_(None),
            or_(MandateVersion.valid_to.is_(None), MandateVersion.valid_to > now),
        )
    )
    shown = items[:limit]
    more = shown[-1].public_id if len(items) > limit else None
    return Held(shown, found, session.scalar(in_force) or 0, more)


def _names(word: str) -> ColumnElement[bool]:
    """A word of the principal's name, or its number."""
    try:
        number = parse_id("party", word)
    except InvalidInput:
        named = select(Party.id).where(Party.name.icontains(word, autoescape=True))
    else:
        named = select(Party.id).where(Party.public_id == number)
    return Mandate.principal_id.in_(named)


def given_mandates(session: Session, principal: Actor, limit: int) -> Sequence[Mandate]:
    """The mandates that somebody has given, the newest first."""
    check_scopes(principal, _ACCOUNT)
    query = select(Mandate).where(Mandate.principal_id == principal.party_id).order_by(Mandate.id.desc())
    return session.scalars(query.limit(limit)).unique().all()


def acting_for(
    session: Session,
    actor: Actor,
    principal_public_id: bytes,
    may: May,
    works: Sequence[WorkRef],
    now: datetime,
) -> Actor:
    """The actor, acting for this principal: every service that takes `on_behalf_of` goes through here.

    `works` are what it acts on; none at all means everything that the principal has, which needs a mandate for its
    whole repertoire. `Forbidden` is the same for a principal that does not exist and for one without a mandate.
    """
    if principal_public_id == actor.public_id:
        return actor
    versions = session.scalars(
        select(MandateVersion)
        .join(MandateVersion.mandate)
        .join(Mandate.principal)
        .where(
            Party.public_id == principal_public_id,
            Mandate.agent_id == actor.party_id,
            MandateVersion.superseded_at.is_(None),
        )
    ).all()
    if not versions or not rules.authorised(map(_authority, versions), may, works, now):
        raise Forbidden(
            f"You have no mandate of {format_id('party', principal_public_id)} to {may} this now.", may=may
        )
    principal_id = versions[0].mandate.principal_id
    return Actor(actor.party_id, actor.public_id, actor.role, actor.scopes, principal_id)


def principals(actor: Actor) -> Select[int]:
    """Private keys of all who ever gave the actor a mandate: to narrow a query, not to decide by."""
    return select(Mandate.principal_id).where(Mandate.agent_id == actor.party_id)


def repertoires(
    session: Session, actor: Actor, may: May, now: datetime
) -> Mapping[int, Sequence[Repertoire]]:
    """What the actor may do this with now, by the private key of the principal who says so."""
    query = (
        select(
            Mandate.principal_id,
            MandateVersion.may,
            MandateVersion.repertoire,
            MandateVersion.valid_from,
            MandateVersion.valid_to,
        )
        .join(MandateVersion.mandate)
        .where(Mandate.agent_id == actor.party_id, MandateVersion.superseded_at.is_(None))
    )
    found = defaultdict(list)
    for principal, allowed, repertoire, start, end in session.execute(query):
        if may in allowed and start <= now and (end is None or now < end):
            found[principal].append(Repertoire.from_json(repertoire))
    return found


def agents(
    session: Session, principal_id: int, may: May, works: Sequence[WorkRef], now: datetime
) -> list[int]:
    """Private keys of those who may do this for a principal (private key) with each of these works."""
    query = select(MandateVersion).join(MandateVersion.mandate)
    query = query.where(Mandate.principal_id == principal_id, MandateVersion.superseded_at.is_(None))
    held: dict[int, list[Authority]] = defaultdict(list)
    for version in session.scalars(query):
        held[version.mandate.agent_id].append(_authority(version))
    return sorted(agent for agent, has in held.items() if rules.authorised(has, may, works, now))


def _authority(version: MandateVersion) -> Authority:
    may = frozenset(map(May, version.may))
    return Authority(may, Repertoire.from_json(version.repertoire), version.valid_from, version.valid_to)
