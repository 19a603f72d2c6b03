"""What a run leaves out, beyond what policy and verdict say; and whether it writes the rest or only says so."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from registry.core.decisions import Decision, Verdict
from registry.core.records.runs import RunManifest


class Mode(StrEnum):
    """As it is asked for, and as it stands in the papers."""

    DROP = "drop"
    """Leave out what may not be used."""
    DROP_LICENSED_TOO = "drop-licensed-too"
    """Leave out what would have to be reported and paid for as well."""
    ALLOWLIST = "allowlist"
    """Keep only what a licence covers, whatever the policy would keep besides."""
    ANNOTATE = "annotate"
    """Write no data but, for each file, which of its items may be used."""


def mode_of(manifest: RunManifest) -> Mode:
    """By which a run was made; `drop` for one that is older than modes."""
    return Mode(manifest.parameters.get("mode", Mode.DROP))


def in_mode(decision: Decision, mode: Mode) -> Decision:
    """The decision as this mode carries it out. A mode can only keep less; verdict and reason stay what they are."""
    if not decision.kept or _kept(decision, mode):
        return decision
    return replace(decision, kept=False, mark=None)


def _kept(decision: Decision, mode: Mode) -> bool:
    if mode is Mode.DROP_LICENSED_TOO:
        return decision.verdict is not Verdict.LICENSED
    if mode is Mode.ALLOWLIST:
        return bool(decision.grants)
    return True
