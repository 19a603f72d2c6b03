"""The JSON of domain claims. Private to the owner, its agents and the operator."""

from __future__ import annotations

from marshmallow import fields

from registry.base.schemas import PublicId, Strict, Time, line, page_of
from registry.domains.rules import NOUN, Method, State


class NewDomainClaim(Strict):
    """A domain, and where the proof will lie."""

    domain = line(
        300, required=True, metadata={"example": "anna.example", "description": "Without https:// and path."}
    )
    method = fields.Enum(
        Method,
        by_value=True,
        load_default=Method.DNS,
        metadata={
            "description": "dns: the domain and everything below it. file: this host alone.",
        },
    )
    on_behalf_of = PublicId("party", load_default=None)


class ProofView(Strict):
    """What must be where."""

    place = fields.String(metadata={"description": "A name in the DNS (TXT), or the address of a text file."})
    line = fields.String(metadata={"description": "The whole TXT record, or one line of the file."})


class DomainView(Strict):
    """A claim, what proves it, and how it stands."""

    id = PublicId(NOUN, attribute="claim.public_id")
    domain = fields.String(attribute="claim.domain")
    method = fields.Enum(Method, by_value=True)
    covers_subdomains = fields.Boolean()
    state = fields.Enum(State, by_value=True)
    proof = fields.Nested(ProofView)
    work = PublicId(
        "work", allow_none=True, metadata={"description": "Stands for the domain in offers and reservations."}
    )
    created_at = Time(attribute="claim.created_at")
    proved_at = Time(attribute="claim.proved_at", allow_none=True)
    checked_at = Time(attribute="claim.checked_at", allow_none=True)
    failing_since = Time(attribute="claim.failing_since", allow_none=True)
    lapses_at = Time(
        attribute="claim.failing.lapses_at",
        allow_none=True,
        metadata={"description": "When the claim lapses unless the proof is found again before."},
    )
    failure = fields.String(
        attribute="claim.failure",
        allow_none=True,
        metadata={"description": "What was found instead of the proof the last time."},
    )
    lapsed_at = Time(attribute="claim.lapsed_at", allow_none=True)
    ended_at = Time(attribute="claim.ended_at", allow_none=True)


DomainList = page_of(NOUN, DomainView)
