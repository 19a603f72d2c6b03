"""Gather what a settlement rests on: the claims' rows, the tariff versions that their licences name, and shares.

What comes out is what is published, in which payees are numbers: a number stands for a salted commitment, and only
the registry and the payee can open it. Beside it stands how to find the stored rows again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.core.errors import Corrupt
from registry.core.ids import format_id
from registry.core.records.canonical import canonical
from registry.core.records.claims import rows_root
from registry.core.records.leaves import commitment
from registry.core.settlement.files import FreeUse, Inputs
from registry.core.settlement.periods import Period
from registry.core.settlement.releases import Held, Release, Shares
from registry.core.settlement.rules import Deductions, Pool, Use
from registry.core.tariffs import Tariff, flat_amounts
from registry.licences import service as licences
from registry.parties import service as parties
from registry.remuneration.declared import Due, HeldBack
from registry.remuneration.entitled import entitled_to
from registry.remuneration.models import FlatCharge
from registry.remuneration.releasing import Examined, decisions_about, newest_decision
from registry.usage import service as usage
from registry.usage.service import ClaimBatch
from registry.works import service as works


class Closing(NamedTuple):
    """What a settlement closes, and when."""

    period: Period
    size: int
    """Of the log that it rests on."""
    at: datetime
    deductions: Deductions


class Payee(NamedTuple):
    """Whom a payee's number stands for."""

    party_id: int
    name: str
    """Public id."""
    salt: bytes
    """Opens the published commitment."""


class StoredPool(NamedTuple):
    """The private keys that a pool is stored under."""

    agreement_id: int
    lab_id: int
    declaration_id: int | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that one settlement computes with, and how to find the stored rows again."""

    inputs: Inputs
    claims: Sequence[ClaimBatch]
    payees: Sequence[Payee]
    """In the order of the published commitments."""
    names: Sequence[str]
    """Their public ids, in the same order."""
    stored: Sequence[StoredPool]
    """Of each pool, in the order of the pools."""
    claim_ids: Mapping[int, int]
    """Private key of a claim batch by its log index."""
    work_ids: Mapping[str, int]
    held: Sequence[HeldBack]
    releases: Sequence[Examined]
    """The stored lines that are released, in the order of `inputs.releases`."""


class _Taken(NamedTuple):
    """The rows of some claims, before payees have numbers."""

    pools: dict[tuple[int, Period], list[Use]]
    """By agreement and quarter of submission; shares by private key of the party."""
    licences: dict[int, tuple[str, bytes, int]]
    """Name, digest of the tariff and lab of each agreement."""
    free: list[FreeUse]
    work_ids: dict[str, int]


def gather(
    session: Session,
    closing: Closing,
    claims: Sequence[ClaimBatch],
    due: Due,
    releases: Sequence[Examined],
    sources: Sources,
) -> Gathered:
    """Price, owners and state of every row of these claims, in pools by agreement and quarter of submission.

    Shares are those on record when a claim came in, completed by those of now; whether a title is contested is asked
    now. Rows under a licence that is free of charge belong to no pool. Each component that is charged by a declared
    figure has a pool of its own. `Corrupt` if what is stored is not what was logged.
    """
    taken = _read_claims(session, claims, closing.at)
    basis = _read_claims(session, due.claims, closing.at)
    payees = _payees(session, (taken, basis), releases, sources)
    numbers = {payee.party_id: number for number, (_, payee) in enumerate(payees)}
    tariffs: dict[bytes, Tariff] = {}
    found = [
        (
            _pool(session, key, uses, taken, numbers, tariffs),
            StoredPool(key[0], taken.licences[key[0]][2]),
        )
        for key, uses in taken.pools.items()
    ]
    for charge in due.charges:
        uses = _until(basis, charge.agreement_id, charge.period)
        pool = _pool(session, (charge.agreement_id, charge.period), uses, basis, numbers, tariffs)
        place, amount = charge.declared.component, charge.declared.amount_minor(pool.tariff)
        pool = replace(pool, fixed={place: amount}, metered=False, declared=charge.declared)
        lab_id = basis.licences[charge.agreement_id][2]
        found.append((pool, StoredPool(charge.agreement_id, lab_id, charge.declaration.id)))
    found.sort(key=lambda pair: pair[0].key)
    inputs = Inputs(
        period=closing.period,
        from_index=claims[0].log_index if claims else closing.size,
        to_index=closing.size,
        deductions=closing.deductions,
        payees=[published for published, _ in payees],
        tariffs=sorted(tariffs.values(), key=lambda tariff: canonical(tariff.as_json())),
        pools=[pool for pool, _ in found],
        free=taken.free,
        holds=[each.hold for each in due.held],
        releases=_releases(session, releases, numbers),
    )
    return Gathered(
        inputs=inputs,
        claims=claims,
        payees=[payee for _, payee in payees],
        names=[payee.name for _, payee in payees],
        stored=[keys for _, keys in found],
        claim_ids={claim.log_index: claim.id for claim in (*claims, *due.claims)},
        work_ids=taken.work_ids | basis.work_ids,
        held=due.held,
        releases=releases,
    )


def _releases(session: Session, found: Sequence[Examined], numbers: Mapping[int, int]) -> list[Release]:
    """What is released, with works and payees as they are published."""
    named = works.works_by_id(session, {each.line.work_id for each in found})
    decisions = decisions_about(session, found)
    return [
        Release(
            Held(
                *each.key,
                work=format_id("work", named[each.line.work_id].public_id),
                payee=each.line.payee,
                ppm=each.line.ppm,
                exact=each.line.exact,
                amount_minor=each.line.amount_minor,
            ),
            newest_decision(decisions, each),
            _numbered(each.shares, numbers),
        )
        for each in found
    ]


def _numbered(shares: Shares, numbers: Mapping[int, int]) -> Shares:
    """By the payees' numbers, instead of private keys."""
    return tuple(sorted((numbers[party], ppm) for party, ppm in shares))


