"""The registry as signed files that are mapped into memory: their format, how they are written, proved and opened."""

from registry.core.snapshots.edition import NOT_PUBLIC, EditionContent, EditionFiles, write_edition
from registry.core.snapshots.licences import PersonalLicences, licence_target, may_fetch
from registry.core.snapshots.manifest import Manifest
from registry.core.snapshots.proofs import WorkProof, work_proof
from registry.core.snapshots.snapshot import Snapshot, Standing
from registry.core.snapshots.store import Store, metadata_path, target_path
from registry.core.snapshots.works import works_root

__all__ = [
    "NOT_PUBLIC",
    "EditionContent",
    "EditionFiles",
    "Manifest",
    "PersonalLicences",
    "Snapshot",
    "Standing",
    "Store",
    "WorkProof",
    "licence_target",
    "may_fetch",
    "metadata_path",
    "target_path",
    "work_proof",
    "works_root",
    "write_edition",
]
