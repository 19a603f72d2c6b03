"""The keys under which editions are published, as the log tells of them.

A key is entered before the public sees what it signs, and its end after nothing more that it signed is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy.orm import Session

from registry.core.snapshots.trust import Publisher
from registry.log.service import key_entries


def begin(session: Session, publisher: Publisher, now: datetime) -> None:
    """Enter the keys that are not in the log yet: all before the first edition, new ones after a ceremony."""
    key_entries.begin(session, _uses(publisher.keys), now)


def end(session: Session, publisher: Publisher, now: datetime) -> None:
    """Enter the end of keys that others have replaced."""
    key_entries.end(session, _uses(publisher.former_keys), now)


def _uses(keys: Mapping[str, AbstractSet[str]]) -> Iterator[key_entries.Use]:
    return (key_entries.Use(role, key) for role, ids in keys.items() for key in ids)