# -- claims ------------------------------------------------------------------------------------------------
def _read_claims(session: Session, claims: Sequence[ClaimBatch], now: datetime) -> _Taken:
    taken = _Taken({}, {}, [], {})
    for claim in claims:
        _take(session, claim, taken, now)
    return taken


def _until(basis: _Taken, agreement_id: int, last: Period) -> list[Use]:
    """All uses of one agreement until the end of a quarter, in the order of the log."""
    keys = [key for key in basis.pools if key[0] == agreement_id and key[1] <= last]
    return sorted((use for key in keys for use in basis.pools[key]), key=lambda use: (use.log_index, use.row))


def _take(session: Session, claim: ClaimBatch, taken: _Taken, now: datetime) -> None:
    """Add one claim's rows, as they were logged."""
    if rows_root(claim.rows) != claim.rows_root:
        raise _corrupt(f"The claim at log index {claim.log_index} is not on record as it was logged.")
    facts = usage.row_facts(session, claim)
    keys, territory = {work_id for work_id, *_ in facts}, usage.run_of(session, claim).territory
    holders = entitled_to(session, keys, territory, claim.submitted_at, now)
    period = Period.of(claim.submitted_at)
    lines = claim.rows.decode("ascii").splitlines()
    for row, (line, (work_id, agreement_id, tariff, unit)) in enumerate(zip(lines, facts, strict=True)):
        work, units, licence, how = line.split("\t")
        if tariff is None:
            taken.free.append(FreeUse(claim.log_index, row, work, int(units), licence, int(how)))
            continue
        known = taken.licences.setdefault(agreement_id, (licence, tariff, claim.lab_id))
        if known != (licence, tariff, claim.lab_id):
            raise _corrupt(f"{licence} is not on record with the tariff version that was claimed.")
        taken.work_ids[work] = work_id
        use = Use(
            log_index=claim.log_index,
            row=row,
            work=work,
            units=int(units),
            unit=unit,
            how=int(how),
            contested=holders[work_id].contested,
            shares=holders[work_id].shares,
        )
        taken.pools.setdefault((agreement_id, period), []).append(use)


def _payees(
    session: Session, taken: Sequence[_Taken], releases: Sequence[Examined], sources: Sources
) -> list[tuple[str, Payee]]:
    """Everybody who holds a share, by a commitment with a salt of its own: from outside, nobody can tell who it is."""
    held = {use.shares for each in taken for uses in each.pools.values() for use in uses}
    held |= {each.shares for each in releases}
    ids = sorted({party for shares in held for party, _ in shares})
    found = []
    for key, public_id in parties.public_ids(session, ids).items():
        salt, name = sources.new_id() + sources.new_id(), format_id("party", public_id)
        found.append((commitment(salt, {"party": name}), Payee(key, name, salt)))
    return sorted(found)


# -- pools -------------------------------------------------------------------------------------------------
def _pool(
    session: Session,
    key: tuple[int, Period],
    uses: Sequence[Use],
    taken: _Taken,
    numbers: Mapping[int, int],
    tariffs: dict[bytes, Tariff],
) -> Pool:
    """The uses under one agreement in one quarter, with the prices that were agreed; adds the tariff to `tariffs`."""
    agreement_id, period = key
    licence, digest, lab_id = taken.licences[agreement_id]
    agreement = licences.agreements_by_id(session, [agreement_id])[agreement_id]
    tariff = licences.tariff_of(session, agreement)
    if tariff is None or tariff.digest != digest:
        raise _corrupt(f"{licence} is not on record with the tariff version that was claimed.")
    tariffs[digest] = tariff
    charged = flat_was_charged(session, agreement_id, period)
    renamed = {shares: _numbered(shares, numbers) for shares in {use.shares for use in uses}}
    return Pool(
        licence=licence,
        tariff=tariff,
        lab=format_id("party", parties.public_ids(session, [lab_id])[lab_id]),
        period=period,
        fixed={} if charged else flat_amounts(tariff),
        uses=[Use(*use[:-1], renamed[use.shares]) for use in uses],
    )


def flat_was_charged(session: Session, agreement_id: int, period: Period) -> bool:
    """Whether the flat prices of this agreement were charged for this quarter already."""
    query = select(FlatCharge.pool_id).where(
        FlatCharge.agreement_id == agreement_id, FlatCharge.period == str(period)
    )
    return session.scalar(query) is not None


def _corrupt(what: str) -> Corrupt:
    return Corrupt(f"{what} Nothing was settled; restore the database.")
