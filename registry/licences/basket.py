"""A lab's basket: the works that it would like to use, until it has taken licences for them or lets them go.

It is a small table, and neither the address of a page nor a form: a run has thousands of works, more than an address
holds, and a form is gone with its page. Rows survive reloading, signing out and another device, and need no script. It
holds works and not offers: which offers are open follows from the purpose and the place that the page is asked for, at
the time of asking. A basket grants nothing, and nobody but the lab sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.bulk_insert import insert_many
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.ids import format_id, parse_id
from registry.licences import access
from registry.licences.covering import open_to
from registry.licences.models import BasketWork, Offer, OfferWork
from registry.licences.queries import get_offer
from registry.log import service as log
from registry.parties import service as parties
from registry.works import service as works
from registry.works.service import Work

MAX_BASKET = 200_000
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
    meant = select(Work.public_id).where(Work.id.in_(about)).order_by(Work.id).limit(MAX_BASKET + 1)
    found = session.scalars(meant).all()
    if not found:
        raise NotFound(f"{number} offers nothing to you now.", number=number)
    if len(found) > MAX_BASKET:
        raise TooManyWorks(number)
    return found


def put(session: Session, lab: Actor, units: Mapping[bytes, int | None], sources: Sources) -> int:
    """Put works into the basket, all or none; returns how many are new in it.

    `units` says how much of each would be used; `None` leaves it as it is, or means once. `NotFound` names the `works`
    that are not on record, `Conflict` says that they are too many.
    """
    access.check_lab(lab, "have a basket")
    keys = works.work_ids_by_public_id(session, units)
    missing = [format_id("work", public_id) for public_id in units if public_id not in keys]
    if missing:
        raise NotFound(f"There is no {missing[0]}.", works=missing)
    if any(number is not None and not 0 < number < 2**53 for number in units.values()):
        raise InvalidInput("Of each work at least one unit is used; units are whole numbers.")
    log.hold(session)  # of two forms at once, one waits and finds what the other put in
    there = set(session.scalars(select(BasketWork.work_id).where(BasketWork.party_id == lab.party_id)))
    new = {key: units[public_id] for public_id, key in keys.items() if key not in there}
    if len(there) + len(new) > MAX_BASKET:
        raise Conflict(
            f"A basket holds {MAX_BASKET:,} works; take licences for some first, or take some out."
        )
    _change_units(session, lab, {keys[name]: n for name, n in units.items() if n and keys[name] in there})
    now = whole_second(sources.now())
    rows = [(lab.party_id, key, number or 1, now) for key, number in sorted(new.items())]
    insert_many(session, BasketWork, ("party_id", "work_id", "units", "put_at"), rows)
    return len(new)


def _change_units(session: Session, lab: Actor, units: Mapping[int, int]) -> None:
    if units:
        rows = [{"party_id": lab.party_id, "work_id": key, "units": number} for key, number in units.items()]
        session.execute(update(BasketWork), rows)


def take_out(session: Session, lab: Actor, public_ids: Collection[bytes]) -> None:
    """Take these works out; what is not in it is no error."""
    keys = works.work_ids_by_public_id(session, public_ids).values()
    _take_out(session, lab, list(keys))


def take_out_licensed(session: Session, lab: Actor, offer_ids: Collection[int]) -> None:
    """Take out the works of offers (private keys) that were accepted."""
    about = select(OfferWork.work_id).where(OfferWork.offer_id.in_(offer_ids))
    _delete(session, lab, BasketWork.work_id.in_(about))


def _take_out(session: Session, lab: Actor, keys: Sequence[int]) -> None:
    for start in range(0, len(keys), _CHUNK):
        _delete(session, lab, BasketWork.work_id.in_(keys[start : start + _CHUNK]))


def _delete(session: Session, lab: Actor, *more: ColumnElement[bool]) -> None:
    gone = delete(BasketWork).where(BasketWork.party_id == lab.party_id, *more)
    session.execute(gone, execution_options={"synchronize_session": False})


def empty(session: Session, lab: Actor) -> None:
    """Take everything out."""
    _delete(session, lab)


def contents(session: Session, lab: Actor, limit: int | None = None) -> dict[bytes, int]:
    """How much of which work would be used, by public id, in the order of registration; the first works, if limited."""
    query = select(Work.public_id, BasketWork.units).join(BasketWork, BasketWork.work_id == Work.id)
    query = query.where(BasketWork.party_id == lab.party_id).order_by(BasketWork.work_id).limit(limit)
    return {public_id: units for public_id, units in session.execute(query)}  # noqa: C416 - rows are no pairs to mypy


def size(session: Session, lab: Actor) -> int:
    """How many works are in it."""
    query = select(func.count()).select_from(BasketWork).where(BasketWork.party_id == lab.party_id)
    return session.scalar(query) or 0
