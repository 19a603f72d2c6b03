"""Periods [from, to) of facts that somebody states: nothing is back-dated, and whole seconds are enough."""

from __future__ import annotations

from datetime import datetime

from registry.core.errors import InvalidInput


def whole_second(moment: datetime) -> datetime:
    """The time as it goes on record: log leaves and terms count in whole seconds, so tables do too."""
    return moment.replace(microsecond=0)


def check_period(
    valid_from: datetime | None, valid_to: datetime | None, now: datetime
) -> tuple[datetime, datetime | None]:
    """The period as it is recorded: it begins now if no start is given, never earlier, and before it ends."""
    start = now if valid_from is None else whole_second(valid_from)
    end = None if valid_to is None else whole_second(valid_to)
    if start < now:
        raise InvalidInput(
            f"It cannot hold from {start:%Y-%m-%dT%H:%M:%SZ}: that is past, and nothing is back-dated. "
            "Leave the start out to begin now."
        )
    if end is not None and end <= start:
        raise InvalidInput(
            "It ends before it begins. A period includes its first moment and excludes its last."
        )
    return start, end
