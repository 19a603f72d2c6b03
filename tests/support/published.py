"""What a registry has published, as anybody sees it who can read the file store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from registry.base.db import Database
from registry.base.files import FolderStore, Store
from registry.core.ids import format_id
from registry.core.snapshots import PersonalLicences, Snapshot, licence_target
from registry.core.snapshots.manifest import MANIFEST, Manifest
from registry.core.snapshots.packs import pack_target, unpack_file
from registry.core.snapshots.trust import Publisher, init_trust
from registry.core.snapshots.trust.roles import PUBLISHER, SNAPSHOT
from registry.publishing import service as publishing
from registry.publishing.models import Edition


class Interrupted(Exception):
    """Stands for a power cut."""


@dataclass
class Breaking(FolderStore):
    """A folder that breaks off after so many more files; `None`: never."""

    root: Path
    left: int | None = None

    def put(self, path: str, data: bytes | Path) -> None:
        """Write the file, unless the time has come."""
        if self.left == 0:
            raise Interrupted(path)
        if self.left is not None:
            self.left -= 1
        super().put(path, data)


@dataclass
class Shelf:
    """A file store with the keys to publish on it, and what is on it."""

    folder: Path
    store: Store
    opened: int = field(default=0, init=False)

    @classmethod
    def create(cls, folder: Path, now: datetime, store: Store | None = None) -> Shelf:
        """With new keys."""
        init_trust(folder / "offline", folder / "online", now)
        return cls(folder, store or FolderStore(folder / "files"))

    @property
    def publisher(self) -> Publisher:
        """Loaded anew, as another process would."""
        return Publisher(self.folder / "online", self.store)

    def publish(self, database: Database, sources: Any) -> Edition:
        """Publish an edition."""
        return publishing.publish(database, self.publisher, sources)

    def _signed(self, name: str) -> Any:
        data = self.store.get(f"snapshot/metadata/{name}")
        assert data is not None
        return json.loads(data)["signed"]

    def timestamp(self) -> int:
        """The version of the newest timestamp; 0 before the first."""
        known = self.store.exists("snapshot/metadata/timestamp.json")
        return int(self._signed("timestamp.json")["version"]) if known else 0

    def targets(self) -> dict[str, bytes]:
        """The files that can be seen now, by target name: those that the newest signatures name."""
        version = self._signed("timestamp.json")["meta"]["snapshot.json"]["version"]
        version = self._signed(f"{version}.{SNAPSHOT}.json")["meta"][f"{PUBLISHER}.json"]["version"]
        found = {}
        for name, described in self._signed(f"{version}.{PUBLISHER}.json")["targets"].items():
            folder, _, last = name.rpartition("/")
            data = self.store.get(f"snapshot/targets/{folder}/{described['hashes']['sha256']}.{last}")
            assert data is not None
            found[name] = data
        return found

    def files(self) -> dict[str, bytes]:
        """The files of the edition that can be seen now, unpacked, and the licence files."""
        targets = self.targets()
        manifest = Manifest.parse(targets[MANIFEST])
        self.opened += 1
        folder = self.folder / f"unpacked-{self.opened}"
        (folder / "lists").mkdir(parents=True)
        found = {name: data for name, data in targets.items() if not name.endswith(".pack")}
        for name, entry in manifest.files.items():
            unpack_file(targets[pack_target(name)], name, entry, folder / name)
            found[name] = (folder / name).read_bytes()
        return found

    def open(self) -> Snapshot:
        """The edition that can be seen now, verified."""
        self.opened += 1
        folder = self.folder / f"opened-{self.opened}"
        for name, data in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return Snapshot.open(folder)

    def licences(self, licensee: bytes) -> PersonalLicences:
        """What is published for this party alone."""
        return PersonalLicences.parse(self.targets()[licence_target(format_id("party", licensee))])

    def everything(self) -> bytes:
        """The bytes of all files in the store, one after the other, packed ones unpacked too; of a folder only."""
        assert isinstance(self.store, FolderStore)
        root = self.store.root / "snapshot"
        found = [path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()]
        return b"\n".join([*found, *self.files().values()])
