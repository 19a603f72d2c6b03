"""Who may offer, accept and see what. Labs accept and never offer; agreements are seen by their two sides only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.ids import format_id
from registry.licences.rules import MAX_REPERTOIRE
from registry.parties import service as parties
from registry.parties.service import May, WorkRef
from registry.works import service as works
from registry.works.service import Work

_WRITE = frozenset({Scope.LICENCES_WRITE})
_MAKERS = frozenset({Role.CREATOR, Role.SOCIETY})


def check_maker(actor: Actor) -> None:
    """Labs and operators offer nothing: whoever could would license itself."""
    if actor.role not in _MAKERS:
        raise Forbidden(f"{actor.role.one} cannot offer licences; only creators and societies can.")
    check_scopes(actor, _WRITE)


def not_yours(noun: str, public_id: bytes) -> NotFound:
    """The answer for what does not exist and for what is none of the actor's business, alike."""
    return NotFound(f"You have no {format_id(noun, public_id)}.")


def check_write(actor: Actor) -> None:
    """The key may change licences."""
    check_scopes(actor, _WRITE)


def check_lab(actor: Actor, act: str = "accept an offer") -> None:
    """Only labs take licences, and ask for them."""
    if actor.role is not Role.LAB:
        raise Forbidden(f"{actor.role.one} cannot {act}; only labs can.")
    check_scopes(actor, _WRITE)


def offerable(
    session: Session, actor: Actor, public_ids: Sequence[bytes], now: datetime
) -> tuple[Actor, Mapping[bytes, Work]]:
    """The works, all of one owner, whose licences this actor may offer now; and the actor acting for that owner.

    Withdrawn and contested works cannot be offered (`Conflict`); works of others do not exist (`NotFound`).
    """
    check_maker(actor)
    found = works.works_by_public_id(session, public_ids)
    missing = [p for p in public_ids if p not in found]
    owners = {work.owner_id for work in found.values()}
    if len(owners) > 1:
        raise InvalidInput("All works of an offer belong to one owner; make an offer for each owner.")
    if not missing and owners:
        acting = granting_for(session, actor, owners.pop(), list(found.values()), now)
        if acting is not None:
            _check_titles(found.values())
            return acting, found
    example = format_id("work", (missing or list(public_ids))[0])
    raise NotFound(f"{example} is not among the works that you may license.", work=example)


def repertoire_of(session: Session, society: Actor, now: datetime) -> list[Work]:
    """Every work that a society may grant now, by mandates of their owners or as its own, whatever its state."""
    mandated = parties.repertoires(session, society, May.GRANT, now)
    return [
        work
        for work in works.works_of_owners(session, {society.party_id, *mandated})
        if work.owner_id == society.party_id
        or any(r.contains(WorkRef(work.kind, work.public_id)) for r in mandated[work.owner_id])
    ]


def not_granted(session: Session, society: Actor, offered: Select[int], now: datetime) -> int:
    """How many of these works (a query for private keys), less withdrawn ones, a society may grant no longer."""
    mandated = parties.repertoires(session, society, May.GRANT, now)
    there = (Work.id.in_(offered), Work.withdrawn_at.is_(None))
    of_owners = select(Work.owner_id, func.count()).where(*there).group_by(Work.owner_id)
    lost, some = 0, []
    for owner, number in session.execute(of_owners):
        held = mandated.get(owner, ())
        if owner == society.party_id or any(r.all for r in held):
            continue
        if held:
            some.append(owner)
        else:
            lost += number
    about = select(Work.owner_id, Work.kind, Work.public_id).where(*there)
    for owner in some:
        for _, kind, public_id in session.execute(about.where(Work.owner_id == owner)):
            lost += not any(r.contains(WorkRef(kind, public_id)) for r in mandated[owner])
    return lost


def offerable_repertoire(session: Session, actor: Actor, now: datetime) -> list[Work]:
    """That of a society, without withdrawn and contested works.

    `Forbidden` for whoever is no society, `Conflict` if there is nothing in it, or more than one offer can be about.
    """
    if actor.role is not Role.SOCIETY:
        raise Forbidden(f"{actor.role.one} has no repertoire; only a society offers one.")
    found = repertoire_of(session, actor, now)
    sound = [work for work in found if work.withdrawn_at is None and work.contested_since is None]
    if not 0 < len(sound) <= MAX_REPERTOIRE:
        raise Conflict(
            f"Your repertoire has {len(sound):,} works that can be offered; an offer is about 1 to {MAX_REPERTOIRE:,}."
        )
    return sound


def granting_for(
    session: Session, actor: Actor, owner_id: int, about: Sequence[Work], now: datetime
) -> Actor | None:
    """The actor, acting for the owner of these works; `None` if it may not grant for it."""
    if owner_id == actor.principal_id:
        return actor
    if actor.role not in _MAKERS:
        return None
    owner = parties.parties_by_id(session, [owner_id])[owner_id]
    refs = [WorkRef(work.kind, work.public_id) for work in about]
    try:
        return parties.acting_for(session, actor, owner.public_id, May.GRANT, refs, now)
    except Forbidden:
        return None


def licensees(session: Session, public_ids: Sequence[bytes]) -> list[int]:
    """Private keys of the labs that an offer names."""
    found = [parties.party_by_public_id(session, public_id) for public_id in dict.fromkeys(public_ids)]
    for party in found:
        if party.role != Role.LAB:
            raise InvalidInput(
                f"{format_id('party', party.public_id)} is no lab, so it cannot be a licensee."
            )
    return [party.id for party in found]


def check_open(offered: Collection[Work]) -> None:
    """A domain cannot be open to anyone free of charge: an address by itself permits nothing to strangers."""
    for work in offered:
        if work.kind == works.Kind.DOMAIN.value:
            name = format_id("work", work.public_id)
            raise InvalidInput(
                f"{name} is a domain. What lies there was not looked at, so it can be licensed in person only: name "
                "the labs, or set a price that they agree to.",
                work=name,
            )


def _check_titles(offered: Collection[Work]) -> None:
    for work in offered:
        name = format_id("work", work.public_id)
        if work.withdrawn_at is not None:
            raise Conflict(f"{name} was withdrawn; a withdrawn work cannot be offered.", work=name)
        if work.contested_since is not None:
            raise Conflict(
                f"The title to {name} is contested: somebody else registered the same, or nearly, before. It cannot be "
                "offered until that is settled.",
                work=name,
            )
