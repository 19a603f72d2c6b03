"""A basket in numbers: under which offer each of its works stands, what is held, what has no offer.

A lab licenses a whole repertoire, so nothing here reads the works one by one: the database sums them, by offer and kind
of work, and what a licence costs follows from these sums alone (`remuneration.licence_cost`). Each work is in exactly
one group. The rule is that of `remuneration.preview_costs`: what the lab may use already is held; another stands under
an offer that the lab prefers, else under the one about most of the works, else the oldest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    column,
    func,
    literal,
    or_,
    select,
    values,
)
from sqlalchemy.orm import Session, aliased

from registry.base.actor import Actor
from registry.core.decisions import Purpose, Terms, covers_territory, inside
from registry.licences.covering import held_ways, open_to
from registry.licences.models import (
    Agreement,
    BasketWork,
    LicenceRequest,
    LicenceRequestWork,
    Offer,
    OfferWork,
)
from registry.licences.terms import licence_of
from registry.works.service import Work

Query = Select[*tuple[Any, ...]]

Sums = Mapping[str, tuple[int, int]]
"""By kind of work: how many works, and how many units of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose basket is looked at, and for which use."""

    lab: Actor
    purpose: Purpose
    territory: str
    now: datetime


@dataclass(frozen=True, slots=True)
class BasketSums:
    """All of a basket; offers by private key."""

    works: int
    chosen: Mapping[int, Sums]
    """The offers that works stand under, those that the lab prefers first, then those about most works."""
    others: Mapping[int, int]
    """Further offers about the same works, and about how many of them."""
    held: int
    withdrawn: int
    contested: int
    asked: int
    """Works without an offer about which a request for this purpose waits for an answer."""

    @property
    def unasked(self) -> int:
        """Works without an offer that one can ask for."""
        offered = sum(number for sums in self.chosen.values() for number, _ in sums.values())
        return self.works - offered - self.held - self.withdrawn - self.contested - self.asked


def basket_sums(session: Session, asked: Asked, preferred: Sequence[int] = ()) -> BasketSums:
    """Sums over the lab's basket; `preferred` are offers by private key, the best first."""
    mine = BasketWork.party_id == asked.lab.party_id
    gone = func.count().filter(Work.withdrawn_at.is_not(None))
    doubtful = func.count().filter(Work.withdrawn_at.is_(None), Work.contested_since.is_not(None))
    query = (
        select(func.count(), gone, doubtful).select_from(BasketWork).join(Work, Work.id == BasketWork.work_id)
    )
    number, withdrawn, contested = session.execute(query.where(mine)).one()
    if not number:
        return BasketSums(0, {}, {}, 0, 0, 0, 0)
    free = _not_held(session, asked)
    not_held = session.scalar(_count(asked, *free)) or 0
    chosen, others = _offered(session, asked, free, preferred)
    offered = sum(each for sums in chosen.values() for each, _ in sums.values())
    waiting = 0
    if offered < not_held:
        waiting = session.scalar(_count(asked, *free, ~_is_offered(chosen), _is_asked_for(asked))) or 0
    return BasketSums(
        works=number,
        chosen=chosen,
        others=others,
        held=number - withdrawn - contested - not_held,
        withdrawn=withdrawn,
        contested=contested,
        asked=waiting,
    )


def unasked_works(session: Session, asked: Asked, limit: int) -> tuple[list[bytes], int]:
    """The first works without an offer that one can ask for, by public id; and how many there are."""
    free = _not_held(session, asked)
    chosen, _ = _offered(session, asked, free, ())
    wanted = (*free, ~_is_offered(chosen), ~_is_asked_for(asked))
    query = _sound(select(Work.public_id), asked, *wanted).order_by(BasketWork.work_id).limit(limit)
    return list(session.scalars(query)), session.scalar(_count(asked, *wanted)) or 0


# -- the works that may be licensed -----------------------------------------------------------------------------
def _sound(query: Query, asked: Asked, *more: ColumnElement[bool]) -> Query:
    """Of the basket, without works that nobody can license now."""
    return (
        query.select_from(BasketWork)
        .join(Work, Work.id == BasketWork.work_id)
        .where(
            BasketWork.party_id == asked.lab.party_id,
            Work.withdrawn_at.is_(None),
            Work.contested_since.is_(None),
            *more,
        )
    )


