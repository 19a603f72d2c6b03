"""What is written to an address, what a link in a mail is good for, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """A letter about the account itself."""

    CONFIRM = "confirm"
    """Is this your address?"""
    FORGOTTEN = "forgotten"
    """Choose a new password."""
    CHANGING = "changing"
    """To the old address: another one is to take its place."""
    CHANGED = "changed"
    """To the old address: another one has taken its place."""
    RENEWED = "renewed"
    """The password is another one now."""


class Purpose(StrEnum):
    """What the link in a letter is good for, once."""

    CONFIRM = "confirm"
    RECOVER = "recover"


HOLDS: Mapping[Purpose, timedelta] = {
    Purpose.CONFIRM: timedelta(days=3),
    Purpose.RECOVER: timedelta(hours=1),
}
"""How long a link holds, from when its letter went out."""

ASKED = frozenset({Kind.CONFIRM, Kind.FORGOTTEN})
"""Letters that anybody can ask for, so they are counted."""
A_DAY = 5
"""So many of them one address gets in 24 hours, and one account can ask for."""
NAMESAKES = 3
"""So many accounts that name an address without having confirmed it are helped by one letter, the newest."""
