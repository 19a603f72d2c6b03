"""When a claim batch is in order. Pure; rows come as the JSON that a lab sent, and every fault is named at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from registry.core.decisions import Purpose, covers_territory, inside
from registry.core.errors import InvalidInput
from registry.core.records.claims import ClaimRow, How
from registry.core.tariffs import Unit, kind_of

MAX_ROWS = 100_000
_MAX_SHOWN = 100
_MEMBERS = frozenset({"work", "licence", "units", "how"})


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why one row cannot be accepted."""

    row: int
    """Its place in the request, from 0."""
    code: str
    """`row.invalid`, `work.unknown`, `licence.unknown`, `licence.not-in-force`, `licence.other-work`,
    `licence.territory` or `licence.purpose`."""
    message: str


@dataclass(frozen=True, slots=True)
class AgreedTerms:
    """As much of an agreement as a claim is held against."""

    licence: str
    """`agreement_…@<tariff version>`"""
    purpose: Purpose
    territories: tuple[str, ...]
    works: frozenset[str]
    """Of the works that the batch names, those that the agreement covers."""


def refuse(faults: Sequence[RowFault]) -> None:
    """Raise `InvalidInput` with all faults (the first hundred in full), if there are any."""
    if not faults:
        return
    ordered = sorted(faults, key=lambda fault: (fault.row, fault.code))
    first = ordered[0]
    more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
    raise InvalidInput(
        f"Row {first.row}: {first.message}{more} Nothing was recorded; correct the rows and send the batch again.",
        rows=[{"row": f.row, "code": f.code, "message": f.message} for f in ordered[:_MAX_SHOWN]],
        faults=len(faults),
    )


def read_rows(data: Sequence[Any]) -> tuple[list[tuple[int, ClaimRow]], list[RowFault]]:
    """The rows that can be read, each with its place in the request, and the faults of the others."""
    if not 0 < len(data) <= MAX_ROWS:
        raise InvalidInput(f"A claim batch has 1 to {MAX_ROWS:,} rows, this one {len(data):,}.")
    rows, faults = [], []
    for place, item in enumerate(data):
        try:
            rows.append((place, _read_row(item)))
        except InvalidInput as error:
            faults.append(RowFault(place, "row.invalid", error.message))
    return rows, faults


def _read_row(item: Any) -> ClaimRow:
    if not isinstance(item, dict) or item.keys() != _MEMBERS:
        raise InvalidInput(f"A row has exactly {', '.join(sorted(_MEMBERS))}.")
    work, licence, units, how = item["work"], item["licence"], item["units"], item["how"]
    if not isinstance(work, str) or not isinstance(licence, str):
        raise InvalidInput("work and licence are texts.")
    if type(units) is not int:
        raise InvalidInput("units is a whole number.")
    if type(how) is not int or how not in set(How):
        raise InvalidInput("how is 1 (exact), 2 (near) or 3 (declared).")
    return ClaimRow(work=work, licence=licence, how=How(how), units=units)


def faults_against(
    rows: Iterable[tuple[int, ClaimRow]],
    agreed: Mapping[str, AgreedTerms],
    purpose: Purpose,
    territory: str,
) -> list[RowFault]:
    """Where rows and the agreements that they name (`agreed`, by licence) do not fit together.

    Each licence must cover something of what the run asked for, and those that are named for a work must together
    cover all of it, as a filter demands of grants.
    """
    faults = []
    granted: dict[str, set[Purpose]] = defaultdict(set)
    valid: list[tuple[int, ClaimRow]] = []
    for place, row in rows:
        terms = agreed[row.licence]
        if row.work not in terms.works:
            faults.append(RowFault(place, "licence.other-work", f"{row.licence} does not cover {row.work}."))
        elif not covers_territory(terms.territories, territory):
            faults.append(
                RowFault(
                    place,
                    "licence.territory",
                    f"{row.licence} does not hold in {territory}, where the run asked.",
                )
            )
        else:
            granted[row.work] |= inside(terms.purpose)
            valid.append((place, row))
    asked = inside(purpose)
    for place, row in valid:
        own = inside(agreed[row.licence].purpose)
        if not asked & own or not asked <= granted[row.work]:
            message = f"{row.licence} is for {agreed[row.licence].purpose}; the run was for {purpose}."
            faults.append(RowFault(place, "licence.purpose", message))
    return faults


def unit_of(kind: str, priced: Collection[str]) -> str:
    """What a row's units count: items of the work's kind, or its tokens or minutes where the tariff prices those.

    A filter counts items. Under a price per 1,000 tokens or per minute the lab counts those itself. What lies at a
    domain is of any kind: it is counted in the unit that the tariff prices, pictures before texts before sound.
    """
    measured = [unit for unit in Unit if unit in priced and unit is not Unit.WORK]
    fitting = measured if kind == "domain" else [unit for unit in measured if kind_of(unit) == kind]
    return fitting[0].value if fitting else kind


def batch_key(lab: bytes, run_id: str, model: bytes, rows: bytes) -> bytes:
    """What makes a batch the same batch: lab, run, model and the digest of its rows; 32 bytes."""
    return sha256(lab + bytes.fromhex(run_id) + model + sha256(rows).digest()).digest()
