"""Licences, registrations, signals, policy, purpose and date go in; one verdict with its reason comes out."""

from registry.core.decisions.purposes import Purpose, inside
from registry.core.decisions.rules import (
    NO_LICENCE,
    Decision,
    Gap,
    Grade,
    MatchedWork,
    Policy,
    Request,
    Signal,
    Verdict,
    decide,
    denied_for_good,
)
from registry.core.decisions.terms import Denial, Grant, Terms, covers_territory

__all__ = [
    "NO_LICENCE",
    "Decision",
    "Denial",
    "Gap",
    "Grade",
    "Grant",
    "MatchedWork",
    "Policy",
    "Purpose",
    "Request",
    "Signal",
    "Terms",
    "Verdict",
    "covers_territory",
    "decide",
    "denied_for_good",
    "inside",
]
