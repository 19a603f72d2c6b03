"""A small trade for tests of claims and money: makers with works, a lab with a model and licences, what it used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.core.decisions import Purpose
from registry.core.fingerprints import Fingerprint
from registry.core.ids import format_id, parse_id
from registry.core.records.runs import AlgorithmUsed, Counts, FileUsed, RunManifest, SnapshotUsed, Tool
from registry.core.tariffs import Figure
from registry.licences import service as licences
from registry.parties import service as parties
from registry.usage import service as usage
from registry.works import service as works
from registry.works.service import ClientCodes, Kind, NewShare, Work
from tests.factories import Clock, make_actor

DIGEST = "ab" * 32
CENTS_PER_100_IMAGES: Mapping[str, Any] = {
    "type": "per_unit",
    "unit": "image",
    "amount_minor": 40,
    "per_units": 100,
}
CENTS_PER_WORK: Mapping[str, Any] = {"type": "per_unit", "unit": "work", "amount_minor": 25, "per_units": 1}
FLAT: Mapping[str, Any] = {"type": "flat_per_period", "amount_minor": 1000}


def row(work: Work, licence: str, units: int = 1, how: int = 2) -> dict[str, Any]:
    """A row of a claim as a lab sends it."""
    return {"work": format_id("work", work.public_id), "licence": licence, "units": units, "how": how}


def name(actor: Actor) -> str:
    """A party's public id as text."""
    return format_id("party", actor.public_id)


@dataclass
class Trade:
    """Everything happens in one session, at the time of the test's clock."""

    session: Session
    sources: Sources
    clock: Clock
    anna: Actor
    bert: Actor
    lab: Actor
    operator: Actor
    model: bytes
    made: int = 0

    def work(
        self,
        owner: Actor | None = None,
        title: str = "A heron",
        shares: Sequence[NewShare] = (),
        kind: Kind = Kind.IMAGE,
    ) -> Work:
        """A registered work with a file of its own."""
        self.made += 1
        digest = sha256(b"file %d" % self.made).digest()
        codes = ClientCodes((Fingerprint("digest.sha256.v1", "whole", digest),))
        command = works.RegisterWork(title, codes, kind, shares=tuple(shares))
        return works.register_work(self.session, owner or self.anna, command, self.sources).work

    def agreement(
        self,
        *covered: Work,
        components: Sequence[Mapping[str, Any]] = (CENTS_PER_100_IMAGES,),
        owner: Actor | None = None,
        lab: Actor | None = None,
        currency: str = "EUR",
        purpose: Purpose = Purpose.TRAIN_GENAI,
        territories: tuple[str, ...] = ("world",),
    ) -> str:
        """The name of a licence that the lab has taken for these works; without components it is free."""
        maker = owner or self.anna
        tariff = None
        if components:
            create = licences.CreateTariff(currency, components, "Pictures")
            tariff = licences.create_tariff(self.session, maker, create, self.sources).series.public_id
        offer = licences.create_offer(
            self.session,
            maker,
            licences.CreateOffer(
                tuple(work.public_id for work in covered),
                purpose,
                territories,
                tariff=tariff,
                licensees=((lab or self.lab).public_id,),
            ),
            self.sources,
        )
        accept = licences.AcceptOffer(offer.public_id)
        agreement = licences.accept_offer(self.session, lab or self.lab, accept, self.sources)
        return f"{format_id('agreement', agreement.public_id)}@1"

    def manifest(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        """The run.json of a run that was filtered now; another `number` is another run."""
        return dict(json.loads(self.run(number, **changes).to_bytes()))

    def run(self, number: int = 1, **changes: Any) -> RunManifest:
        """A filter run of the lab."""
        now = int(self.clock().timestamp())
        file = FileUsed("file", 10, DIGEST, 1)
        members: dict[str, Any] = {
            "tool": Tool("vorbehalt", "0.1.0"),
            "decoders": {},
            "algorithms": (AlgorithmUsed("image.phash256.v1", DIGEST),),
            "snapshot": SnapshotUsed(number, now, 1, DIGEST, 0, DIGEST, {}),
            "purpose": "train_genai",
            "policy": "consent-first",
            "territory": "world",
            "at": now,
            "parameters": {},
            "inputs": (file,),
            "outputs": (file,),
            "verdicts": file,
            "codes": file,
            "counts": Counts(1, 1, 0, {"licensed": 1}, {"licence.licensee": 1}, {"image": 1}),
            "signals": {},
            "runtime": {},
            "licensee": name(self.lab),
        }
        return RunManifest(**members | changes)

    def claim(self, *rows: Mapping[str, Any], number: int = 1, **changes: Any) -> usage.ClaimBatch:
        """The lab reports these rows for a run that was filtered now."""
        command = usage.SubmitClaim(self.manifest(number, **changes), self.model, rows)
        return usage.submit_claim(self.session, self.lab, command, self.sources)

    def declare(
        self,
        licence: str,
        figure: Figure,
        value: int | Sequence[bytes],
        period: str = "2026-Q3",
        corrects: bytes | None = None,
    ) -> usage.Declaration:
        """The lab declares an income in minor units, or model versions by their public ids."""
        agreement = parse_id("agreement", licence.partition("@")[0])
        counted = figure is Figure.MODEL_VERSIONS
        command = usage.Declare(
            agreement,
            period,
            figure,
            amount_minor=value if isinstance(value, int) and not counted else None,
            models=None if isinstance(value, int) else tuple(value),
            corrects=corrects,
        )
        return usage.declare(self.session, self.lab, command, self.sources)


def open_trade(session: Session, sources: Sources, clock: Clock) -> Trade:
    """Two makers, a lab with one model, and the operator."""
    anna = make_actor(session, sources, Role.CREATOR, "Anna")
    bert = make_actor(session, sources, Role.CREATOR, "Bert")
    lab = make_actor(session, sources, Role.LAB, "A lab")
    operator = make_actor(session, sources, Role.OPERATOR, "The operator")
    model = parties.create_model(session, lab, "heron", "1", sources).public_id
    return Trade(session, sources, clock, anna, bert, lab, operator, model)
