"""What is permitted, from the rows on record: for publishing, for checks, and for claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from registry.base.periods import whole_second
from registry.core.decisions import Denial, Grant, Purpose, Terms
from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.licences import access, rules
from registry.licences.models import Agreement, Offer, OfferWork
from registry.licences.rules import Doubt, Licence, LicenceTerms, licence_name
from registry.parties import service as parties
from registry.works import service as works
from registry.works.service import Standing

_CHUNK = 5_000


def public_terms(session: Session, at: datetime) -> dict[int, Terms]:
    """What anyone may do, by row of the works table, as on record at that moment; later starts are included.

    Grants come from free offers to anyone. Works about which nothing is said are missing: they are denied.
    """
    at = whole_second(at)
    state = works.standing(session)
    denials = works.denials(session, at)
    licences = _by_work(session, _open_licences(at))
    contested = {key for key, work in state.items() if work.contested_since is not None}
    found = {}
    for work_id in licences.keys() | denials.keys() | contested:
        work = state[work_id]
        if work.withdrawn_at is None or work.withdrawn_at > at:
            found[work.row] = _terms(
                work, licences.get(work_id, ()), denials.get(work_id, ()), at, for_all=True
            )
    return found


def terms_of_works(
    session: Session, state: Mapping[int, Standing], licensee_id: int | None, at: datetime
) -> dict[int, tuple[Terms, Terms]]:
    """What anyone, and what one licensee by its agreements, may do with these works; by private key of the work.

    The same as `public_terms` and `licensee_terms` say at that moment, for as many works as a check has matched.
    """
    at = whole_second(at)
    denials = works.denials(session, at, state.keys())
    open_to_all: dict[int, list[Licence]] = defaultdict(list)
    agreed: dict[int, list[Licence]] = defaultdict(list)
    wanted = sorted(state)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        for key, found in _by_work(session, _open_licences(at).where(OfferWork.work_id.in_(chunk))).items():
            open_to_all[key] += found
        if licensee_id is not None:
            for agreement, key in session.execute(_agreements_about(licensee_id, chunk, at)):
                agreed[key].append(licence_of(agreement))
    return {
        key: (
            _public_terms_of(work, open_to_all[key], denials.get(key, ()), at),
            _terms(work, _covering(work, agreed[key]), (), at) if agreed[key] else Terms(),
        )
        for key, work in state.items()
    }


def _public_terms_of(
    work: Standing, licences: Iterable[Licence], denials: Sequence[Denial], at: datetime
) -> Terms:
    if work.withdrawn_at is not None and work.withdrawn_at <= at:
        return Terms()
    return _terms(work, licences, denials, at)


def _agreements_about(licensee_id: int, work_ids: Sequence[int], at: datetime) -> Select[Agreement, int]:
    """The licensee's agreements that can matter from then on, a row for each of these works."""
    return (
        select(Agreement, OfferWork.work_id)
        .join(OfferWork, OfferWork.offer_id == Agreement.offer_id)
        .where(
            Agreement.licensee_id == licensee_id,
            OfferWork.work_id.in_(work_ids),
            or_(Agreement.valid_to.is_(None), Agreement.valid_to > at),
            or_(Agreement.ends_at.is_(None), Agreement.ends_at > at),
        )
        .order_by(Agreement.id)
    )


def licensee_terms(session: Session, licensee_id: int, at: datetime | None = None) -> dict[int, Terms]:
    """What one licensee may do beyond that by its agreements, by row of the works table.

    With `at`, as on record at that moment and without what was over by then; else everything that is on record.
    """
    return {work.row: terms for work, terms in _agreed_terms(session, licensee_id, at)}


def all_licensee_terms(session: Session, at: datetime) -> Iterator[tuple[str, dict[str, Terms]]]:
    """For every licensee that has an agreement: its public id, and its terms by public id of the work, as text."""
    ids = session.scalars(select(Agreement.licensee_id).distinct()).all()
    for party in sorted(parties.parties_by_id(session, ids).values(), key=lambda party: party.id):
        found = _agreed_terms(session, party.id, at)
        if found:
            terms = {format_id("work", work.public_id): terms for work, terms in found}
            yield format_id("party", party.public_id), terms


