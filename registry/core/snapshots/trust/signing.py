"""What the offline keys sign later: the same again for another year, or another key in the place of one.

It happens in a copy of the registry's `metadata` folder, on a machine that need not know the registry. New versions are
written beside the old ones, and only when they verify as clients will verify them; `installing` takes them over.

A new version is signed by two keys that were named before and still are: so it holds under the old rules and the new.
That is what TUF demands of a root (specification, 5.3.4), and lets a server that takes over root and delegation one
after the other stop in between without harm. Hence one key is replaced at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, Root, Targets

from registry.core.durable import replace_file
from registry.core.errors import Conflict, InvalidInput, NotFound, NotReady, TrustRefused
from registry.core.snapshots.trust.chain import REFUSALS
from registry.core.snapshots.trust.offline import OfflinePart, ever_named
from registry.core.snapshots.trust.roles import (
    OFFLINE_THRESHOLD,
    PUBLISHER,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    expiry,
    file_name,
)

ROLES = (ROOT, TARGETS, PUBLISHER, SNAPSHOT, TIMESTAMP)
_SHORTEST_ID = 8

_Offline = TypeVar("_Offline", Root, Targets)


@dataclass(frozen=True, slots=True)
class Signed:
    """New versions, and where they were written."""

    part: OfflinePart
    files: tuple[Path, ...]


def renew(folder: Path, signers: Mapping[str, CryptoSigner], now: datetime) -> Signed:
    """Sign root and delegation once more as they are, for another year.

    `NotReady` if there are too few keys for either; then nothing is written.
    """
    part = OfflinePart.read(folder)
    return _write(folder, part, _next_root(part, signers, now), _next_targets(part, signers, now))


def find_key(part: OfflinePart, text: str) -> tuple[str, str]:
    """Role and id of the key whose id begins like this; `NotFound` or `InvalidInput` if it is not exactly one."""
    if len(text) < _SHORTEST_ID:
        raise InvalidInput(f"Give at least the first {_SHORTEST_ID} digits of the key's id.")
    found = [(role, key) for role in ROLES for key in part.key_ids(role) if key.startswith(text.lower())]
    if not found:
        raise NotFound(f"No key that is in force has an id that begins with {text[:64]}.")
    if len(found) > 1:
        raise InvalidInput(f"Several keys have ids that begin with {text[:64]}; give more of it.")
    return found[0]


def replace_key(
    folder: Path, signers: Mapping[str, CryptoSigner], now: datetime, *, old: str, new: Key
) -> Signed:
    """Name `new` in the place of the key with the id `old`, in the same role; that key signs nothing here.

    `NotFound` if no such key is in force, `Conflict` if `new` is or was in force already, `NotReady` if there are too
    few other keys; then nothing is written.
    """
    part = OfflinePart.read(folder)
    role, old = find_key(part, old)
    if any(new.keyid in named for named in ever_named(folder).values()):
        raise Conflict("The new key was named before; a key does not come back. Make another one.")
    others = {keyid: signer for keyid, signer in signers.items() if keyid != old}

    def swap(signed: Root | Targets) -> None:
        signed.revoke_key(old, role)
        signed.add_key(new, role)

    if role == PUBLISHER:
        return _write(folder, part, None, _next_targets(part, others, now, change=swap))
    root = _next_root(part, others, now, change=swap)
    if role != TARGETS:
        return _write(folder, part, root, None)
    still = set(Metadata[Root].from_bytes(root).signed.roles[TARGETS].keyids)
    return _write(folder, part, root, _next_targets(part, others, now, still=still))


def _next_root(
    part: OfflinePart,
    signers: Mapping[str, CryptoSigner],
    now: datetime,
    change: Callable[[Root], None] = lambda _: None,
) -> bytes:
    root = Metadata[Root].from_bytes(part.root_bytes).signed
    change(root)
    still = part.key_ids(ROOT) & set(root.roles[ROOT].keyids)
    return _sign(root, ROOT, signers, still, now)


def _next_targets(
    part: OfflinePart,
    signers: Mapping[str, CryptoSigner],
    now: datetime,
    change: Callable[[Targets], None] = lambda _: None,
    still: Collection[str] | None = None,
) -> bytes:
    """`still`: the keys that the new root names for it, if there is a new root."""
    targets = Metadata[Targets].from_bytes(part.targets_bytes).signed
    change(targets)
    named = part.key_ids(TARGETS)
    return _sign(targets, TARGETS, signers, named if still is None else named & set(still), now)


def _sign(
    signed: _Offline, role: str, signers: Mapping[str, CryptoSigner], named: Collection[str], now: datetime
) -> bytes:
    """By exactly as many as must agree: then a change of any byte, signatures included, is noticed."""
    able = [signers[keyid] for keyid in sorted(named) if keyid in signers]
    if len(able) < OFFLINE_THRESHOLD:
        raise NotReady(
            f"{OFFLINE_THRESHOLD} {role} keys must agree, other than one that is replaced; "
            f"{len(able)} of them {'is' if len(able) == 1 else 'are'} here. Name more places by --keys."
        )
    signed.version += 1
    signed.expires = expiry(role, now)
    metadata = Metadata(signed)
    for signer in able[:OFFLINE_THRESHOLD]:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _write(folder: Path, part: OfflinePart, root: bytes | None, targets: bytes | None) -> Signed:
    """Verify the result as a whole; then write it, the delegation first, which holds under either root."""
    roots = dict(enumerate(part.roots, start=1))
    version, data = part.targets.version, part.targets_bytes
    new: dict[str, bytes] = {}
    if targets is not None:
        version, data = version + 1, targets
        new[file_name(TARGETS, version)] = targets
    if root is not None:
        roots[len(roots) + 1] = root
        new[file_name(ROOT, len(roots))] = root
    try:
        result = OfflinePart.of(roots, (version, data))
    except REFUSALS as problem:
        raise TrustRefused(f"What was signed does not verify: {problem}. Nothing was written.") from problem
    for name, content in new.items():
        replace_file(folder / name, content)
    return Signed(result, tuple(folder / name for name in new))
