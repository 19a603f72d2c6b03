"""A lab's licences as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.licences.details import AgreementDetails, agreements_seen
from registry.licences.queries import covered_counts, newest_agreements
from registry.parties import service as parties

_MOST = 100_000
COLUMNS = (
    "licence",
    "state",
    "offer",
    "owner",
    "owner_name",
    "purpose",
    "territories",
    "valid_from",
    "valid_to",
    "ended_at",
    "works",
    "tariff",
    "tariff_version",
    "currency",
    "log_index",
)


def licences_csv(session: Session, lab: Actor, now: datetime) -> str:
    """A line for each licence: those in force first, then those that are over, the newest first in both."""
    parts = {
        state: newest_agreements(session, lab, now, _MOST, over=state == "ended")
        for state in ("in force", "ended")
    }
    every = [each for part in parts.values() for each in part]
    counts = covered_counts(session, [each.id for each in every])
    names = parties.public_names(session, {each.owner_id for each in every})
    return write_table(
        COLUMNS,
        [
            _cells(seen, counts.get(seen.agreement.id, 0), names.get(seen.agreement.owner_id, ""))
            | {"state": state}
            for state, part in parts.items()
            for seen in agreements_seen(session, part)
        ],
    )


def _cells(seen: AgreementDetails, works: int, owner: str) -> dict[str, str | int]:
    row, tariff = seen.agreement, seen.tariff
    return {
        "licence": seen.name,
        "offer": format_id("offer", seen.offer),
        "owner": format_id("party", seen.owner),
        "owner_name": guarded(owner),
        "purpose": row.purpose,
        "territories": " ".join(row.territories),
        "valid_from": _time(row.valid_from),
        "valid_to": _time(row.valid_to),
        "ended_at": _time(row.ends_at),
        "works": works,
        "tariff": tariff.tariff if tariff else "",
        "tariff_version": tariff.version if tariff else "",
        "currency": tariff.currency if tariff else "",
        "log_index": row.log_index,
    }


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
