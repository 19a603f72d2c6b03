"""Offers and agreements as one reader may see them: with names instead of keys, and no third party's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.core.tariffs import Tariff
from registry.licences.models import Agreement, Offer, TariffSeries, TariffVersion
from registry.licences.pricing import priced
from registry.licences.queries import agreement_works, offered_works
from registry.licences.terms import agreement_name
from registry.parties import service as parties


@dataclass(frozen=True, slots=True)
class TariffDetails:
    """A tariff with what each of its versions says."""

    series: TariffSeries
    versions: Sequence[Tariff]


@dataclass(frozen=True, slots=True)
class OfferDetails:
    """An offer and what its columns refer to."""

    offer: Offer
    owner: bytes
    tariff: Tariff | None
    licensees: Sequence[bytes] | None
    """`None`: to anyone. A named licensee reads only its own name here."""
    works: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class AgreementDetails:
    """An agreement and what its columns refer to; for its sides only."""

    agreement: Agreement
    name: str
    """`agreement_…@<tariff version>`, as claims name it."""
    offer: bytes
    owner: bytes
    licensee: bytes
    tariff: Tariff | None
    works: Sequence[bytes] = ()


def tariffs_seen(tariffs: Sequence[TariffSeries]) -> list[TariffDetails]:
    """These tariffs, which are the actor's own."""
    return [TariffDetails(series, [priced(version) for version in series.versions]) for series in tariffs]


def offers_seen(
    session: Session, actor: Actor | None, offers: Sequence[Offer], *, works: bool = False
) -> list[OfferDetails]:
    """These offers, which the actor may see; `works` adds what they are about."""
    people = {o.owner_id for o in offers} | {named.party_id for o in offers for named in o.licensees}
    names = {key: party.public_id for key, party in parties.parties_by_id(session, people).items()}
    return [
        OfferDetails(
            offer=offer,
            owner=names[offer.owner_id],
            tariff=_priced(offer.tariff),
            licensees=None if offer.to_anyone else [names[key] for key in _named(offer, actor)],
            works=[work.public_id for work in offered_works(session, offer)] if works else (),
        )
        for offer in offers
    ]


def agreements_seen(
    session: Session, agreements: Sequence[Agreement], *, works: bool = False
) -> list[AgreementDetails]:
    """These agreements, which the actor is a side of; `works` adds what they cover."""
    people = {a.owner_id for a in agreements} | {a.licensee_id for a in agreements}
    names = {key: party.public_id for key, party in parties.parties_by_id(session, people).items()}
    return [
        AgreementDetails(
            agreement=agreement,
            name=agreement_name(agreement),
            offer=agreement.offer.public_id,
            owner=names[agreement.owner_id],
            licensee=names[agreement.licensee_id],
            tariff=_priced(agreement.tariff),
            works=[work.public_id for work in agreement_works(session, agreement)] if works else (),
        )
        for agreement in agreements
    ]


def _named(offer: Offer, actor: Actor | None) -> list[int]:
    """The owner and its agents see everybody whom the offer names; a lab sees itself."""
    named = [licensee.party_id for licensee in offer.licensees]
    if actor is not None and actor.party_id in named:
        return [actor.party_id]
    return named


def _priced(version: TariffVersion | None) -> Tariff | None:
    return None if version is None else priced(version)
