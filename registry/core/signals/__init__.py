"""Every opt-out signal there is: read as evidence, combined into what a decision takes, and written."""

from registry.core.signals.combine import Finding, combine
from registry.core.signals.model import (
    Answer,
    Evidence,
    Media,
    Observation,
    Subject,
    answers,
    unreadable,
)

__all__ = [
    "Answer",
    "Evidence",
    "Finding",
    "Media",
    "Observation",
    "Subject",
    "answers",
    "combine",
    "unreadable",
]
