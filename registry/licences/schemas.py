"""The JSON of tariffs, offers and agreements. An agreement is private to its two sides."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from registry.base.schemas import PublicId, Strict, Time, letter, line, page_of, page_query
from registry.core.decisions import Purpose
from registry.core.decisions.terms import WORLD
from registry.core.tariffs import Tariff
from registry.licences.requests import RequestState
from registry.licences.rules import MAX_LICENSEES, MAX_WORKS


# -- tariffs ------------------------------------------------------------------------------------------------
class Component(fields.Dict):
    """A price. Its `type` says which other members it has; the reference of remuneration lists them."""

    def __init__(self, **kwargs: Any) -> None:
        example = {"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "image"}
        super().__init__(metadata={"example": example}, **kwargs)


class NewTariff(Strict):
    """A price list, or with `tariff` the next version of one."""

    tariff = PublicId("tariff", load_default=None)
    name = line(200, load_default=None)
    currency = line(3, required=True)
    components = fields.List(Component(), required=True, validate=validate.Length(1, 20))


class TariffView(Strict):
    """One version of a tariff. `digest` is the SHA-256 of the canonical JSON of the four members before it."""

    tariff = fields.String()
    version = fields.Integer()
    currency = fields.String()
    components = fields.Method("_components", metadata={"type": "array"})
    digest = fields.Function(lambda tariff: tariff.digest.hex())

    def _components(self, tariff: Tariff) -> Any:
        return [component.as_json() for component in tariff.components]


class TariffItem(Strict):
    """A tariff with all its versions."""

    id = PublicId("tariff", attribute="series.public_id")
    name = fields.String(attribute="series.name")
    created_at = Time(attribute="series.created_at")
    versions = fields.List(fields.Nested(TariffView))


# -- offers -------------------------------------------------------------------------------------------------
class NewOffer(Strict):
    """Terms for works of one owner, or a society's repertoire. Without a tariff free, without licensees to anyone."""

    works = fields.List(PublicId("work"), load_default=list, validate=validate.Length(1, MAX_WORKS))
    repertoire = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Of a society: instead of works, everything that it may grant at this moment."
        },
    )
    purpose = fields.Enum(Purpose, by_value=True, required=True)
    territories = fields.List(line(8), load_default=[WORLD], validate=validate.Length(1, 250))
    valid_from = Time(load_default=None, allow_none=True)
    valid_to = Time(load_default=None, allow_none=True)
    tariff = PublicId("tariff", load_default=None)
    tariff_version = fields.Integer(load_default=None, strict=True, validate=validate.Range(1))
    licensees = fields.List(PublicId("party"), load_default=[], validate=validate.Length(max=MAX_LICENSEES))


class TermsView(Strict):
    """What offers and agreements have in common."""

    owner = PublicId("party")
    tariff = fields.Nested(TariffView, allow_none=True)


class OfferItem(TermsView):
    """An offer in a list."""

    id = PublicId("offer", attribute="offer.public_id")
    purpose = fields.String(attribute="offer.purpose")
    territories = fields.List(fields.String(), attribute="offer.territories")
    valid_from = Time(attribute="offer.valid_from")
    valid_to = Time(attribute="offer.valid_to", allow_none=True)
    licensees = fields.List(PublicId("party"), allow_none=True, metadata={"description": "null: to anyone"})
    repertoire = fields.Boolean(attribute="offer.repertoire")
    recorded_at = Time(attribute="offer.recorded_at")
    revoked_at = Time(attribute="offer.superseded_at", allow_none=True)
    log_index = fields.Integer(attribute="offer.log_index", allow_none=True)


class OfferView(OfferItem):
    """An offer with the works that it is about."""

    works = fields.List(PublicId("work"))


# -- agreements ---------------------------------------------------------------------------------------------
class AgreementEnd(Strict):
    """When it ends; now, if nothing is said."""

    at = Time(load_default=None, allow_none=True)


class AgreementItem(TermsView):
    """An agreement in a list."""

    id = PublicId("agreement", attribute="agreement.public_id")
    licence = fields.String(attribute="name", metadata={"description": "How claims name it."})
    offer = PublicId("offer")
    licensee = PublicId("party")
    purpose = fields.String(attribute="agreement.purpose")
    territories = fields.List(fields.String(), attribute="agreement.territories")
    valid_from = Time(attribute="agreement.valid_from")
    valid_to = Time(attribute="agreement.valid_to", allow_none=True)
    concluded_at = Time(attribute="agreement.recorded_at")
    ends_at = Time(attribute="agreement.ends_at", allow_none=True)
    log_index = fields.Integer(attribute="agreement.log_index")


class AgreementView(AgreementItem):
    """An agreement with what opens its commitments in the log: keep `salt` secret."""

    works = fields.List(PublicId("work"))
    terms_commitment = fields.Function(lambda details: details.agreement.terms_digest.hex())
    salt = fields.Function(lambda details: details.agreement.salt.hex())


# -- requests -----------------------------------------------------------------------------------------------
class NewRequest(Strict):
    """What a lab would like to do with some works."""

    works = fields.List(PublicId("work"), required=True, validate=validate.Length(1, MAX_WORKS))
    purpose = fields.Enum(Purpose, by_value=True, required=True)
    territories = fields.List(line(8), load_default=[WORLD], validate=validate.Length(1, 250))
    valid_from = Time(load_default=None, allow_none=True)
    valid_to = Time(load_default=None, allow_none=True)
    message = letter(load_default=None, allow_none=True)


class NewAnswer(Strict):
    """The price of what was asked for; without a tariff it is free of charge for this lab."""

    tariff = PublicId("tariff", load_default=None, allow_none=True)
    tariff_version = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(1, 2**31 - 1)
    )
    valid_to = Time(
        load_default=None,
        allow_none=True,
        metadata={"description": "An earlier end than the lab asked for."},
    )


class Decline(Strict):
    """Why not, in words, if you want to say."""

    reason = letter(load_default=None, allow_none=True)


class RequestView(Strict):
    """A request as both its sides see it."""

    id = PublicId("request", attribute="request.public_id")
    state = fields.Enum(RequestState, by_value=True)
    licensee = PublicId("party")
    owner = PublicId("party")
    works = fields.List(PublicId("work"))
    purpose = fields.String(attribute="request.purpose")
    territories = fields.List(fields.String(), attribute="request.territories")
    valid_from = Time(attribute="request.valid_from", allow_none=True)
    valid_to = Time(attribute="request.valid_to", allow_none=True)
    message = fields.String(attribute="request.message", allow_none=True)
    made_at = Time(attribute="request.made_at")
    answered_at = Time(attribute="request.answered_at", allow_none=True)
    offer = PublicId("offer", allow_none=True)
    reason = fields.String(attribute="request.reason", allow_none=True)


RequestList = page_of("request", RequestView)
REQUEST_PAGE = page_query("request").from_dict(
    {"state": fields.Enum(RequestState, by_value=True, load_default=None)}, name="request-page"
)
TariffList = page_of("tariff", TariffItem)
OfferList = page_of("offer", OfferItem)
AgreementList = page_of("agreement", AgreementItem)
