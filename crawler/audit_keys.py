"""Are the keys that sign those that the log names? Of the log itself, and of the snapshot that is published.

The signed metadata is read as it is served, from the first root on. Nothing vouches for that root here: its keys, like
all others, have to stand in the log, which everybody sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tuf.api.metadata import Metadata, Snapshot, Timestamp

from crawler.audit_facts import Facts
from crawler.audit_reading import found_at
from crawler.client import Client
from registry.core.errors import TrustRefused, VerificationFailed
from registry.core.snapshots.trust import verify_chain
from registry.core.snapshots.trust.chain import REFUSALS, load_next_root, load_root
from registry.core.snapshots.trust.roles import PUBLISHER, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, file_name
from registry.core.tlog.notes import Note
from registry.core.tlog.policies import Policy

LOG: Final = "log"
_METADATA = "/v1/snapshot/metadata/"
_MOST_ROOTS = 10_000

KeysByRole = Mapping[str, frozenset[str]]


def published_keys(client: Client) -> KeysByRole | None:
    """The keys under which the snapshot is served; `None` if none is served here.

    `VerificationFailed` if its signatures do not hold together.
    """
    timestamp = found_at(client, _METADATA + file_name(TIMESTAMP, 0))
    if timestamp is None:
        return None
    try:
        found = {TIMESTAMP: timestamp, ROOT: _newest_root(client)}
        stamp = Metadata[Timestamp].from_bytes(timestamp).signed
        found[SNAPSHOT] = _file(client, SNAPSHOT, stamp.snapshot_meta.version)
        meta = Metadata[Snapshot].from_bytes(found[SNAPSHOT]).signed.meta
        for role in (TARGETS, PUBLISHER):
            found[role] = _file(client, role, meta[f"{role}.json"].version)
        return verify_chain(found).keys
    except (*REFUSALS, TrustRefused) as problem:
        raise VerificationFailed(f"The published snapshot's signatures do not hold: {problem}") from problem


def _newest_root(client: Client) -> bytes:
    """The last of the roots, each signed by the one before it."""
    data = _file(client, ROOT, 1)
    root = load_root(data)
    while root.version < _MOST_ROOTS:
        following = found_at(client, _METADATA + file_name(ROOT, root.version + 1))
        if following is None:
            break
        data, root = following, load_next_root(root, following)
    return data


def _file(client: Client, role: str, version: int) -> bytes:
    data = found_at(client, _METADATA + file_name(role, version))
    if data is None:
        raise VerificationFailed(f"The published snapshot lacks {file_name(role, version)}.")
    return data


def unnamed(facts: Facts, note: Note, policy: Policy, published: KeysByRole | None) -> list[str]:
    """The keys in use that no entry puts in force, in words."""
    used = {LOG: frozenset(str(key) for key in note.verified(policy.logs)), **(published or {})}
    return [
        f"{role} key {key} is used, but {'it has ended' if key in facts.keys.get(role, {}) else 'no entry names it'}"
        for role, keys in used.items()
        for key in sorted(keys)
        if not facts.keys.get(role, {}).get(key)
    ]


def not_in_policy(facts: Facts, policy: Policy) -> list[str]:
    """Keys of the log that are in force by its own entries, of which the policy does not know."""
    known = {str(key) for key in policy.logs}
    return [key for key, in_force in facts.keys.get(LOG, {}).items() if in_force and key not in known]
