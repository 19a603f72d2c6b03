"""What a settlement rests on: claims, the tariff versions that their licences name, and shares; as pools.

Every fact is also kept as one canonical JSON line, from which the settlement's input root is made. Whoever is given
the lines can check them against the log, and compute the settlement again with `rules.py` alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from registry.core.errors import Corrupt
from registry.core.ids import format_id
from registry.core.records.canonical import canonical
from registry.core.tlog.merkle import root_of_leaves
from registry.licences import service as licences
from registry.licences.service import Agreement
from registry.parties import service as parties
from registry.remuneration.models import FlatCharge
from registry.remuneration.periods import Period
from registry.remuneration.rules import Pool, Prices, UsedRow
from registry.usage import service as usage
from registry.usage.service import ClaimBatch, ClaimRow
from registry.works import service as works

RIGHT = "reproduction"
"""Training copies works, so its money follows the shares of this right (Directive 2001/29/EC, Art. 2)."""


@dataclass(frozen=True, slots=True)
class GatheredPool:
    """A pool, and the private keys that its rows are stored under."""

    pool: Pool
    agreement_id: int
    lab_id: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that one settlement computes with, and how to find the stored rows again."""

    claims: Sequence[ClaimBatch]
    pools: Sequence[GatheredPool]
    """By licence and period."""
    claim_ids: Mapping[int, int]
    """Private key of a claim batch by its log index."""
    work_ids: Mapping[str, int]
    party_ids: Mapping[str, int]
    root: bytes
    """Over the facts, as canonical JSON lines in order (RFC 6962)."""


@dataclass(frozen=True, slots=True)
class _Used:
    """A row of a claim with its facts, before it is known which pool it belongs to."""

    agreement_id: int
    tariff: bytes
    licence: str
    lab_id: int
    period: Period
    row: UsedRow


def gather(session: Session, claims: Sequence[ClaimBatch]) -> Inputs:
    """Price, owners and state of every row of these claims, in pools by agreement and quarter of submission.

    Shares are those on record when a claim came in; whether a title is contested is asked now. Rows under a licence
    that is free of charge belong to no pool.
    """
    work_ids: dict[str, int] = {}
    party_ids: dict[str, int] = {}
    used: list[_Used] = []
    for claim in claims:
        used += _rows(session, claim, work_ids, party_ids)
    grouped: dict[tuple[int, Period], list[_Used]] = defaultdict(list)
    for use in used:
        grouped[use.agreement_id, use.period].append(use)
    pools = [_pool(session, rows) for rows in grouped.values()]
    pools.sort(key=lambda gathered: (gathered.pool.licence, gathered.pool.period))
    facts = [_claim_fact(claim) for claim in claims] + [f for g in pools for f in _pool_facts(g.pool)]
    return Inputs(
        claims=claims,
        pools=pools,
        claim_ids={claim.log_index: claim.id for claim in claims},
        work_ids=work_ids,
        party_ids=party_ids,
        root=root_of_leaves(canonical(fact) for fact in facts),
    )


def _rows(
    session: Session, claim: ClaimBatch, work_ids: dict[str, int], party_ids: dict[str, int]
) -> list[_Used]:
    rows = usage.rows_of(session, claim)
    keys = {row.work_id for row in rows}
    state = works.standing(session, keys)
    territory = usage.run_of(session, claim).territory
    held = works.shares_of(session, keys, RIGHT, territory, claim.submitted_at)
    people = parties.parties_by_id(session, {party for shares in held.values() for party, _ in shares})
    names = {key: format_id("party", party.public_id) for key, party in people.items()}
    party_ids |= {name: key for key, name in names.items()}
    work_names = {key: format_id("work", work.public_id) for key, work in state.items()}
    work_ids |= {name: key for key, name in work_names.items()}

    def used(row: ClaimRow, tariff: bytes) -> _Used:
        shares = tuple((names[party], ppm) for party, ppm in held.get(row.work_id, ()))
        return _Used(
            row.agreement_id,
            tariff,
            row.licence,
            claim.lab_id,
            Period.of(claim.submitted_at),
            UsedRow(
                log_index=claim.log_index,
                row=row.n,
                work=work_names[row.work_id],
                units=row.units,
                unit=row.unit,
                shares=tuple(sorted(shares)),
                contested=state[row.work_id].contested_since is not None,
            ),
        )

    return [used(row, row.tariff) for row in rows if row.tariff is not None]


def _pool(session: Session, rows: Sequence[_Used]) -> GatheredPool:
    first = rows[0]
    agreement = session.get_one(Agreement, first.agreement_id)
    tariff = licences.tariff_of(session, agreement)
    if tariff is None or {use.tariff for use in rows} != {tariff.digest}:
        raise Corrupt(
            f"{first.licence} is not on record with the tariff version that was claimed. Nothing was settled; restore "
            "the database.",
            licence=first.licence,
        )
    prices = Prices.of(tariff.as_json())
    charged = session.get(FlatCharge, (agreement.id, str(first.period))) is not None
    lab = parties.parties_by_id(session, [first.lab_id])[first.lab_id]
    pool = Pool(
        licence=first.licence,
        tariff=tariff.digest.hex(),
        lab=format_id("party", lab.public_id),
        period=first.period,
        prices=prices,
        flat_minor=0 if charged else prices.flat_minor,
        rows=tuple(use.row for use in rows),
    )
    return GatheredPool(pool, agreement.id, first.lab_id)


def _claim_fact(claim: ClaimBatch) -> dict[str, Any]:
    return {"t": "claim", "index": claim.log_index, "n": claim.row_count, "root": claim.rows_root.hex()}


def _pool_facts(pool: Pool) -> list[dict[str, Any]]:
    """The pool's prices, then each row with its owners; enough to compute its lines again."""
    head = {
        "t": "pool",
        "licence": pool.licence,
        "tariff": pool.tariff,
        "lab": pool.lab,
        "period": str(pool.period),
        "flat": pool.flat_minor,
    }
    rows = [
        {
            "t": "use",
            "index": row.log_index,
            "row": row.row,
            "work": row.work,
            "units": row.units,
            "unit": row.unit,
            "shares": [[party, ppm] for party, ppm in row.shares],
            "contested": row.contested,
        }
        for row in pool.rows
    ]
    return [head, *rows]
