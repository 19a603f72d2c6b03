"""What the offline keys have signed, as the online side keeps it: every root, and the newest delegation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from registry.core.errors import NotReady, TrustRefused
from registry.core.snapshots.trust.chain import REFUSALS, load_root
from registry.core.snapshots.trust.keys import load_key
from registry.core.snapshots.trust.roles import ONLINE_ROLES, PUBLISHER, ROOT, TARGETS, file_name

_NAME = re.compile(r"([1-9][0-9]{0,8})\.(root|targets)\.json")


@dataclass(frozen=True)
class OfflinePart:
    """The verified root and delegation, and the files that clients need of them."""

    root: Root
    root_bytes: bytes
    targets: Targets
    targets_bytes: bytes
    files: Mapping[str, bytes]
    """By published name: every version of the root, since clients follow them one by one, and the delegation."""

    @classmethod
    def load(cls, online_dir: Path) -> Self:
        """Read `metadata/`; `NotReady` if it is not there, `TrustRefused` if it does not verify."""
        found: dict[str, dict[int, bytes]] = {ROOT: {}, TARGETS: {}}
        folder = online_dir / "metadata"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if match := _NAME.fullmatch(path.name):
                found[match[2]][int(match[1])] = path.read_bytes()
        if not (found[ROOT] and found[TARGETS]):
            raise NotReady(f"There is no root of trust in {online_dir}; run `vorbehalt-server trust init`.")
        number, newest = max(found[ROOT].items())
        try:
            root = load_root(newest)
            version, data = max(found[TARGETS].items())
            metadata = Metadata[Targets].from_bytes(data)
            root.verify_delegate(TARGETS, metadata.signed_bytes, metadata.signatures)
            if metadata.signed.type != TARGETS or (root.version, metadata.signed.version) != (
                number,
                version,
            ):
                raise RepositoryError("a file has another version inside than in its name")
        except REFUSALS as problem:
            raise TrustRefused(
                f"The metadata in {folder} does not verify ({problem}); restore it from a backup."
            ) from problem
        files = {file_name(ROOT, n): data for n, data in found[ROOT].items()}
        return cls(root, newest, metadata.signed, data, {**files, file_name(TARGETS, version): data})

    def load_signers(self, online_dir: Path) -> dict[str, CryptoSigner]:
        """The online keys by role; `TrustRefused` if one is not the key that the offline part names for its role."""
        signers = {role: load_key(online_dir / "keys" / f"{role}.pem") for role in ONLINE_ROLES}
        for role, signer in signers.items():
            named = self.targets if role == PUBLISHER else self.root
            if signer.public_key.keyid not in named.get_delegated_role(role).keyids:
                raise TrustRefused(
                    f"keys/{role}.pem is not the key that was signed for this role; restore the right one."
                )
        return signers

    def check_age(self, now: datetime) -> None:
        """`NotReady` if a signature of the offline keys has expired: nothing published under it would be accepted."""
        for part in (self.root, self.targets):
            if part.is_expired(now):
                raise NotReady(
                    f"The offline signature of {part.type} has expired; sign it again with the offline keys."
                )
