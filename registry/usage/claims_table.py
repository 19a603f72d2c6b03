"""A lab's claims as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from registry.base.spreadsheets import guarded, write_table
from registry.core.ids import format_id
from registry.parties import service as parties
from registry.remuneration import service as remuneration
from registry.usage.models import ClaimBatch
from registry.usage.runs import run_numbers

COLUMNS = ("claim", "claimed_at", "run", "model", "model_name", "rows", "log_index", "state", "settled_in")


def claims_csv(session: Session, claims: Sequence[ClaimBatch]) -> str:
    """A line for each claim; `state`: `reported`, `settled`, or `figure-missing`, settled but for a declared figure."""
    models = parties.models_by_id(session, {claim.model_id for claim in claims})
    states = remuneration.claim_states(session, claims)
    runs = run_numbers(session, {claim.run_id for claim in claims})
    return write_table(
        COLUMNS,
        [
            {
                "claim": format_id("claim", claim.public_id),
                "claimed_at": f"{claim.submitted_at:%Y-%m-%dT%H:%M:%SZ}",
                "run": runs[claim.run_id],
                "model": format_id("model", models[claim.model_id].public_id),
                "model_name": guarded(f"{models[claim.model_id].name} {models[claim.model_id].version}"),
                "rows": claim.row_count,
                "log_index": claim.log_index,
                **_state(states[claim.id]),
            }
            for claim in claims
        ],
    )


def _state(state: remuneration.ClaimState) -> dict[str, str]:
    if state.settlement is None:
        return {"state": "reported", "settled_in": ""}
    return {
        "state": "figure-missing" if state.lacks_figure else "settled",
        "settled_in": state.settlement.period,
    }
