"""What the offline keys have signed, as the online side keeps it: every root, and the newest delegation."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from registry.core.errors import NotReady, TrustRefused
from registry.core.snapshots.trust.chain import REFUSALS, load_next_root, load_root, load_targets
from registry.core.snapshots.trust.keys import load_key
from registry.core.snapshots.trust.roles import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    PUBLISHER,
    ROOT,
    TARGETS,
    file_name,
)

FOLDER = "metadata"
KEYS = "keys"
_NAME = re.compile(r"([1-9][0-9]{0,8})\.(root|targets)\.json")


@dataclass(frozen=True)
class OfflinePart:
    """The verified root and delegation, and the files that clients need of them."""

    root: Root
    roots: tuple[bytes, ...]
    """Every version from the first to that one, since clients follow them one by one."""
    targets: Targets
    targets_bytes: bytes

    @classmethod
    def load(cls, online_dir: Path) -> Self:
        """Read `metadata/`; `NotReady` if it is not there, `TrustRefused` if it does not verify."""
        return cls.read(online_dir / FOLDER)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The same for a copy of that folder, wherever it was carried."""
        found = signed_files(folder)
        if not (found[ROOT] and found[TARGETS]):
            raise NotReady(f"There is no root of trust in {folder}; run `vorbehalt-server trust init`.")
        try:
            return cls.of(found[ROOT], max(found[TARGETS].items()))
        except REFUSALS as problem:
            raise TrustRefused(
                f"The metadata in {folder} does not verify ({problem}); restore it from a backup."
            ) from problem

    @classmethod
    def of(cls, roots: Mapping[int, bytes], targets: tuple[int, bytes]) -> Self:
        """Verify these versions, each root by the one before it; raises one of `REFUSALS`."""
        root = load_root(roots[min(roots)])
        for number in sorted(roots)[1:]:
            root = load_next_root(root, roots[number])
        version, data = targets
        delegation = load_targets(root, data)
        if (min(roots), root.version, delegation.version) != (1, max(roots), version):
            raise RepositoryError("a version is missing, or a file has another one inside than in its name")
        return cls(root, tuple(roots[number] for number in sorted(roots)), delegation, data)

    @property
    def files(self) -> dict[str, bytes]:
        """By published name, what clients need of it."""
        roots = {file_name(ROOT, n): data for n, data in enumerate(self.roots, start=1)}
        return {**roots, file_name(TARGETS, self.targets.version): self.targets_bytes}

    @property
    def root_bytes(self) -> bytes:
        """The newest root."""
        return self.roots[-1]

    @property
    def keys(self) -> dict[str, frozenset[str]]:
        """By role, all of them."""
        return {role: self.key_ids(role) for role in (*OFFLINE_ROLES, *ONLINE_ROLES)}

    def key_ids(self, role: str) -> frozenset[str]:
        """The ids of the keys that may sign for this role."""
        named = self.targets if role == PUBLISHER else self.root
        return frozenset(named.get_delegated_role(role).keyids)

    def load_signers(self, online_dir: Path) -> dict[str, CryptoSigner]:
        """The online keys by role; `TrustRefused` if one is not the key that the offline part names for its role.

        Where a new key has just taken over, it may still lie beside the old one (`prepared_key`).
        """
        return {role: self._load_signer(online_dir, role) for role in ONLINE_ROLES}

    def _load_signer(self, online_dir: Path, role: str) -> CryptoSigner:
        path, prepared = key_path(online_dir, role), prepared_key(online_dir, role)
        if prepared.exists():
            signer = load_key(prepared)
            if signer.public_key.keyid in self.key_ids(role):
                return signer
        signer = load_key(path)
        if signer.public_key.keyid not in self.key_ids(role):
            raise TrustRefused(
                f"{KEYS}/{path.name} is not the key that was signed for this role; restore the right one."
            )
        return signer

    def check_age(self, now: datetime) -> None:
        """`NotReady` if a signature of the offline keys has expired: nothing published under it would be accepted."""
        for part in (self.root, self.targets):
            if part.is_expired(now):
                raise NotReady(
                    f"The offline signature of {part.type} has expired; sign it again with the offline keys: "
                    "`vorbehalt-server trust renew`."
                )


def signed_files(folder: Path) -> dict[str, dict[int, bytes]]:
    """What lies there under the names of roots and delegations, by role and version; nothing of it is verified."""
    found: dict[str, dict[int, bytes]] = {ROOT: {}, TARGETS: {}}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            found[match[2]][int(match[1])] = path.read_bytes()
    return found


def ever_named(folder: Path) -> dict[str, set[str]]:
    """By role, the ids of all keys that any version in this folder has named."""
    found: dict[str, set[str]] = defaultdict(set)
    files = signed_files(folder)
    for data in files[ROOT].values():
        for role, named in Metadata[Root].from_bytes(data).signed.roles.items():
            found[role] |= set(named.keyids)
    for data in files[TARGETS].values():
        delegations = Metadata[Targets].from_bytes(data).signed.delegations
        for role, delegated in ((delegations and delegations.roles) or {}).items():
            found[role] |= set(delegated.keyids)
    return dict(found)


def key_path(online_dir: Path, role: str) -> Path:
    """Where an online key lies."""
    return online_dir / KEYS / f"{role}.pem"


def prepared_key(online_dir: Path, role: str) -> Path:
    """Where its successor waits until the offline keys have named it."""
    return online_dir / KEYS / f"{role}.next.pem"


def public_key(folder: Path, role: str) -> Path:
    """Where the successor's public half lies, in the folder that is carried to the offline keys."""
    return folder / f"{role}.next.pub"
