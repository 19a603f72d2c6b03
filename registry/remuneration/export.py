"""A statement as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Mapping

from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.remuneration.money import decimal
from registry.remuneration.statements import Statement, StatementEntry

Cells = Mapping[str, str | int]
COLUMNS = (
    "period",
    "party",
    "settlement",
    "settled_at",
    "claim",
    "log_index",
    "row",
    "claimed_at",
    "lab",
    "work",
    "title",
    "licence",
    "tariff_sha256",
    "units",
    "unit",
    "share_ppm",
    "exact_minor",
    "amount_minor",
    "amount",
    "currency",
    "right",
    "purpose",
    "part",
    "origin_period",
    "held_by",
    "management_deduction_exact_minor",
    "other_deduction_exact_minor",
    "total_minor",
    "management_deduction_minor",
    "other_deduction_minor",
    "paid_minor",
    "outstanding_minor",
)


def to_csv(statement: Statement) -> str:
    """A header, a line for each cent's origin, and a line of sums for each currency, in columns of their own.

    `amount` has the currency's decimal places, a point before them.
    """
    whose = {"period": statement.period, "party": format_id("party", statement.party)}
    currencies = sorted({*statement.totals, *statement.paid, *statement.outstanding})
    lines = [{**whose, **line_cells(entry)} for entry in statement.lines]
    sums = [{**whose, **_sums(statement, currency)} for currency in currencies]
    return write_table(COLUMNS, [*lines, *sums])


def _sums(statement: Statement, currency: str) -> Cells:
    return {
        "currency": currency,
        "total_minor": statement.totals.get(currency, 0),
        "management_deduction_minor": statement.management_deductions.get(currency, 0),
        "other_deduction_minor": statement.other_deductions.get(currency, 0),
        "paid_minor": statement.paid.get(currency, 0),
        "outstanding_minor": statement.outstanding.get(currency, 0),
    }


def line_cells(entry: StatementEntry) -> Cells:
    """A line's own cells, for every table of lines; text of people is guarded."""
    return {
        "settlement": format_id("settlement", entry.settlement),
        "settled_at": f"{entry.settled_at:%Y-%m-%dT%H:%M:%SZ}",
        "claim": format_id("claim", entry.claim),
        "log_index": entry.log_index,
        "row": entry.row,
        "claimed_at": f"{entry.claimed_at:%Y-%m-%dT%H:%M:%SZ}",
        "lab": format_id("party", entry.lab),
        "work": format_id("work", entry.work),
        "title": guarded(entry.title),
        "licence": entry.licence,
        "tariff_sha256": entry.tariff.hex(),
        "units": entry.units,
        "unit": entry.unit,
        "share_ppm": entry.ppm,
        "exact_minor": entry.exact_minor,
        "amount_minor": entry.amount_minor,
        "amount": decimal(entry.amount_minor, entry.currency),
        "currency": entry.currency,
        "right": entry.right,
        "purpose": entry.purpose,
        "part": entry.part,
        "origin_period": entry.origin_period or "",
        "held_by": "" if entry.held_by is None else format_id("settlement", entry.held_by),
        "management_deduction_exact_minor": str(entry.management_exact),
        "other_deduction_exact_minor": str(entry.other_exact),
    }
