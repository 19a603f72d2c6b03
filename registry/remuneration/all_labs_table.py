"""The reconciliation of all labs as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.remuneration.all_labs import AllLabs, ClaimOfLab, LabTrail, Money

COLUMNS = (
    "record",
    "period",
    "lab",
    "lab_name",
    "runs",
    "runs_without_claim",
    "claims",
    "settled_claims",
    "rows",
    "currency",
    "total_minor",
    "deducted_minor",
    "stated_minor",
    "disputed_minor",
    "unclaimed_minor",
    "account_minor",
    "claim",
    "run",
    "log_index",
    "claimed_at",
    "settled_in",
    "amount_minor",
    "findings",
)

Cells = Mapping[str, str | int]


def labs_to_csv(found: AllLabs, lab: bytes | None, claims: Sequence[ClaimOfLab]) -> str:
    """A line for each lab and currency, and for each claim of one lab, if one is named; `record` says which."""
    told = [cells for each in found.labs if lab in {None, each.lab} for cells in _lab(each)]
    told += [cells for claim in claims for cells in _claim(claim, lab or b"")]
    return write_table(COLUMNS, [{"period": str(found.period), **cells} for cells in told])


def _lab(trail: LabTrail) -> Iterator[Cells]:
    shared: dict[str, str | int] = {
        "record": "lab",
        "lab": format_id("party", trail.lab),
        "lab_name": guarded(trail.name),
        "runs": trail.usage.runs,
        "runs_without_claim": trail.usage.silent,
        "claims": trail.usage.claims,
        "settled_claims": trail.settled,
        "rows": trail.usage.rows,
        "findings": " ".join(trail.findings),
    }
    currencies = sorted(trail.money.keys() | trail.account.keys())
    if not currencies:
        yield shared
    for currency in currencies:
        money = trail.money.get(currency, Money())
        yield shared | {
            "currency": currency,
            "total_minor": money.total,
            "deducted_minor": money.deducted,
            "stated_minor": money.stated,
            "disputed_minor": money.disputed,
            "unclaimed_minor": money.unclaimed,
            "account_minor": trail.account.get(currency, 0),
        }


def _claim(claim: ClaimOfLab, lab: bytes) -> Iterator[Cells]:
    shared: dict[str, str | int] = {
        "record": "claim",
        "lab": format_id("party", lab),
        "claim": format_id("claim", claim.claim),
        "run": claim.run_id,
        "log_index": claim.log_index,
        "claimed_at": f"{claim.submitted_at:%Y-%m-%dT%H:%M:%SZ}",
        "rows": claim.rows,
        "settled_in": claim.settled_in or "",
    }
    if not claim.amounts:
        yield shared
    for currency, amount in claim.amounts.items():
        yield shared | {"currency": currency, "amount_minor": amount}