def _count(asked: Asked, *more: ColumnElement[bool]) -> Select[int]:
    return _sound(select(func.count()), asked, *more)


def _among(column: Any, keys: Sequence[int]) -> ColumnElement[bool]:
    """`IN` for as many keys as there are: written out, since a statement has a bounded number of parameters."""
    among: ColumnElement[bool] = column.in_(bindparam(None, list(keys), expanding=True, literal_execute=True))
    return among


def _in_offers(offers: Sequence[int]) -> ColumnElement[bool]:
    about = aliased(OfferWork)  # a query that this stands in may be about offers itself
    there = select(literal(1)).where(about.work_id == BasketWork.work_id, _among(about.offer_id, offers))
    return there.correlate(BasketWork).exists()


def _is_offered(chosen: Mapping[int, Sums]) -> ColumnElement[bool]:
    return _in_offers(list(chosen))


def _is_asked_for(asked: Asked) -> ColumnElement[bool]:
    return (
        select(literal(1))
        .select_from(LicenceRequestWork)
        .join(LicenceRequest, LicenceRequest.id == LicenceRequestWork.request_id)
        .where(
            LicenceRequestWork.work_id == BasketWork.work_id,
            LicenceRequest.licensee_id == asked.lab.party_id,
            LicenceRequest.purpose == asked.purpose.value,
            LicenceRequest.withdrawn_at.is_(None),
            LicenceRequest.answered_at.is_(None),
        )
        .exists()
    )


# -- what is held ---------------------------------------------------------------------------------------------
def _not_held(session: Session, asked: Asked) -> tuple[ColumnElement[bool], ...]:
    """What is true of the works that the lab may not use yet.

    An agreement that permits the use by itself holds all of its works. The few works that have nothing but licences
    which permit part of it, or which anyone has, are judged one by one, as a check would.
    """
    whole, partly = _agreements(session, asked)
    some = OfferWork.offer_id.in_(select(Offer.id).where(Offer.to_anyone, Offer.tariff_version_id.is_(None)))
    about = or_(some, _among(OfferWork.offer_id, partly)) if partly else some
    candidates = _sound(select(BasketWork.work_id).distinct(), asked)
    candidates = candidates.join(OfferWork, OfferWork.work_id == BasketWork.work_id).where(about)
    keys = list(session.scalars(candidates))
    held = held_ways(session, asked.lab, keys, asked.purpose, asked.territory, asked.now) if keys else {}
    conditions = []
    if whole:
        conditions.append(~_in_offers(whole))
    if held:
        conditions.append(~_among(BasketWork.work_id, sorted(held)))
    return tuple(conditions)


def _agreements(session: Session, asked: Asked) -> tuple[list[int], list[int]]:
    """The offers by which the lab has agreements in force about the basket: those that permit the use, and others."""
    about = (
        select(OfferWork.offer_id)
        .join(BasketWork, BasketWork.work_id == OfferWork.work_id)
        .where(BasketWork.party_id == asked.lab.party_id)
    )
    query = select(Agreement).where(
        Agreement.licensee_id == asked.lab.party_id,
        or_(Agreement.valid_to.is_(None), Agreement.valid_to > asked.now),
        or_(Agreement.ends_at.is_(None), Agreement.ends_at > asked.now),
        Agreement.offer_id.in_(about),
    )
    at = int(asked.now.timestamp())
    whole, partly = set[int](), set[int]()
    for agreement in session.scalars(query):
        grant = licence_of(agreement).grant(at)
        permits = grant is not None and Terms((grant,)).permitting(asked.purpose, asked.territory, at)
        (whole if permits else partly).add(agreement.offer_id)
    return sorted(whole), sorted(partly - whole)


