"""How the files of an edition come: copied, by the steps from the edition that is here, or whole.

Each way ends with the digest that the signed manifest states for the unpacked file. Steps that do not lead there, for
whatever reason, are given up, and the file comes whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import TargetFile

from crawler.downloads import Fetcher
from crawler.durable import sha256_of
from registry.core.errors import Corrupt, TrustRefused
from registry.core.snapshots.manifest import Manifest
from registry.core.snapshots.packs import pack_target, unpack_file
from registry.core.snapshots.steps import StepsName, follow, way
from registry.core.snapshots.tables import read_table, write_table


@dataclass
class Bringing:
    """One edition on its way into a stage."""

    manifest: Manifest
    targets: Mapping[str, TargetFile]
    """What is signed, by target name."""
    fetcher: Fetcher
    previous: Path | None
    """The edition that is installed."""
    stage: Path
    notes: list[str] = field(default_factory=list)

    def bring(self) -> None:
        """All files of the edition into the stage; `TrustRefused` for what is not as signed."""
        missing = [name for name in self.manifest.files if not self._copied(name)]
        for name in missing:
            if pack_target(name) not in self.targets:
                raise TrustRefused(
                    f"{name} belongs to the edition but is not signed; nothing was taken over."
                )
        for name in self._by_steps(missing):
            self._whole(name)

    def _copied(self, name: str) -> bool:
        """Whether the installed edition has the same file; then it is here."""
        entry, path = self.manifest.files[name], self.stage / name
        installed = None if self.previous is None else self.previous / name
        if installed is None or not installed.is_file() or installed.stat().st_size != entry.size:
            return False
        shutil.copyfile(installed, path)
        if sha256_of(path) == entry.sha256:
            return True
        path.unlink()
        return False

    def _whole(self, name: str) -> None:
        packed = self.stage / pack_target(name)
        self.fetcher.download_target(self.targets[pack_target(name)], packed)
        try:
            unpack_file(packed.read_bytes(), name, self.manifest.files[name], self.stage / name)
        except Corrupt as problem:
            raise TrustRefused(f"{problem.message} Nothing was taken over.") from problem
        packed.unlink()

    def _by_steps(self, missing: Sequence[str]) -> list[str]:
        """Bring by steps what can be; what is still missing then."""
        here = [name for name in missing if self.previous is not None and (self.previous / name).is_file()]
        if self.previous is None or not here:
            return list(missing)
        start, goal = int(self.previous.name), self.manifest.sequence
        steps = {name: file for t, file in self.targets.items() if (name := StepsName.parse(t)) is not None}
        found = way({name: file.length for name, file in steps.items()}, start, goal)
        whole = sum(self.targets[pack_target(name)].length for name in here)
        if not found or sum(steps[name].length for name in found) >= whole:
            return list(missing)
        try:
            files = [self._steps_file(steps[name]) for name in found]
        except (DownloadError, RepositoryError) as problem:
            self.notes.append(
                f"The steps from edition {start} could not be had: {problem}. Whole files came instead."
            )
            return list(missing)
        return [name for name in missing if name not in here or not self._followed(name, files, start)]

    def _steps_file(self, file: TargetFile) -> bytes:
        path = self.stage / file.path
        self.fetcher.download_target(file, path)
        data = path.read_bytes()
        path.unlink()
        return data

    def _followed(self, name: str, files: Sequence[bytes], start: int) -> bool:
        """Whether the steps led to the file that is signed; then it is here."""
        assert self.previous is not None
        entry, path, installed = self.manifest.files[name], self.stage / name, self.previous / name
        try:
            size = entry.size + installed.stat().st_size
            old = read_table(installed, name)
            table = follow(name, old, files, start, self.manifest.sequence, size)
            if write_table(path, name, table) == entry.sha256:
                return True
            problem = "they lead to something else than what was signed"
        except Corrupt as refused:
            problem = refused.message
        path.unlink(missing_ok=True)
        self.notes.append(
            f"The steps from edition {start} were of no use for {name}, which came whole: {problem.rstrip('.')}."
        )
        return False
