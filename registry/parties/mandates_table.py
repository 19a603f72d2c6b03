"""The mandates that somebody holds as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from registry.base.actor import Actor
from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.parties.mandates import held_mandates
from registry.parties.models import Mandate

_MOST = 1_000_000
COLUMNS = ("mandate", "member", "member_name", "may", "for", "valid_from", "valid_to", "state")


def mandates_csv(session: Session, agent: Actor, now: datetime) -> str:
    """A line for each mandate, the newest first; `for` is `all`, kinds of media, or how many works."""
    return write_table(
        COLUMNS, [_cells(each, now) for each in held_mandates(session, agent, now, _MOST).items]
    )


def _cells(mandate: Mandate, now: datetime) -> dict[str, str | int]:
    version = mandate.current
    about = version.repertoire
    over = version.valid_to is not None and version.valid_to <= now
    return {
        "mandate": format_id("mandate", mandate.public_id),
        "member": format_id("party", mandate.principal.public_id),
        "member_name": guarded(mandate.principal.name),
        "may": " ".join(sorted(version.may)),
        "for": "all"
        if about.get("all")
        else " ".join(about.get("media", ())) or f"{len(about['works'])} works",
        "valid_from": f"{version.valid_from:%Y-%m-%dT%H:%M:%SZ}",
        "valid_to": "" if version.valid_to is None else f"{version.valid_to:%Y-%m-%dT%H:%M:%SZ}",
        "state": "ended" if over else "in force",
    }