def _agreed_terms(session: Session, licensee_id: int, at: datetime | None) -> list[tuple[Standing, Terms]]:
    query = select(Agreement).where(Agreement.licensee_id == licensee_id)
    if at is not None:
        at = whole_second(at)
        query = query.where(or_(Agreement.valid_to.is_(None), Agreement.valid_to > at))
    by_work = _agreed_by_work(session, session.scalars(query.order_by(Agreement.id)).all(), at)
    state = works.standing(session, by_work.keys())
    found = [
        (state[key], _terms(state[key], _covering(state[key], licences), (), at, for_all=True))
        for key, licences in by_work.items()
    ]
    return [(work, terms) for work, terms in found if terms != Terms()]


def permitted(
    session: Session,
    work_id: int,
    purpose: Purpose,
    licensee_id: int | None,
    territory: str,
    at: datetime,
    as_of: datetime | None = None,
) -> list[Grant]:
    """The grants by which this use of a work (private key) was, is or will be permitted; empty if it is denied.

    `at` is when the work is used; `as_of` asks by the state of the record at another moment than `at`: what was
    later revoked, or ended, or contested, is not known yet then.
    """
    known = min(at, as_of or at)
    work = works.standing(session, [work_id])[work_id]
    public = personal = Terms()
    if work.withdrawn_at is None or work.withdrawn_at > known:
        offers = _by_work(session, _open_licences(None).where(OfferWork.work_id == work_id))
        denials = works.denials(session, as_of or at, [work_id])
        public = _terms(work, offers.get(work_id, ()), denials.get(work_id, ()), as_of or at, known)
    if licensee_id is not None:
        query = (
            select(Agreement)
            .join(OfferWork, OfferWork.offer_id == Agreement.offer_id)
            .where(OfferWork.work_id == work_id, Agreement.licensee_id == licensee_id)
        )
        agreed = [licence_of(a) for a in session.scalars(query.order_by(Agreement.id))]
        personal = _terms(work, _covering(work, agreed), (), as_of or at, known)
    return list(rules.permitted(public, personal, purpose, territory, int(at.timestamp())))


def _terms(
    work: Standing,
    licences: Iterable[Licence],
    denials: Sequence[Denial],
    as_of: datetime | None,
    used_at: datetime | None = None,
    *,
    for_all: bool = False,
) -> Terms:
    """The terms of one work by the record of `as_of`; a contest counts for use from the moment it began."""
    return rules.combine(licences, denials, _doubt(work, used_at or as_of, for_all=for_all), _seconds(as_of))


def _doubt(work: Standing, known: datetime | None, *, for_all: bool) -> Doubt | None:
    """The contest as it is told; files that go out do not name an earlier work that is kept out of them."""
    since = work.contested_since
    if since is None or (known is not None and since > known):
        return None
    named = work.contested_by is not None and not (for_all and work.contested_by_hidden)
    by = format_id("work", work.contested_by) if named and work.contested_by is not None else None
    return Doubt(int(since.timestamp()), by, work.upheld)


def _open_licences(at: datetime | None) -> Select[Offer, int]:
    """Free offers to anyone, a row for each of their works; with `at`, those that can matter from then on."""
    query = (
        select(Offer, OfferWork.work_id)
        .join(OfferWork, OfferWork.offer_id == Offer.id)
        .where(Offer.to_anyone, Offer.tariff_version_id.is_(None))
    )
    if at is None:
        return query
    return query.where(
        Offer.recorded_at <= at,
        or_(Offer.superseded_at.is_(None), Offer.superseded_at > at),
        or_(Offer.valid_to.is_(None), Offer.valid_to > at),
    )


def _by_work(session: Session, query: Select[Offer, int]) -> Mapping[int, list[Licence]]:
    licences: dict[int, Licence] = {}
    found: dict[int, list[Licence]] = defaultdict(list)
    for offer, work_id in session.execute(query.order_by(Offer.id)):
        if offer.id not in licences:
            licences[offer.id] = _from_offer(offer)
        found[work_id].append(licences[offer.id])
    return found