# -- what is offered ------------------------------------------------------------------------------------------
def _offered(
    session: Session, asked: Asked, free: Sequence[ColumnElement[bool]], preferred: Sequence[int]
) -> tuple[dict[int, Sums], dict[int, int]]:
    """The offers that would permit the use, with the sums of the works that stand under each; and the others."""
    about = _sums(session, asked, free)
    usable = _covering(session, asked, list(about))
    numbers = {key: sum(number for number, _ in about[key].values()) for key in usable}
    order = _order(numbers, preferred)
    if len(order) < 2:
        return {key: about[key] for key in order}, {}
    chosen = _ranked(session, asked, free, order)
    first = {key: chosen[key] for key in order if key in chosen}
    return first, {key: numbers[key] for key in order if key not in chosen}


def _order(numbers: Mapping[int, int], preferred: Sequence[int]) -> list[int]:
    wished = [key for key in dict.fromkeys(preferred) if key in numbers]
    return [*wished, *sorted(numbers.keys() - set(wished), key=lambda key: (-numbers[key], key))]


def _open(query: Query, asked: Asked, free: Sequence[ColumnElement[bool]]) -> Query:
    return _sound(query, asked, *free).join(OfferWork, OfferWork.work_id == BasketWork.work_id)


def _sums(session: Session, asked: Asked, free: Sequence[ColumnElement[bool]]) -> dict[int, Sums]:
    columns = select(OfferWork.offer_id, Work.kind, func.count(), func.sum(BasketWork.units))
    query = _open(columns, asked, free).join(Offer, Offer.id == OfferWork.offer_id)
    return _by_offer(
        session, query.where(*open_to(asked.lab, asked.now)).group_by(OfferWork.offer_id, Work.kind)
    )


def _covering(session: Session, asked: Asked, keys: Sequence[int]) -> list[int]:
    """Those of the offers whose purpose and territories cover what is asked for."""
    wide = [purpose.value for purpose in Purpose if inside(asked.purpose) <= inside(purpose)]
    query = select(Offer.id, Offer.territories).where(_among(Offer.id, keys), Offer.purpose.in_(wide))
    return (
        [key for key, places in session.execute(query) if covers_territory(places, asked.territory)]
        if keys
        else []
    )


def _ranked(
    session: Session, asked: Asked, free: Sequence[ColumnElement[bool]], order: Sequence[int]
) -> dict[int, Sums]:
    """The sums of the works that stand under each of several offers: each under the first that is about it."""
    first = _first(asked, free, order)
    columns = select(first.c.place, Work.kind, func.count(), func.sum(BasketWork.units))
    query = (
        columns.select_from(first)
        .join(Work, Work.id == first.c.work_id)
        .join(
            BasketWork, and_(BasketWork.work_id == first.c.work_id, BasketWork.party_id == asked.lab.party_id)
        )
        .group_by(first.c.place, Work.kind)
    )
    return {order[n]: sums for n, sums in _by_offer(session, query).items()}


def _first(asked: Asked, free: Sequence[ColumnElement[bool]], order: Sequence[int]) -> CTE:
    """Each work with the place of its offer in this order."""
    columns = (column("offer_id", BigInteger), column("place", Integer))
    ranks = (
        values(*columns, name="ranks", literal_binds=True)
        .data([(key, n) for n, key in enumerate(order)])
        .cte()
    )
    found = select(BasketWork.work_id, func.min(ranks.c.place).label("place"))
    query = _open(found, asked, free)
    query = query.join(ranks, ranks.c.offer_id == OfferWork.offer_id)
    return query.group_by(BasketWork.work_id).cte("first_offer")


def _by_offer(session: Session, query: Query) -> dict[int, Sums]:
    found: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    for key, kind, number, units in session.execute(query):
        found[key][kind] = (number, int(units))
    return dict(found)


def sums_of_offer(session: Session, offer_id: int) -> Sums:
    """How many works of each kind an offer is about that can be licensed now, each used once."""
    query = (
        select(Work.kind, func.count())
        .join(OfferWork, OfferWork.work_id == Work.id)
        .where(OfferWork.offer_id == offer_id, Work.withdrawn_at.is_(None), Work.contested_since.is_(None))
        .group_by(Work.kind)
    )
    return {kind: (number, number) for kind, number in session.execute(query)}
