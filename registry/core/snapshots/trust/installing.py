"""Take over, beside the online keys, what the offline keys have signed elsewhere.

Everything is verified first, down to a rehearsal: with the keys that are here, metadata is signed and verified as a
client would. Then one file after the other is written, in an order in which each state on the way is valid; so whatever
interrupts it leaves a registry that works, and the same command goes on. Last, new online keys take their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from registry.core.durable import flush_folder, replace_file
from registry.core.errors import InvalidInput, TrustRefused
from registry.core.snapshots.trust.chain import REFUSALS, verify_chain
from registry.core.snapshots.trust.keys import create_key, load_key, write_public
from registry.core.snapshots.trust.offline import (
    FOLDER,
    OfflinePart,
    key_path,
    prepared_key,
    public_key,
    signed_files,
)
from registry.core.snapshots.trust.roles import (
    ONLINE_ROLES,
    PUBLISHER,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    expiry,
    file_name,
)
from registry.core.snapshots.trust.versions import exclusively

_Online = TypeVar("_Online", Targets, Snapshot, Timestamp)


def prepare_key(online_dir: Path, role: str) -> Path:
    """Make the successor of an online key; it waits until it is named. Returns its public half, to be carried.

    A successor that waits already is kept.
    """
    if role not in ONLINE_ROLES:
        raise InvalidInput(f"{role} is no online role; choose one of {', '.join(ONLINE_ROLES)}.")
    OfflinePart.load(online_dir)
    with exclusively(online_dir):
        path, public = prepared_key(online_dir, role), public_key(online_dir / FOLDER, role)
        write_public(public, load_key(path) if path.exists() else create_key(path))
    return public


def install(online_dir: Path, folder: Path, now: datetime) -> OfflinePart:
    """Take over the newer versions in `folder`; run it again if it was interrupted.

    `InvalidInput` if there is nothing newer, `TrustRefused` if it does not continue what is in force or names online
    keys that are not here, `NotReady` if it has expired. What was in force stays so in all these cases.
    """
    with exclusively(online_dir):
        current, brought = OfflinePart.load(online_dir), OfflinePart.read(folder)
        if (brought.root.version, brought.targets.version) < (current.root.version, current.targets.version):
            raise InvalidInput(f"What is in {folder} is older than what is in force here.")
        _check_continues(current, brought)
        steps = _steps(current, brought, signed_files(folder))
        if not steps and not any(prepared_key(online_dir, role).exists() for role in ONLINE_ROLES):
            raise InvalidInput(f"There is nothing in {folder} that is not in force here already.")
        brought.check_age(now)
        rehearse(brought, brought.load_signers(online_dir), now)
        for name, data in steps:
            replace_file(online_dir / FOLDER / name, data)
        _promote(online_dir, brought)
        return brought


def _check_continues(current: OfflinePart, brought: OfflinePart) -> None:
    """What both have must be the same: the same history, not another one that the keys signed as well."""
    same = brought.roots[: len(current.roots)] == current.roots
    if brought.targets.version == current.targets.version:
        same = same and brought.targets_bytes == current.targets_bytes
    if not same or brought.targets.version < current.targets.version:
        raise TrustRefused(
            "What was brought does not continue what is in force here: another version with the same number was "
            "signed. Copy the metadata folder of this registry to the offline keys, and sign once more."
        )


def _steps(
    current: OfflinePart, brought: OfflinePart, files: Mapping[str, Mapping[int, bytes]]
) -> list[tuple[str, bytes]]:
    """The files that are new, in an order in which root and delegation fit together after each."""
    roots = dict(enumerate(current.roots, start=1))
    targets = (current.targets.version, current.targets_bytes)
    steps: list[tuple[str, bytes]] = []
    while (len(roots), targets[0]) != (brought.root.version, brought.targets.version):
        number, following = targets[0] + 1, len(roots) + 1
        delegation = files[TARGETS].get(number)
        if delegation is not None and _holds(roots, (number, delegation)):
            targets = (number, delegation)
            steps.append((file_name(TARGETS, number), delegation))
        elif following <= brought.root.version and _holds(
            longer := {**roots, following: brought.roots[following - 1]}, targets
        ):
            roots = longer
            steps.append((file_name(ROOT, following), roots[following]))
        else:
            raise TrustRefused(
                f"Root {following} and delegation {number} cannot be taken over one after the other; sign them anew "
                "with two keys of each kind that stay."
            )
    return steps


def _holds(roots: Mapping[int, bytes], targets: tuple[int, bytes]) -> bool:
    try:
        OfflinePart.of(roots, targets)
    except REFUSALS:
        return False
    return True


def rehearse(part: OfflinePart, signers: Mapping[str, CryptoSigner], now: datetime) -> None:
    """Sign an empty snapshot with these keys and verify it as a client would; nothing is written."""
    publisher = _signed(Targets(1, expires=expiry(PUBLISHER, now)), signers[PUBLISHER])
    meta = {
        f"{TARGETS}.json": MetaFile.from_data(part.targets.version, part.targets_bytes, ["sha256"]),
        f"{PUBLISHER}.json": MetaFile.from_data(1, publisher, ["sha256"]),
    }
    snapshot = _signed(Snapshot(1, expires=expiry(SNAPSHOT, now), meta=meta), signers[SNAPSHOT])
    stated = MetaFile.from_data(1, snapshot, ["sha256"])
    timestamp = _signed(
        Timestamp(1, expires=expiry(TIMESTAMP, now), snapshot_meta=stated), signers[TIMESTAMP]
    )
    verify_chain(
        {
            ROOT: part.root_bytes,
            TARGETS: part.targets_bytes,
            PUBLISHER: publisher,
            SNAPSHOT: snapshot,
            TIMESTAMP: timestamp,
        }
    )


def _signed(part: _Online, signer: CryptoSigner) -> bytes:
    metadata = Metadata(part)
    metadata.sign(signer)
    return metadata.to_bytes()


def _promote(online_dir: Path, part: OfflinePart) -> None:
    """Successors that are named now take the places of the old keys, which are gone with that."""
    for role in ONLINE_ROLES:
        waiting = prepared_key(online_dir, role)
        if waiting.exists() and load_key(waiting).public_key.keyid in part.key_ids(role):
            waiting.replace(key_path(online_dir, role))
            flush_folder(waiting.parent)
            public_key(online_dir / FOLDER, role).unlink(missing_ok=True)