def _agreed_by_work(
    session: Session, agreements: Sequence[Agreement], at: datetime | None
) -> Mapping[int, list[Licence]]:
    """The licences of each work; with `at`, without agreements that were ended by then."""
    by_offer: dict[int, list[Licence]] = defaultdict(list)
    for agreement in agreements:
        if at is None or agreement.ends_at is None or agreement.ends_at > at:
            by_offer[agreement.offer_id].append(licence_of(agreement))
    found: dict[int, list[Licence]] = defaultdict(list)
    for offer_id, licences in by_offer.items():
        for work_id in session.scalars(select(OfferWork.work_id).where(OfferWork.offer_id == offer_id)):
            found[work_id] += licences
    return found


def _covering(work: Standing, agreed: Iterable[Licence]) -> list[Licence]:
    """An agreement does not cover what was withdrawn before it was concluded."""
    gone = None if work.withdrawn_at is None else int(work.withdrawn_at.timestamp())
    return [licence for licence in agreed if gone is None or licence.concluded_at < gone]


# -- claims -------------------------------------------------------------------------------------------------
def agreement_for_claim(session: Session, licensee_id: int, licence: str, at: datetime) -> Agreement:
    """The agreement that a claim names as `agreement_…@<tariff version>`, in force for this licensee at that time.

    `NotFound` if it is no agreement of this licensee, `InvalidInput` if it pins another tariff version or did not
    hold then.
    """
    public_id, version = rules.parse_agreement_name(licence)
    agreement = session.scalar(
        select(Agreement).where(Agreement.public_id == public_id, Agreement.licensee_id == licensee_id)
    )
    if agreement is None:
        raise access.not_yours("agreement", public_id)
    stated = licence_of(agreement)
    if stated.name != licence_name("agreement", public_id, version):
        raise InvalidInput(
            f"This agreement is {stated.name}; the claim names version {version} of its tariff."
        )
    if not stated.holds(int(at.timestamp())):
        raise InvalidInput(f"{stated.name} was not in force at {at:%Y-%m-%dT%H:%M:%SZ}.", licence=stated.name)
    return agreement


def works_covered(session: Session, agreement: Agreement, work_ids: Collection[int]) -> set[int]:
    """Which of these works (private keys) an agreement covers, whatever the time."""
    query = select(OfferWork.work_id).where(OfferWork.offer_id == agreement.offer_id)
    offered = set(session.scalars(query)) & set(work_ids)
    licence = licence_of(agreement)
    state = works.standing(session, offered)
    return {work_id for work_id in offered if _covering(state[work_id], [licence])}


# -- from rows to rules ---------------------------------------------------------------------------------------
def agreement_name(agreement: Agreement) -> str:
    """`agreement_…@<tariff version>`, as grants and claims name it."""
    version = agreement.tariff.version if agreement.tariff is not None else None
    return licence_name("agreement", agreement.public_id, version)


def terms_of(row: Offer | Agreement) -> LicenceTerms:
    """The terms that the row states."""
    return LicenceTerms(
        purpose=Purpose(row.purpose),
        territories=tuple(row.territories),
        valid_from=int(row.valid_from.timestamp()),
        valid_to=_seconds(row.valid_to),
        tariff=row.tariff.digest.hex() if row.tariff is not None else None,
    )


def _from_offer(offer: Offer) -> Licence:
    return Licence(
        name=licence_name("offer", offer.public_id, None),
        terms=terms_of(offer),
        concluded_at=int(offer.recorded_at.timestamp()),
        ended_at=_seconds(offer.superseded_at),
        end_recorded_at=_seconds(offer.superseded_at),
    )


def licence_of(agreement: Agreement) -> Licence:
    """An agreement as the rules take it."""
    return Licence(
        name=agreement_name(agreement),
        terms=terms_of(agreement),
        concluded_at=int(agreement.recorded_at.timestamp()),
        ended_at=_seconds(agreement.ends_at),
        end_recorded_at=_seconds(agreement.superseded_at),
    )


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
