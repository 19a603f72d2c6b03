"""The reconciliation of a quarter as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.remuneration.money import decimal
from registry.remuneration.reconciliation import ClaimTrail, PayeeTrail, PoolTrail, Reconciliation

COLUMNS = (
    "record",
    "period",
    "lab",
    "lab_name",
    "run",
    "claim",
    "log_index",
    "claimed_at",
    "rows",
    "units",
    "settlement",
    "settlement_log_index",
    "licence",
    "part",
    "pool_total_minor",
    "disputed_minor",
    "unclaimed_minor",
    "others_minor",
    "member",
    "member_name",
    "payment",
    "state",
    "bank_reply",
    "bank_reason",
    "stated_minor",
    "amount_minor",
    "amount",
    "currency",
    "findings",
)

Cells = Mapping[str, str | int]


def to_csv(found: Reconciliation) -> str:
    """A line for each claim and pool, for each payee and currency, and for each payment; `record` says which.

    `amount` is the record's own: of a claim what the members got of it, of a payee what its statement says, of a
    payment what was paid. It has the currency's decimal places, a point before them.
    """
    told = [cells for claim in found.claims for cells in _claim(claim)]
    told += [cells for payee in found.payees for cells in _payee(payee)]
    return write_table(COLUMNS, [{"period": str(found.period), **cells} for cells in told])


def _claim(claim: ClaimTrail) -> Iterator[Cells]:
    shared: dict[str, str | int] = {
        "record": "claim",
        "lab": format_id("party", claim.lab),
        "lab_name": guarded(claim.lab_name),
        "run": claim.run_id,
        "claim": format_id("claim", claim.claim),
        "log_index": claim.log_index,
        "claimed_at": f"{claim.submitted_at:%Y-%m-%dT%H:%M:%SZ}",
        "rows": claim.rows,
        "units": " ".join(f"{unit}:{number}" for unit, number in claim.units.items()),
        "findings": " ".join(claim.findings),
    }
    if not claim.pools:
        yield shared
    for pool in claim.pools:
        yield shared | _pool(pool)


def _pool(pool: PoolTrail) -> dict[str, str | int]:
    return {
        "settlement": format_id("settlement", pool.settlement),
        "settlement_log_index": pool.settlement_log_index,
        "licence": pool.licence,
        "part": pool.part,
        "pool_total_minor": pool.total_minor,
        "disputed_minor": pool.disputed_minor,
        "unclaimed_minor": pool.unclaimed_minor,
        "others_minor": pool.others_minor,
        "stated_minor": pool.stated_minor,
        "state": "released" if pool.released else "",
        **_amount(pool.stated_minor, pool.currency),
    }


def _payee(payee: PayeeTrail) -> Iterator[Cells]:
    who = {"member": format_id("party", payee.party), "member_name": guarded(payee.name)}
    reasons = " ".join(payee.account.reasons) if payee.account else ""
    for currency, stated in payee.stated.items():
        yield {
            "record": "payee",
            **who,
            "findings": reasons,
            **_amount(stated, currency),
            "stated_minor": stated,
        }
    for payment in payee.account.payments if payee.account else ():
        yield {
            "record": "payment",
            **who,
            "payment": payment.reference,
            "state": payment.state.value,
            "bank_reply": payment.reply or "",
            "bank_reason": guarded(payment.reason or ""),
            "log_index": payment.file_log_index,
            **_amount(payment.amount_minor, payment.currency),
        }


def _amount(minor: int, currency: str) -> dict[str, str | int]:
    return {"amount_minor": minor, "amount": decimal(minor, currency), "currency": currency}
