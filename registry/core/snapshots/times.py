"""Instants in files are RFC 3339 in UTC, to the second; in code they are integer POSIX seconds."""

from __future__ import annotations

from datetime import UTC, datetime

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def to_text(seconds: int) -> str:
    """POSIX seconds as `2026-11-22T08:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def from_text(text: str) -> int:
    """Inverse of `to_text`; `ValueError` for any other way to write an instant."""
    seconds = int(datetime.strptime(text, _FORMAT).replace(tzinfo=UTC).timestamp())
    if to_text(seconds) != text:
        raise ValueError(f"“{text}” is not an instant as we write it, such as 2026-11-22T08:00:00Z")
    return seconds


def to_seconds(moment: datetime) -> int:
    """An aware instant as POSIX seconds, rounded down; `ValueError` without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant without a time zone says nothing")
    return int(moment.timestamp())
