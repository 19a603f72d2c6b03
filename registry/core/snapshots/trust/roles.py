"""Who may sign what, for how long: the roles of The Update Framework (TUF, https://theupdateframework.io).

| role      | keys                 | says                                                    | expires   |
|-----------|----------------------|---------------------------------------------------------|-----------|
| root      | 2 of 3, offline      | which keys the others have                              | 1 year    |
| targets   | 2 of 3, offline      | that `publisher` may publish lists and licences         | 1 year    |
| publisher | 1, online            | the digests of all published files                      | 7 days    |
| snapshot  | 1, online            | which versions of the metadata belong together          | 7 days    |
| timestamp | 1, online            | which snapshot is the newest                            | 24 hours  |

Lists change by the hour, so an offline key cannot sign them; hence the delegation. Whoever steals the online keys can
publish wrong lists until two holders of offline keys replace them, but can never change the root of trust.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

ROOT: Final = Root.type
TARGETS: Final = Targets.type
SNAPSHOT: Final = Snapshot.type
TIMESTAMP: Final = Timestamp.type
PUBLISHER: Final = "publisher"

OFFLINE_ROLES = (ROOT, TARGETS)
ONLINE_ROLES = (PUBLISHER, SNAPSHOT, TIMESTAMP)

OFFLINE_KEYS = 3
OFFLINE_THRESHOLD = 2

PUBLISHER_PATHS = ["lists/*", "licences/*"]
"""What the publisher may publish. In TUF a `*` does not cross a slash, so there are no folders below."""

_TARGET_NAME = re.compile(r"(lists|licences)/[a-z0-9][a-z0-9._-]{0,150}")

LIFETIMES = {
    ROOT: timedelta(days=365),
    TARGETS: timedelta(days=365),
    PUBLISHER: timedelta(days=7),
    SNAPSHOT: timedelta(days=7),
    TIMESTAMP: timedelta(hours=24),
}


def expiry(role: str, now: datetime) -> datetime:
    """When metadata of this role that is signed now expires; metadata knows whole seconds only."""
    if now.tzinfo is None:
        raise ValueError("the present must have a time zone")
    return now.astimezone(UTC).replace(microsecond=0) + LIFETIMES[role]


def is_target_name(name: str) -> bool:
    """Whether a file may be published under this name: one of two folders, no way out of them, nothing hidden."""
    return _TARGET_NAME.fullmatch(name) is not None


def file_name(role: str, version: int) -> str:
    """Under which name metadata is published; only the newest timestamp has a name that is known beforehand."""
    return f"{role}.json" if role == TIMESTAMP else f"{version}.{role}.json"
