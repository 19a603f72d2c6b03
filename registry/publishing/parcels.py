"""An edition made ready for the way: packed, and with the steps that lead to it from the editions before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import TargetFile

from registry.core.snapshots import EditionFiles
from registry.core.snapshots.history import Stretch, stretches
from registry.core.snapshots.manifest import MANIFEST, FileEntry, Manifest
from registry.core.snapshots.packs import pack_edition, pack_target, unpack
from registry.core.snapshots.steps import StepsName, join, steps_file
from registry.core.snapshots.tables import Table, read_table
from registry.core.snapshots.times import to_seconds
from registry.core.snapshots.trust import Chain, Publisher


@dataclass(frozen=True)
class Parcel:
    """What to publish of an edition."""

    targets: Mapping[str, Path]
    custom: Mapping[str, Mapping[str, Any]]
    kept: tuple[TargetFile, ...] = ()
    """Steps files that were published before and stay."""


def make_parcel(
    publisher: Publisher, files: EditionFiles, folder: Path, now: datetime, *, recreate: bool = False
) -> Parcel:
    """Pack an edition into `folder`, with steps from the one before unless they would be longer than itself.

    `recreate`: there is nothing before.
    """
    parcel = Parcel(dict(pack_edition(files)), files.custom)
    before = None if recreate else publisher.published()
    if before is None or MANIFEST not in before.targets:
        return parcel
    was = Manifest.parse(publisher.fetch(before.targets[MANIFEST]))
    step = _step(publisher, before, was, files)
    if was.sequence >= files.manifest.sequence or len(step) >= sum(
        path.stat().st_size for path in parcel.targets.values()
    ):
        return parcel
    return _with_steps(parcel, publisher, before, was, files.manifest, step, folder, now)


def _step(publisher: Publisher, before: Chain, was: Manifest, files: EditionFiles) -> bytes:
    """From the published edition to the one in `files`; tables that did not change are not even read."""
    old: dict[str, Table] = {}
    new: dict[str, Table] = {}
    for name, entry in files.manifest.files.items():
        packed = before.targets.get(pack_target(name))
        if name in was.files and was.files[name] != entry and packed is not None:
            old[name] = _unpacked(publisher, packed, name, was.files[name])
            new[name] = read_table(files.paths[name], name)
    return steps_file(was.sequence, files.manifest.sequence, old, new)


def _unpacked(publisher: Publisher, packed: TargetFile, name: str, entry: FileEntry) -> Table:
    return unpack(publisher.fetch(packed), name, entry.size)


def _with_steps(
    parcel: Parcel,
    publisher: Publisher,
    before: Chain,
    was: Manifest,
    manifest: Manifest,
    step: bytes,
    folder: Path,
    now: datetime,
) -> Parcel:
    """The parcel with all steps files: the new one, those that stay, and those that become one."""
    newest = Stretch((StepsName(was.sequence, manifest.sequence),), was.created, manifest.created)
    published = {name: file for t, file in before.targets.items() if (name := StepsName.parse(t)) is not None}
    known = [Stretch.of(name, file.custom or {}) for name, file in published.items()]
    targets, custom, kept = dict(parcel.targets), dict(parcel.custom), []
    for stretch in stretches(known, newest, to_seconds(now)):
        if stretch.parts == (stretch.name,) and stretch.name in published:
            kept.append(published[stretch.name])
            continue
        data = [step if p == newest.name else publisher.fetch(published[p]) for p in stretch.parts]
        whole = data[0]
        for part in data[1:]:
            whole = join(whole, part)
        path = folder / Path(stretch.name.target).name
        path.write_bytes(whole)
        targets[stretch.name.target] = path
        custom[stretch.name.target] = stretch.facts
    return Parcel(targets, custom, tuple(kept))
