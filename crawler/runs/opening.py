"""Finding what a finished run rests on: its manifest, and the very edition that it was judged by."""

from __future__ import annotations

from pathlib import Path

from crawler.runs.layout import LICENCES, RUN
from registry.core.errors import Corrupt, InvalidInput, NotFound, VerificationFailed
from registry.core.records.runs import RunManifest
from registry.core.snapshots import PersonalLicences, Snapshot, Standing


def open_manifest(run: Path) -> RunManifest:
    """The manifest of a complete run; `NotFound` if this is none, `VerificationFailed` if it was altered."""
    path = run / RUN
    if not path.is_file():
        raise NotFound(f"{run} is not a complete run: it has no {RUN}.")
    try:
        return RunManifest.parse(path.read_bytes())
    except InvalidInput as problem:
        raise VerificationFailed(f"{path} is damaged or was altered: {problem.message}") from problem


def open_edition(
    run: Path, manifest: RunManifest, snapshot: Path | None, *, works_root: bool = True
) -> Snapshot:
    """The edition that the manifest names, whole and unaltered, with the licences that the run was judged by.

    Looked for in the given snapshot folder, else where the run found it. An edition does not expire for this
    purpose: the question is what it said, not whether that still holds. Without `works_root`, the tree over all works
    is not recomputed, some seconds per million: for the lab that has synced it, of whose files the digests still hold.
    """
    wanted = manifest.snapshot
    for folder in _candidates(run, manifest, snapshot):
        if (folder / "lists").is_dir():
            break
    else:
        raise NotFound(
            f"Edition {wanted.sequence} of the registry, by which {run} was judged, is not here. Name the folder "
            "that has it with --snapshot; `vorbehalt sync` keeps the last two."
        )
    try:
        standing = Standing(_licences(run, manifest), stale_override=wanted.stale_override)
        edition = Snapshot.open(folder, standing=standing, works_root=works_root)
    except Corrupt as problem:
        raise VerificationFailed(problem.message) from problem
    if edition.works_root.hex() != wanted.works_root or edition.digests != dict(wanted.lists):
        raise VerificationFailed(
            f"{folder} is not the edition {wanted.sequence} by which {run} was judged: it has other works or terms."
        )
    return edition


def _candidates(run: Path, manifest: RunManifest, snapshot: Path | None) -> list[Path]:
    if snapshot is not None:
        return [snapshot / "editions" / str(manifest.snapshot.sequence), snapshot]
    hint = manifest.runtime.get("snapshot")
    return [run.resolve() / hint] if isinstance(hint, str) else []


def _licences(run: Path, manifest: RunManifest) -> PersonalLicences | None:
    if manifest.licensee is None:
        return None
    path = run / LICENCES
    try:
        return PersonalLicences.parse(path.read_bytes())
    except (OSError, Corrupt) as problem:
        raise VerificationFailed(f"{path}, by which the run was judged, is missing or damaged.") from problem
