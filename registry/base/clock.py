"""Time and randomness as arguments: rules and services receive them, only the edge knows where they come from."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


def _random_id() -> bytes:
    return secrets.token_bytes(16)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the present time (aware, UTC) and new ids come from; tests put their own here."""

    now: Callable[[], datetime] = _now
    new_id: Callable[[], bytes] = _random_id
