"""Whom an invoice is from, and whom it is for: the operator says it in the settings, a lab through the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role, Scope
from registry.base.auth import check_scopes
from registry.base.clock import Sources
from registry.base.periods import whole_second
from registry.base.settings import Settings
from registry.core.errors import Forbidden, InvalidInput
from registry.core.territories import EUROPEAN_UNION
from registry.remuneration.invoice_models import BillingDetails
from registry.remuneration.vat import Status, Trader, check_country, check_vat_id

_MAX_NAME, _MAX_LINE, _MAX_LINES = 200, 70, 5


@dataclass(frozen=True, slots=True)
class Side:
    """A side of an invoice as it is printed (§ 14 (4) no. 1 and 2 UStG)."""

    name: str
    address: tuple[str, ...]
    trader: Trader
    tax_number: str | None = None

    def stated(self) -> dict[str, Any]:
        """As the document has it."""
        return {
            "name": self.name,
            "address": list(self.address),
            "country": self.trader.country,
            "vat_id": self.trader.vat_id,
            "tax_number": self.tax_number,
        }


def check_side(name: str, address: tuple[str, ...], country: str, vat_id: str | None) -> Side:
    """A complete name, 1 to 5 lines of address, a country, and its VAT number if there is one."""
    name = " ".join(name.split())
    lines = tuple(line for line in (" ".join(part.split()) for part in address) if line)
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise InvalidInput(f"The full name of the business has 1 to {_MAX_NAME} characters.")
    if not 0 < len(lines) <= _MAX_LINES or any(len(x) > _MAX_LINE or not x.isprintable() for x in lines):
        raise InvalidInput(f"An address has 1 to {_MAX_LINES} lines of at most {_MAX_LINE} characters.")
    check_country(country)
    if vat_id is not None:
        if country not in EUROPEAN_UNION:
            raise InvalidInput(f"{country} is outside the Union; leave the VAT number out.")
        vat_id = check_vat_id(vat_id, country)
    return Side(name, lines, Trader(country, vat_id))


def issuer_of(settings: Settings) -> Side:
    """Who issues invoices; `InvalidInput` names the setting that is missing."""
    missing = [
        f"VORBEHALT_{option.upper()}"
        for option in ("invoice_issuer", "invoice_address", "invoice_country")
        if not getattr(settings, option)
    ]
    if not (settings.invoice_vat_id or settings.invoice_tax_number):
        missing.append("VORBEHALT_INVOICE_VAT_ID or VORBEHALT_INVOICE_TAX_NUMBER")
    if missing:
        raise InvalidInput(f"An invoice must say who issues it; set {', '.join(missing)}.")
    lines = tuple(settings.invoice_address.split(";"))
    side = check_side(
        settings.invoice_issuer, lines, settings.invoice_country, settings.invoice_vat_id or None
    )
    status = Status.SMALL if settings.invoice_small_business else Status.REGULAR
    trader = Trader(side.trader.country, side.trader.vat_id, status)
    return Side(side.name, side.address, trader, settings.invoice_tax_number or None)


def set_billing_details(session: Session, actor: Actor, side: Side, sources: Sources) -> Side:
    """Have the actor's invoices addressed so from now on; issued ones stay as they are."""
    check_scopes(actor, frozenset({Scope.ACCOUNT}))
    if actor.role is not Role.LAB:
        raise Forbidden("Invoices go to labs; this account is none.")
    if billing_details(session, actor.party_id) != side:
        session.add(
            BillingDetails(
                party_id=actor.party_id,
                name=side.name,
                address="\n".join(side.address),
                country=side.trader.country,
                vat_id=side.trader.vat_id,
                recorded_at=whole_second(sources.now()),
            )
        )
        session.flush()
    return side


def own_billing_details(session: Session, actor: Actor) -> Side | None:
    """The actor's own, if it gave any."""
    check_scopes(actor, frozenset({Scope.STATEMENTS_READ}))
    return billing_details(session, actor.party_id)


def billing_details(session: Session, party_id: int) -> Side | None:
    """The newest of a party."""
    query = select(BillingDetails).where(BillingDetails.party_id == party_id)
    found = session.scalar(query.order_by(BillingDetails.id.desc()).limit(1))
    if found is None:
        return None
    return Side(found.name, tuple(found.address.split("\n")), Trader(found.country, found.vat_id))
