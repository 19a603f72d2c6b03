"""A market for tests of licences: makers, labs, works and prices, and short ways to let them act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.core.decisions import Grant, Purpose
from registry.licences import service as licences
from registry.licences.models import Agreement, Offer, TariffVersion
from registry.works.models import Work
from tests.factories import Clock
from tests.support.works import register

PER_IMAGE: dict[str, Any] = {"type": "per_unit", "amount_minor": 40, "per_units": 100, "unit": "image"}


@dataclass(frozen=True)
class Market:
    """A session with two makers, a society, two labs and an operator, and short ways to let them act."""

    session: Session
    sources: Sources
    clock: Clock
    anna: Actor
    ben: Actor
    society: Actor
    lab: Actor
    rival: Actor
    operator: Actor

    def work(self, owner: Actor | None = None, name: str = "Dunes") -> Work:
        return register(self.session, owner or self.anna, self.sources, name)

    def tariff(self, owner: Actor | None = None, **more: Any) -> TariffVersion:
        values = {"currency": "EUR", "components": [PER_IMAGE], "name": "Pictures"} | more
        command = licences.CreateTariff(**values)
        return licences.create_tariff(self.session, owner or self.anna, command, self.sources)

    def offer(self, *offered: Work, by: Actor | None = None, **terms: Any) -> Offer:
        values = {"purpose": Purpose.TRAIN_GENAI} | terms
        command = licences.CreateOffer(works=tuple(w.public_id for w in offered), **values)
        return licences.create_offer(self.session, by or self.anna, command, self.sources)

    def accept(self, offer: Offer, by: Actor | None = None) -> Agreement:
        command = licences.AcceptOffer(offer.public_id)
        return licences.accept_offer(self.session, by or self.lab, command, self.sources)

    def revoke(self, offer: Offer, by: Actor | None = None) -> Offer:
        return licences.revoke_offer(self.session, by or self.anna, offer.public_id, self.sources)

    def end(self, agreement: Agreement, by: Actor | None = None, **more: Any) -> Agreement:
        command = licences.EndAgreement(agreement.public_id, **more)
        return licences.end_agreement(self.session, by or self.anna, command, self.sources)

    def permitted(self, work: Work, by: Actor | None = None, **question: Any) -> list[Grant]:
        values: dict[str, Any] = {
            "purpose": Purpose.TRAIN_GENAI,
            "territory": "DE",
            "at": self.clock.at,
        } | question
        return licences.permitted(
            self.session, work.id, licensee_id=None if by is None else by.party_id, **values
        )
