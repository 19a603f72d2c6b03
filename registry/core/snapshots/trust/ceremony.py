"""The beginning of trust: all keys are made, and the offline ones sign the root and the delegation.

Run it on a machine that you trust. Afterwards the offline folder leaves it: each key file goes to another holder.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Targets

from registry.core.durable import write_new
from registry.core.errors import InvalidInput, OutputExists
from registry.core.snapshots.trust.keys import create_key
from registry.core.snapshots.trust.roles import (
    OFFLINE_KEYS,
    OFFLINE_ROLES,
    OFFLINE_THRESHOLD,
    ONLINE_ROLES,
    PUBLISHER,
    PUBLISHER_PATHS,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    expiry,
    file_name,
)
from registry.core.snapshots.trust.versions import Versions

_Offline = TypeVar("_Offline", Root, Targets)


def init_trust(
    offline_dir: Path, online_dir: Path, now: datetime, *, passphrase: bytes | None = None
) -> bytes:
    """Make all keys and sign the first root; returns the root's bytes, whose SHA-256 is what clients may pin.

    `offline_dir` gets six keys (`root-1.pem` ... `targets-3.pem`, encrypted if a passphrase is given), `online_dir`
    gets `keys/`, `metadata/` and `versions.json`. `OutputExists` if either has anything of the kind already.
    """
    _check_folders(offline_dir, online_dir)
    for folder in (offline_dir, online_dir / "keys"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (online_dir / "metadata").mkdir(exist_ok=True)
    offline = {
        role: [create_key(offline_dir / f"{role}-{n}.pem", passphrase) for n in range(1, OFFLINE_KEYS + 1)]
        for role in OFFLINE_ROLES
    }
    online = {role: create_key(online_dir / "keys" / f"{role}.pem") for role in ONLINE_ROLES}
    root = _sign(_root(offline, online, now), offline[ROOT])
    targets = _sign(_targets(online[PUBLISHER], now), offline[TARGETS])
    write_new(online_dir / "metadata" / file_name(TARGETS, 1), targets)
    write_new(online_dir / "metadata" / file_name(ROOT, 1), root)
    Versions().save(online_dir)
    return root


def _check_folders(offline_dir: Path, online_dir: Path) -> None:
    offline, online = offline_dir.resolve(), online_dir.resolve()
    if offline == online or offline.is_relative_to(online) or online.is_relative_to(offline):
        raise InvalidInput(
            "The offline keys need a folder outside that of the online keys, best on a medium that you can remove."
        )
    for folder in (offline, online):
        if folder.exists() and any(folder.iterdir()):
            raise OutputExists(f"{folder} is not empty; keys are never overwritten. Choose an empty folder.")


def _root(offline: dict[str, list[CryptoSigner]], online: dict[str, CryptoSigner], now: datetime) -> Root:
    """The first root: which keys speak for which role, and how many must agree."""
    root = Root(version=1, expires=expiry(ROOT, now), consistent_snapshot=True)
    for role, signers in offline.items():
        for signer in signers:
            root.add_key(signer.public_key, role)
        root.roles[role].threshold = OFFLINE_THRESHOLD
    for role in (SNAPSHOT, TIMESTAMP):
        root.add_key(online[role].public_key, role)
    return root


def _targets(publisher: CryptoSigner, now: datetime) -> Targets:
    """Names no file itself, but lets the publisher do so under two prefixes."""
    key = publisher.public_key
    role = DelegatedRole(PUBLISHER, [key.keyid], 1, terminating=True, paths=PUBLISHER_PATHS)
    return Targets(
        version=1,
        expires=expiry(TARGETS, now),
        delegations=Delegations(keys={key.keyid: key}, roles={PUBLISHER: role}),
    )


def _sign(signed: _Offline, signers: list[CryptoSigner]) -> bytes:
    """Signed by as many as must agree: then a change of any byte, signatures included, is noticed."""
    metadata = Metadata(signed)
    for signer in signers[:OFFLINE_THRESHOLD]:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()
