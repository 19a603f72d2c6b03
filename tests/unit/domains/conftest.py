"""A small internet with a few domains, and makers who claim them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from registry.base.actor import Actor, Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Purpose
from registry.domains import service as domains
from registry.domains.models import DomainClaim
from registry.domains.names import Names
from registry.domains.probing import Prober
from registry.domains.rules import Method, Outcome, Probe, proof_line, proof_place
from registry.licences import service as licences
from registry.works import service as works
from registry.works.models import Work
from tests.factories import Clock, make_actor
from tests.support.internet import HERE, NameServer, name_server
from tests.support.works import register

FOUND, UNREACHABLE = Probe(Outcome.FOUND), Probe(Outcome.UNREACHABLE, "No answer.")


@dataclass(frozen=True)
class Looking(Prober):
    """Asks the name server of the tests, unless it is told what comes of it: timeouts are tested elsewhere."""

    told: dict[str, Probe] = field(default_factory=dict)
    """By line; under "" for all."""

    def probe(self, domain: str, method: Method, line: str) -> Probe:
        """As told, else as it is."""
        told = self.told.get(line) or self.told.get("")
        return super().probe(domain, method, line) if told is None else told


@pytest.fixture(scope="session")
def _name_server() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@dataclass
class World:
    """A registry, the DNS, a clock, two makers and a lab, and short ways to let them act."""

    database: Database
    sources: Sources
    clock: Clock
    dns: NameServer
    prober: Looking
    anna: Actor
    ben: Actor
    society: Actor
    lab: Actor

    # -- the DNS
    def publish_proof(self, *claims: DomainClaim) -> None:
        """Put exactly these lines where they belong, all in one place."""
        place = proof_place(claims[0].domain, Method.DNS)
        self.dns.add(place, "TXT", *(f'"{proof_line(c.public_id)}"' for c in claims))

    def remove_proofs(self, domain: str = "anna.example") -> None:
        """Remove every line."""
        self.dns.remove(proof_place(domain, Method.DNS), "TXT")

    def looking_gives(self, probe: Probe | None, claim: DomainClaim | None = None) -> None:
        """What comes of looking for this claim's proof, or for any; `None`: what is there."""
        line = "" if claim is None else proof_line(claim.public_id)
        if probe is None:
            self.prober.told.pop(line)
        else:
            self.prober.told[line] = probe

    # -- claims
    def claim(
        self, domain: str = "anna.example", by: Actor | None = None, method: Method = Method.DNS
    ) -> DomainClaim:
        """Claim a domain."""
        with self.database.writing() as session:
            command = domains.ClaimDomain(domain, method)
            return domains.claim_domain(session, by or self.anna, command, self.sources)

    def prove(self, claim: DomainClaim, by: Actor | None = None) -> DomainClaim:
        """Prove a claim, whose line must be in its place."""
        return domains.prove(self.database, by or self.anna, claim.public_id, self.prober, self.sources)

    def hold(self, domain: str = "anna.example", by: Actor | None = None) -> DomainClaim:
        """Claim a domain and prove it by the one line in its place."""
        claim = self.claim(domain, by)
        self.publish_proof(claim)
        return self.prove(claim, by)

    def end(self, claim: DomainClaim, by: Actor | None = None) -> DomainClaim:
        """Give a claim up."""
        with self.database.writing() as session:
            return domains.end_claim(session, by or self.anna, claim.public_id, self.sources)

    def recheck(self) -> dict[str, int]:
        """What the worker does every hour."""
        return domains.recheck_domains(self.database, {}, self.sources, self.prober)

    def lapse(self, domain: str = "anna.example") -> None:
        """Let the claims to a domain lapse."""
        self.remove_proofs(domain)
        for _ in range(3):
            self.clock.advance(days=4)
            self.recheck()

    def state(self, claim: DomainClaim) -> DomainClaim:
        """The claim as it is on record now."""
        with self.database.reading() as session:
            return session.get_one(DomainClaim, claim.id)

    # -- works
    def work(self, *urls: str, by: Actor | None = None, name: str = "Dunes", **more: Any) -> Work:
        """Register a picture that is published at these addresses."""
        with self.database.writing() as session:
            return register(session, by or self.anna, self.sources, name, source_urls=urls, **more)

    def work_of(self, claim: DomainClaim) -> Work:
        """The work that stands for a domain."""
        with self.database.reading() as session:
            key = self.state(claim).work_id
            assert key is not None
            return works.works_by_id(session, [key])[key]

    def withdraw(self, work: Work) -> None:
        """Withdraw a work of Anna's."""
        with self.database.writing() as session:
            works.withdraw_work(session, self.anna, work.public_id, self.sources)

    def codes(self, *, public: bool = True) -> list[works.FingerprintRow]:
        """The address codes in force."""
        with self.database.reading() as session:
            return list(domains.address_codes(session, public=public))

    def offer(self, *offered: Work, by: Actor | None = None, **terms: Any) -> licences.Offer:
        """Offer a licence."""
        command = licences.CreateOffer(tuple(w.public_id for w in offered), Purpose.TRAIN_GENAI, **terms)
        with self.database.writing() as session:
            return licences.create_offer(session, by or self.anna, command, self.sources)


@pytest.fixture
def world(database: Database, sources: Sources, clock: Clock, _name_server: NameServer) -> World:
    """Everybody knows nobody, and nothing is claimed."""
    _name_server.records.clear()
    with database.writing() as session:
        anna, ben = (make_actor(session, sources, Role.CREATOR, name) for name in ("Anna", "Ben"))
        society = make_actor(session, sources, Role.SOCIETY, "Bild-Kunst")
        lab = make_actor(session, sources, Role.LAB, "Lab")
    prober = Looking(Names([HERE], _name_server.port))
    return World(database, sources, clock, _name_server, prober, anna, ben, society, lab)
