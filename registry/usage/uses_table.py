"""The uses of one's works as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable

from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.usage.own import OwnUse

COLUMNS = (
    "claimed_at",
    "lab",
    "lab_name",
    "work",
    "title",
    "units",
    "unit",
    "how",
    "licence",
    "claim",
    "log_index",
    "row",
)


def uses_csv(uses: Iterable[OwnUse]) -> str:
    """A line for each row of a claim; `how`: 1 exact, 2 near, 3 declared."""
    return write_table(COLUMNS, map(_cells, uses))


def _cells(use: OwnUse) -> dict[str, str | int]:
    return {
        "claimed_at": f"{use.submitted_at:%Y-%m-%dT%H:%M:%SZ}",
        "lab": format_id("party", use.lab),
        "lab_name": guarded(use.lab_name),
        "work": format_id("work", use.work),
        "title": guarded(use.title),
        "units": use.units,
        "unit": use.unit,
        "how": use.how,
        "licence": use.licence,
        "claim": format_id("claim", use.claim),
        "log_index": use.log_index,
        "row": use.row,
    }
