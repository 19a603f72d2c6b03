"""Files that are no longer published leave the store: withdrawn works' codes must not stay there for ever.

A client that has read the signatures still fetches what they name, and a mirror copies at its own pace. So a file goes
two days after it was first seen to be in no use. When that was stands in the store itself, `snapshot/retired.json`, so
nothing is forgotten: whatever is there and is not published, were it left behind by a publish that was interrupted,
is noticed by the next one.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical, parse_canonical
from registry.core.snapshots.store import METADATA, TARGETS, Store
from registry.core.snapshots.times import from_text, to_text

RETIRED_FOR = 2 * 24 * 3600
"""Seconds."""
RETIRED = "snapshot/retired.json"


def remove_retired(store: Store, in_use: AbstractSet[str], now: int) -> list[str]:
    """Note what is not in use since `now`, and remove what was noted long enough ago; the paths that were removed."""
    noted = _noted(store)
    unused = {path for folder in (METADATA, TARGETS) for path in store.paths(folder)} - in_use
    since = {path: noted.get(path, now) for path in unused}
    removed = sorted(path for path, noticed in since.items() if noticed + RETIRED_FOR <= now)
    for path in removed:
        store.remove(path)
        del since[path]
    if since != noted:
        store.put(RETIRED, canonical({path: to_text(noticed) for path, noticed in since.items()}))
    return removed


def _noted(store: Store) -> dict[str, int]:
    """What was noted; nothing if that was damaged, so that everything is kept for two days more."""
    try:
        found = parse_canonical(store.get(RETIRED) or b"{}", RETIRED)
        return {str(path): from_text(noticed) for path, noticed in found.items()}
    except (InvalidInput, ValueError, TypeError, AttributeError):
        return {}
