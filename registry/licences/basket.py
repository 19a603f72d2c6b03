"""A lab's basket: the works that it would like to use, until it has taken licences for them or lets them go.

It is a small table, and neither the address of a page nor a form: a run has thousands of works, more than an address
holds, and a form is gone with its page. Rows survive reloading, signing out and another device, and need no script. It
holds works and not offers: which offers are open follows from the purpose and the place that the page is asked for, at
the time of asking. A basket grants nothing, and nobody but the lab sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.licences import access
from registry.licences.covering import open_to
from registry.licences.models import BasketWork, Offer, OfferWork
from registry.licences.queries import get_offer
from registry.parties import service as parties
from registry.works import service as works

MAX_BASKET = 5_000
_CHUNK = 1_000


class TooManyWorks(Conflict):
    """An offer, or what a maker offers, is about more works than a basket holds."""

    def __init__(self, number: str) -> None:
        super().__init__(f"{number} is about more than the {MAX_BASKET:,} works of a basket.", number=number)
        self.number = number
        self.is_offer = number.startswith("offer_")


def wanted(session: Session, lab: Actor, numbers: Iterable[str], sources: Sources) -> list[bytes]:
    """The works that these numbers mean: a work's own, the works of an offer, or all that a maker offers to this lab.

    `InvalidInput` and `NotFound` name the `number` with which nothing can be done, `TooManyWorks` one about too many.
    """
    now = whole_second(sources.now())
    found: dict[bytes, None] = {}
    for number in numbers:
        found.update(dict.fromkeys(_meant(session, lab, number, now, sources)))
    return list(found)


def _meant(session: Session, lab: Actor, number: str, now: datetime, sources: Sources) -> Sequence[bytes]:
    noun = number.partition("_")[0]
    if noun not in {"work", "offer", "party"}:
        raise InvalidInput(f"“{number[:60]}” is no number of a work, an offer or a maker.", number=number)
    try:
        public_id = parse_id(noun, number)
    except InvalidInput as error:
        raise InvalidInput(error.message, number=number) from None
    if noun == "work":
        return [public_id]
    about = select(OfferWork.work_id).join(Offer, Offer.id == OfferWork.offer_id).where(*open_to(lab, now))
    try:
        if noun == "offer":
            about = about.where(Offer.id == get_offer(session, lab, public_id, sources).id)
        else:
            about = about.where(Offer.owner_id == parties.party_by_public_id(session, public_id).id)
    except NotFound as error:
        raise NotFound(error.message, number=number) from None
    keys = session.scalars(about.distinct().order_by(OfferWork.work_id).limit(MAX_BASKET + 1)).all()
    if not keys:
        raise NotFound(f"{number} offers nothing to you now.", number=number)
    if len(keys) > MAX_BASKET:
        raise TooManyWorks(number)
    return [work.public_id for _, work in sorted(works.works_by_id(session, keys).items())]


def put(session: Session, lab: Actor, units: Mapping[bytes, int | None], sources: Sources) -> int:
    """Put works into the basket, all or none; returns how many are new in it.

    `units` says how much of each would be used; `None` leaves it as it is, or means once. `NotFound` names the `works`
    that are not on record, `Conflict` says that they are too many.
    """
    access.check_lab(lab, "have a basket")
    found = works.works_by_public_id(session, units)
    missing = [format_id("work", public_id) for public_id in units if public_id not in found]
    if missing:
        raise NotFound(f"There is no {missing[0]}.", works=missing)
    if any(number is not None and not 0 < number < 2**53 for number in units.values()):
        raise InvalidInput("Of each work at least one unit is used; units are whole numbers.")
    there = {row.work_id: row for row in session.scalars(_rows(lab).with_for_update())}
    new = {work.id: units[public_id] for public_id, work in found.items() if work.id not in there}
    if len(there) + len(new) > MAX_BASKET:
        raise Conflict(
            f"A basket holds {MAX_BASKET:,} works; take licences for some first, or take some out."
        )
    for public_id, work in found.items():
        number = units[public_id]
        if number is not None and work.id in there:
            there[work.id].units = number
    now = whole_second(sources.now())
    session.add_all(
        BasketWork(party_id=lab.party_id, work_id=key, units=number or 1, put_at=now)
        for key, number in sorted(new.items())
    )
    session.flush()
    return len(new)


def take_out(session: Session, lab: Actor, public_ids: Collection[bytes]) -> None:
    """Take these works out; what is not in it is no error."""
    keys = works.work_ids_by_public_id(session, public_ids).values()
    _take_out(session, lab, list(keys))


def take_out_licensed(session: Session, lab: Actor, offer_ids: Collection[int]) -> None:
    """Take out the works of offers (private keys) that were accepted."""
    about = select(OfferWork.work_id).where(OfferWork.offer_id.in_(offer_ids))
    mine = _rows(lab).where(BasketWork.work_id.in_(about))
    _take_out(session, lab, [row.work_id for row in session.scalars(mine)])


def _take_out(session: Session, lab: Actor, keys: Sequence[int]) -> None:
    for start in range(0, len(keys), _CHUNK):
        chunk = BasketWork.work_id.in_(keys[start : start + _CHUNK])
        session.execute(delete(BasketWork).where(BasketWork.party_id == lab.party_id, chunk))


def empty(session: Session, lab: Actor) -> None:
    """Take everything out."""
    session.execute(delete(BasketWork).where(BasketWork.party_id == lab.party_id))


def contents(session: Session, lab: Actor) -> dict[bytes, int]:
    """How much of which work would be used, by public id, in the order of registration."""
    units = {row.work_id: row.units for row in session.scalars(_rows(lab))}
    found = works.works_by_id(session, units)
    return {found[key].public_id: number for key, number in sorted(units.items())}


def size(session: Session, lab: Actor) -> int:
    """How many works are in it."""
    query = select(func.count()).select_from(BasketWork).where(BasketWork.party_id == lab.party_id)
    return session.scalar(query) or 0


def _rows(lab: Actor) -> Select[BasketWork]:
    return select(BasketWork).where(BasketWork.party_id == lab.party_id)
