"""Going on with an interrupted run by what it began with: its date, its edition, the lab's licences.

A run takes days and a lab syncs several times an hour, so by then another edition is in use. The one that the run began
with is kept for it (`crawler.editions.keep_for`), and grows old: its own signatures say until when it may be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from crawler.runs.layout import LICENCES, RUN
from crawler.runs.partial import Partial
from crawler.sync import open_snapshot
from registry.core.errors import Corrupt, InvalidInput
from registry.core.records.canonical import parse
from registry.core.records.runs import RunManifest
from registry.core.snapshots import PersonalLicences, Snapshot
from registry.core.snapshots.times import to_seconds


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run rests on that has begun, or has even been completed."""

    at: int
    """The date for which it asked permission, POSIX seconds."""
    sequence: int
    """Number of its edition."""
    stale_override: str | None
    """Why it was used although it had expired; `None` if it had not."""
    licences: PersonalLicences | None
    """The lab's own; `None` if the run was not begun in its name, or if its copy of them is not there."""
    has_licences: bool


def begun_in(out: Path) -> Begun | None:
    """What the run in this folder began with; `None` if there is none. `InvalidInput` if its papers are damaged."""
    partial = Partial(out)
    if (out / RUN).is_file():
        manifest = RunManifest.parse((out / RUN).read_bytes())
        snapshot = manifest.snapshot
        licences, has = _licences(out / LICENCES, manifest.parameters)
        return Begun(manifest.at, snapshot.sequence, snapshot.stale_override, licences, has)
    if not partial.plan.is_file():
        return None
    plan = parse(partial.plan.read_bytes(), "plan.json")
    try:
        licences, has = _licences(partial.licences, plan["parameters"])
        return Begun(int(plan["at"]), plan["snapshot"]["sequence"], plan["stale_override"], licences, has)
    except (KeyError, TypeError) as problem:
        raise InvalidInput(f"{partial.plan} is damaged: delete {out} and begin anew.") from problem


def _licences(copy: Path, parameters: Mapping[str, Any]) -> tuple[PersonalLicences | None, bool]:
    """The run's own copy of the lab's licences, if it is what the plan names; and whether the plan names one."""
    digest = parameters["licences_sha256"]
    if digest is None:
        return None, False
    try:
        data = copy.read_bytes()
        return (PersonalLicences.parse(data) if sha256(data).hexdigest() == digest else None), True
    except (OSError, Corrupt):
        return None, True


def open_for_run(
    folder: Path, begun: Begun | None, *, now: datetime, allow_stale: str | None = None
) -> Snapshot:
    """The copy in use; for a run that has begun, the edition and the licences that it began with.

    Raises what `open_snapshot` does. Licences that have expired since permit nothing, so the run is another then.
    """
    if begun is None:
        return open_snapshot(folder, now=now, allow_stale=allow_stale)
    opened = open_snapshot(folder, now=now, allow_stale=allow_stale, sequence=begun.sequence)
    licences = opened.standing.licences if begun.has_licences else None
    if begun.licences is not None:
        licences = begun.licences if to_seconds(now) < begun.licences.expires else None
    stale = opened.standing.stale_override or begun.stale_override
    opened.standing = replace(opened.standing, licences=licences, stale_override=stale)
    return opened
