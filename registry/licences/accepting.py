"""Accept offers as they were read: all of them or none, at the price that was shown, and each once.

An offer is never changed, only revoked; but works in it are withdrawn or contested, and a society's mandates end. So
what a lab has read has a digest, and the acceptance names it: if anything is different by then, nothing is accepted.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.core.errors import Conflict, InvalidInput
from registry.core.ids import format_id
from registry.core.records.canonical import canonical
from registry.licences import access, basket
from registry.licences.details import OfferDetails, offers_seen
from registry.licences.models import Agreement
from registry.licences.queries import agreements_on, exceptions_of, first_left, get_offer, works_left
from registry.licences.service import AcceptOffer, accept_offer, check_acceptable
from registry.licences.terms import terms_of
from registry.log import service as log

MAX_AT_ONCE = 75
"""As many as one reads on one page."""
SHOWN = 100
"""So many works of each are named."""


@dataclass(frozen=True, slots=True)
class Look:
    """An offer as it stands, for a lab that may accept it."""

    details: OfferDetails
    works: int
    """How many a licence would cover: without works that were withdrawn."""
    contested: int
    """How many of them may not be used before it is decided whose they are."""
    first: Sequence[str]
    """The numbers of the first of them."""
    digest: str
    """Of all this."""
    obstacle: str | None
    """Why it cannot be accepted: `revoked`, `ended`, `open-to-all`, `accepted`, `nothing-left` or `mandate-ended`."""
    agreement: Agreement | None
    """If it was accepted already."""


class Changed(Conflict):
    """Some offers are not as they were read. Nothing was accepted."""

    def __init__(self, changed: Sequence[bytes]) -> None:
        super().__init__(
            f"{len(changed):,} of these offers changed after you looked; nothing was accepted. Look again.",
            offers=[format_id("offer", public_id) for public_id in changed],
        )
        self.changed = tuple(changed)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of it."""

    new: Sequence[Agreement]
    before: Sequence[Agreement]
    """Concluded by an earlier sending of the same form."""


def look(session: Session, lab: Actor, offers: Sequence[bytes], sources: Sources) -> list[Look]:
    """These offers as they stand; `NotFound` for one that was not made to this lab."""
    access.check_lab(lab)
    if not 0 < len(offers) <= MAX_AT_ONCE:
        raise InvalidInput(f"1 to {MAX_AT_ONCE} offers are accepted at once.")
    return [_look(session, lab, public_id, sources) for public_id in dict.fromkeys(offers)]


def accept_as_read(session: Session, lab: Actor, read: Mapping[bytes, str], sources: Sources) -> Accepted:
    """Accept each offer whose public id is given with the digest of what was read of it.

    `Changed` names those that are different now. One that was accepted already is not accepted again.
    """
    log.hold(session)
    looks = look(session, lab, list(read), sources)
    changed = [
        each.details.offer.public_id
        for each in looks
        if each.agreement is None and (each.obstacle or not _same(each, read))
    ]
    if changed:
        raise Changed(changed)
    new = [
        accept_offer(session, lab, AcceptOffer(each.details.offer.public_id), sources)
        for each in looks
        if each.agreement is None
    ]
    before = [each.agreement for each in looks if each.agreement is not None]
    basket.take_out_licensed(session, lab, [agreement.offer_id for agreement in (*new, *before)])
    return Accepted(new, before)


def _same(each: Look, read: Mapping[bytes, str]) -> bool:
    return hmac.compare_digest(each.digest.encode(), read[each.details.offer.public_id].encode())


def _look(session: Session, lab: Actor, public_id: bytes, sources: Sources) -> Look:
    now = whole_second(sources.now())
    offer = get_offer(session, lab, public_id, sources)
    (details,) = offers_seen(session, lab, [offer])
    obstacle = None
    try:
        check_acceptable(session, lab, offer, now)
    except Conflict as error:
        obstacle = str(error.details["reason"])
    left = works_left(session, offer)
    withdrawn, contested = exceptions_of(session, offer)
    facts = terms_of(offer).as_json(()) | {
        "contested": sorted(contested),
        "offer": format_id("offer", public_id),
        "withdrawn": sorted(withdrawn),
    }
    digest = hashlib.sha256(canonical(facts)).hexdigest()
    agreement = agreements_on(session, lab, [offer.id], now).get(offer.id)
    first = first_left(session, offer, SHOWN)
    return Look(details, left.works, left.contested, first, digest, obstacle, agreement)
