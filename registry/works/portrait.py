"""One work as its page shows it: what is kept, what is permitted to whom, who holds rights, what happened when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.decisions import Purpose, inside
from registry.licences import service as licences
from registry.licences.service import AboutWork, AgreementDetails, OfferDetails
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.usage import service as usage
from registry.works import hint_reviews, overview, previews, queries, share_form
from registry.works.models import Reservation


@dataclass(frozen=True, slots=True)
class PurposeLine:
    """One purpose: whether it is permitted, to whom, and what is offered."""

    purpose: Purpose
    depth: int
    """How many of the purposes above contain it."""
    reserved: bool
    """Explicitly denied: that beats every licence to anyone."""
    agreements: Sequence[AgreementDetails]
    open_offers: Sequence[OfferDetails]
    """Free of charge and to anyone: in force without being accepted."""
    priced_offers: Sequence[OfferDetails]
    """Waiting for somebody to accept."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the history. `log_index` leads to the public log."""

    at: datetime
    what: str
    number: int = 0
    log_index: int | None = None
    purpose: str | None = None


_USES_SHOWN = 20
_ORDER = (
    (Purpose.TDM, 0),
    (Purpose.TRAIN_AI, 1),
    (Purpose.TRAIN_GENAI, 2),
    (Purpose.AI_INPUT, 0),
    (Purpose.AI_INDEX, 0),
    (Purpose.SEARCH, 0),
    (Purpose.VOICE_CLONE, 0),
    (Purpose.STYLE_IMITATION, 0),
)


def licensed_now(now: datetime) -> Select[int]:
    """Private keys of the works under licence now."""
    return licences.works_under_licence(now)


def portrait(session: Session, actor: Actor, public_id: bytes, sources: Sources) -> dict[str, Any]:
    """What the page of a work needs; `NotFound` for whoever may not see it."""
    now = whole_second(sources.now())
    details = queries.get_work(session, actor, public_id, sources)
    work = details.work
    about = licences.about_work(session, work.id)
    held = share_form.lines_now(details.shares, now)
    earned = remuneration.earned_by_work(session, actor, work.id)
    return {
        "details": details,
        "work": work,
        "state": overview.state_of(session, work, licensed_now(now)),
        "preview": previews.with_preview(session, actor, [work.id]).get(work.id),
        "code": overview.codes_to_draw(session, [work.id]).get(work.id),
        "purposes": [_line(p, depth, details.reservations, about, now) for p, depth in _ORDER],
        "licensees": _names(session, about),
        "held": held,
        "hints": hint_reviews.reviewed_hints(session, work.id),
        "history": _history(session, details, about),
        "uses": usage.uses_of_work(session, work.id, _USES_SHOWN),
        "earned": earned,
        "total": remuneration.in_total(earned),
        "now": now,
        "mine": work.owner_id == actor.party_id,
    }


def _line(
    purpose: Purpose, depth: int, reservations: Iterable[Reservation], about: AboutWork, now: datetime
) -> PurposeLine:
    """What covers this purpose now: a licence for it, or for one that contains it."""
    offers = [o for o in about.offers if purpose in inside(Purpose(o.offer.purpose)) and _open(o, now)]
    return PurposeLine(
        purpose=purpose,
        depth=depth,
        reserved=any(
            Purpose(r.purpose) in inside(purpose) or purpose in inside(Purpose(r.purpose))
            for r in reservations
            if r.valid_from <= now and (r.valid_to is None or now < r.valid_to)
        ),
        agreements=[
            a
            for a in about.agreements
            if purpose in inside(Purpose(a.agreement.purpose)) and _in_force(a, now)
        ],
        open_offers=[o for o in offers if o.licensees is None and o.tariff is None],
        priced_offers=[o for o in offers if o.licensees is not None or o.tariff is not None],
    )


def _open(seen: OfferDetails, now: datetime) -> bool:
    offer = seen.offer
    return offer.superseded_at is None and (offer.valid_to is None or now < offer.valid_to)


def _in_force(seen: AgreementDetails, now: datetime) -> bool:
    agreement = seen.agreement
    ends = [end for end in (agreement.valid_to, agreement.ends_at) if end is not None]
    return agreement.valid_from <= now and all(now < end for end in ends)


def _names(session: Session, about: AboutWork) -> dict[bytes, str]:
    """The labs' names, which are public, by public id."""
    ids = {a.agreement.licensee_id for a in about.agreements}
    return {p.public_id: p.name for p in parties.parties_by_id(session, ids).values()}


def _history(session: Session, details: queries.WorkDetails, about: AboutWork) -> list[Moment]:
    """Newest first."""
    moments = [Moment(e.at, e.what, e.number) for e in overview.events_of(session, details.work)]
    decisions = (decision for contest in details.contests for decision in contest.decisions)
    moments += [Moment(d.decided_at, "decided", log_index=d.log_index) for d in decisions]
    for seen in about.offers:
        offer = seen.offer
        moments.append(Moment(offer.recorded_at, "offered", log_index=offer.log_index, purpose=offer.purpose))
        if offer.superseded_at is not None:
            moments.append(Moment(offer.superseded_at, "revoked", purpose=offer.purpose))
    for held in about.agreements:
        agreed = held.agreement
        moments.append(
            Moment(agreed.recorded_at, "agreed", log_index=agreed.log_index, purpose=agreed.purpose)
        )
        if agreed.superseded_at is not None:
            moments.append(Moment(agreed.superseded_at, "ended", purpose=agreed.purpose))
    return sorted(moments, key=lambda moment: moment.at)[::-1]
