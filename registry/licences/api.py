"""JSON views of tariffs, offers and agreements. Offers to anyone are public; all else is between its two sides."""

from __future__ import annotations

from typing import Any

from registry.base.actor import Scope
from registry.base.auth import API_KEY_SCHEME
from registry.base.http import (
    Blueprint,
    current_actor,
    optional_actor,
    reading,
    require,
    sources,
    writing,
)
from registry.base.schemas import PublicId, page_query
from registry.licences import schemas, service

blueprint = Blueprint("licences", __name__, url_prefix="/v1", description="Tariffs, offers and agreements")

_OPEN: list[dict[str, list[str]]] = [{API_KEY_SCHEME: []}, {}]
_OFFERS = page_query("offer").from_dict({"work": PublicId("work", load_default=None)}, name="offer-page")


# -- tariffs ------------------------------------------------------------------------------------------------
@blueprint.post("/tariffs")
@require(Scope.LICENCES_WRITE)
@blueprint.arguments(schemas.NewTariff)
@blueprint.response(201, schemas.TariffView)
def create_tariff(data: dict[str, Any]) -> Any:
    """Make a tariff, or the next version of one. A version is never changed, and its digest is in the log."""
    command = service.CreateTariff(data["currency"], data["components"], data["name"], data["tariff"])
    with writing() as session:
        return service.priced(service.create_tariff(session, current_actor(), command, sources()))


@blueprint.get("/tariffs")
@require()
@blueprint.arguments(page_query("tariff"), location="query")
@blueprint.response(200, schemas.TariffList)
def list_tariffs(page: dict[str, Any]) -> Any:
    """Your tariffs with all their versions. Those of others are read from their offers."""
    with reading() as session:
        found = service.list_tariffs(session, current_actor(), **page)
        return {"items": service.tariffs_seen(found.items), "next": found.next}


# -- offers -------------------------------------------------------------------------------------------------
@blueprint.post("/offers")
@require(Scope.LICENCES_WRITE)
@blueprint.arguments(schemas.NewOffer)
@blueprint.response(201, schemas.OfferView)
def create_offer(data: dict[str, Any]) -> Any:
    """Offer a licence to your works. Free of charge and to anyone, it is an open licence and holds at once."""
    lists = {name: tuple(data[name]) for name in ("works", "territories", "licensees")}
    command = service.CreateOffer(**data | lists)
    with writing() as session:
        offer = service.create_offer(session, current_actor(), command, sources())
        return service.offers_seen(session, current_actor(), [offer], works=True)[0]


@blueprint.get("/offers")
@blueprint.doc(security=_OPEN)
@blueprint.arguments(_OFFERS, location="query")
@blueprint.response(200, schemas.OfferList)
def list_offers(page: dict[str, Any]) -> Any:
    """Offers that are open to anyone; with an API key also those made to you, and your own."""
    actor = optional_actor()
    with reading() as session:
        found = service.list_offers(session, actor, sources(), **page)
        return {"items": service.offers_seen(session, actor, found.items), "next": found.next}


@blueprint.get("/offers/<id(offer):public_id>")
@blueprint.doc(security=_OPEN)
@blueprint.response(200, schemas.OfferView)
def get_offer(public_id: bytes) -> Any:
    """One offer that was made to you or to anyone, with its works and prices."""
    actor = optional_actor()
    with reading() as session:
        offer = service.get_offer(session, actor, public_id, sources())
        return service.offers_seen(session, actor, [offer], works=True)[0]


@blueprint.delete("/offers/<id(offer):public_id>")
@require(Scope.LICENCES_WRITE)
@blueprint.response(204)
def revoke_offer(public_id: bytes) -> None:
    """Revoke an offer from now on. Agreements that were concluded on it go on."""
    with writing() as session:
        service.revoke_offer(session, current_actor(), public_id, sources())


@blueprint.post("/offers/<id(offer):public_id>/accept")
@require(Scope.LICENCES_WRITE)
@blueprint.response(201, schemas.AgreementView)
def accept_offer(public_id: bytes) -> Any:
    """Accept an offer as it stands, as a lab. The agreement pins its terms and its tariff version."""
    with writing() as session:
        command = service.AcceptOffer(public_id)
        agreement = service.accept_offer(session, current_actor(), command, sources())
        return service.agreements_seen(session, [agreement], works=True)[0]


# -- agreements ---------------------------------------------------------------------------------------------
@blueprint.get("/agreements")
@require()
@blueprint.arguments(page_query("agreement"), location="query")
@blueprint.response(200, schemas.AgreementList)
def list_agreements(page: dict[str, Any]) -> Any:
    """The agreements that you are a side of, ended ones too."""
    with reading() as session:
        found = service.list_agreements(session, current_actor(), **page)
        return {"items": service.agreements_seen(session, found.items), "next": found.next}


@blueprint.get("/agreements/<id(agreement):public_id>")
@require()
@blueprint.response(200, schemas.AgreementView)
def get_agreement(public_id: bytes) -> Any:
    """One of your agreements, with its works and what opens its commitments in the log."""
    with reading() as session:
        agreement = service.get_agreement(session, current_actor(), public_id, sources())
        return service.agreements_seen(session, [agreement], works=True)[0]


@blueprint.post("/agreements/<id(agreement):public_id>/end")
@require(Scope.LICENCES_WRITE)
@blueprint.arguments(schemas.AgreementEnd)
@blueprint.response(200, schemas.AgreementView)
def end_agreement(data: dict[str, Any], public_id: bytes) -> Any:
    """End an agreement now or later, as either side. Use before that stays licensed, and is paid for."""
    command = service.EndAgreement(public_id, data["at"])
    with writing() as session:
        agreement = service.end_agreement(session, current_actor(), command, sources())
        return service.agreements_seen(session, [agreement], works=True)[0]
