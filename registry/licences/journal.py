"""What of licences goes into the public log: that something came into force or ended, committed to, not told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from registry.core.ids import format_id
from registry.core.records.leaves import Leaf, LicenceLeaf, TariffLeaf, commitment
from registry.licences.models import Agreement, Offer, TariffVersion
from registry.licences.rules import licence_name
from registry.log import service as log
from registry.parties import service as parties


def tariff_made(session: Session, version: TariffVersion, tariff: str, now: datetime) -> int:
    """Log a tariff version; returns the index."""
    leaf = TariffLeaf(
        tariff=tariff, version=version.version, terms=version.digest.hex(), at=int(now.timestamp())
    )
    return _append(session, leaf)


def offer_made(session: Session, offer: Offer, now: datetime) -> int:
    """Log an offer to anyone; its terms are public, so their digest is plain."""
    return _append(session, _offer_leaf(session, "offer", offer, now))


def offer_revoked(session: Session, offer: Offer, now: datetime) -> int:
    """Log the end of an offer to anyone."""
    return _append(session, _offer_leaf(session, "revoke", offer, now))


def agreed(session: Session, agreement: Agreement, now: datetime) -> int:
    """Log an agreement, without its parties and terms: those open the commitments with the salt they hold."""
    return _append(session, _agreement_leaf(session, "agree", agreement, now))


def ended(session: Session, agreement: Agreement, now: datetime) -> int:
    """Log that an agreement was ended; from when on is between the parties."""
    return _append(session, _agreement_leaf(session, "end", agreement, now))


def _offer_leaf(session: Session, act: str, offer: Offer, now: datetime) -> LicenceLeaf:
    return LicenceLeaf(
        act=act,
        licence=_name("offer", offer),
        terms=offer.terms_digest.hex(),
        at=int(now.timestamp()),
        who=_who(session, offer.salt, owner=offer.owner_id),
    )


def _agreement_leaf(session: Session, act: str, agreement: Agreement, now: datetime) -> LicenceLeaf:
    return LicenceLeaf(
        act=act,
        licence=_name("agreement", agreement),
        terms=agreement.terms_digest.hex(),
        at=int(now.timestamp()),
        who=_who(session, agreement.salt, owner=agreement.owner_id, licensee=agreement.licensee_id),
    )


def _name(noun: str, row: Offer | Agreement) -> str:
    return licence_name(noun, row.public_id, row.tariff.version if row.tariff is not None else None)


def _who(session: Session, salt: bytes, **people: int) -> str:
    found = parties.parties_by_id(session, list(people.values()))
    return commitment(salt, {role: format_id("party", found[key].public_id) for role, key in people.items()})


def _append(session: Session, leaf: Leaf) -> int:
    body = leaf.body()
    return log.append(session, [(log.idempotency_key(b"licences", body), body)])[0]
