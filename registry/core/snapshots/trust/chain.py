"""Check a whole set of signed metadata at once, offline: the root's keys, down to the digests of the files.

The client library checks while it downloads. This checks what is already here: a client's installed copy each time
it is opened, and a publisher's store before it signs more. Expiry is a fact in the result, not a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from registry.core.errors import TrustRefused
from registry.core.snapshots.trust.roles import PUBLISHER, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, is_target_name

REFUSALS = (RepositoryError, KeyError, ValueError, TypeError, AttributeError)
"""What the library raises for metadata that is malformed, wrongly signed, or not what was stated."""

_Part = TypeVar("_Part", Timestamp, Snapshot, Targets)

ROLES = (ROOT, TIMESTAMP, SNAPSHOT, TARGETS, PUBLISHER)


@dataclass(frozen=True, slots=True)
class Chain:
    """Verified metadata that belongs together."""

    versions: Mapping[str, int]
    """By role."""
    expiries: Mapping[str, int]
    """By role, in POSIX seconds."""
    targets: Mapping[str, TargetFile]
    """All published files by target name, with length, digests and custom facts."""
    keys: Mapping[str, frozenset[str]]
    """By role, the ids of the keys that may sign for it."""

    @property
    def expires(self) -> int:
        """When the first of the five expires."""
        return min(self.expiries.values())

    def goes_on_from(self, before: Chain, role: str) -> bool:
        """Whether this role's version numbers go on from those: if an online key was replaced, they begin anew."""
        return role in {ROOT, TARGETS} or self.keys[role] == before.keys[role]

    def custom(self, target: str) -> dict[str, Any]:
        """What the publisher signed about this file besides its digest; empty if it is not published."""
        found = self.targets.get(target)
        return dict(found.custom or {}) if found is not None else {}


def verify_chain(metadata: Mapping[str, bytes]) -> Chain:
    """Verify the five files, given by role; `TrustRefused` names what does not hold."""
    try:
        root = load_root(metadata[ROOT])
        timestamp = _load(Timestamp, TIMESTAMP, metadata, root)
        snapshot = _load(Snapshot, SNAPSHOT, metadata, root, timestamp.snapshot_meta)
        targets = _load(Targets, TARGETS, metadata, root, snapshot.meta[f"{TARGETS}.json"])
        publisher = _load(Targets, PUBLISHER, metadata, targets, snapshot.meta[f"{PUBLISHER}.json"])
        _check_paths(targets, publisher)
    except REFUSALS as problem:
        raise TrustRefused(f"The signed metadata does not hold together: {problem}.") from problem
    parts: dict[str, Signed] = {
        ROOT: root,
        TIMESTAMP: timestamp,
        SNAPSHOT: snapshot,
        TARGETS: targets,
        PUBLISHER: publisher,
    }
    return Chain(
        versions={role: part.version for role, part in parts.items()},
        expiries={role: int(part.expires.timestamp()) for role, part in parts.items()},
        targets=publisher.targets,
        keys={
            role: frozenset((targets if role == PUBLISHER else root).get_delegated_role(role).keyids)
            for role in ROLES
        },
    )


def load_root(data: bytes) -> Root:
    """A root that enough of its own keys have signed; raises one of `REFUSALS`."""
    metadata = Metadata[Root].from_bytes(data)
    if not isinstance(metadata.signed, Root):
        raise RepositoryError("it is not a root")
    metadata.signed.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures)
    return metadata.signed


def load_next_root(root: Root, data: bytes) -> Root:
    """The root that follows this one: enough keys of both have signed it. Raises one of `REFUSALS`."""
    following = load_root(data)
    metadata = Metadata[Root].from_bytes(data)
    root.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures)
    if following.version != root.version + 1:
        raise RepositoryError(f"root {following.version} cannot follow root {root.version}")
    return following


def load_targets(root: Root, data: bytes) -> Targets:
    """The delegation, if enough keys that this root names for it have signed it. Raises one of `REFUSALS`."""
    return _load(Targets, TARGETS, {TARGETS: data}, root)


def _load(
    kind: type[_Part],
    role: str,
    files: Mapping[str, bytes],
    delegator: Root | Targets,
    stated: MetaFile | None = None,
) -> _Part:
    """The signed part of one file: of the right kind, signed by whom its delegator says, and as stated above it."""
    metadata = Metadata[_Part].from_bytes(files[role])
    signed = metadata.signed
    if not isinstance(signed, kind):
        raise RepositoryError(f"the file for {role} is of another kind")
    delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    if stated is not None:
        stated.verify_length_and_hashes(files[role])
        if stated.version != signed.version:
            raise RepositoryError(f"{role} has version {signed.version} where {stated.version} is signed")
    return signed


def _check_paths(targets: Targets, publisher: Targets) -> None:
    """The publisher names nothing outside what was delegated to it."""
    role = targets.get_delegated_role(PUBLISHER)
    for name in publisher.targets:
        allowed = isinstance(role, DelegatedRole) and role.is_delegated_path(name)
        if not (allowed and is_target_name(name)):
            raise RepositoryError(f"the publisher may not publish {name[:100]!r}")
