"""The end of `filter` and `refilter`: what is put beside a complete run. Doing it again changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crawler.commands.base import note
from crawler.runs.signing import RunKey, default_key_path, open_key, sign_run
from registry.core.records.runs import RunManifest

if TYPE_CHECKING:
    from crawler.engines.local import Job


def key_for_runs(path: Path | None, *, no_sign: bool) -> RunKey | None:
    """The lab's key; made, and said so, if there is none. Asked for before a run, so that a bad key costs none."""
    if no_sign:
        return None
    found = open_key(path or default_key_path(), create=True)
    if found.is_new:
        note(
            f"Made a key to sign your runs with: {found.path}, readable by you alone. Keep a copy; `vorbehalt key "
            "show` prints the half that is for others."
        )
    return found


def close(job: Job, manifest: RunManifest, key: RunKey | None, *, no_report: bool) -> None:
    """Sign the run, and write its report."""
    from crawler.report.page import write_report

    if key is not None:
        sign_run(job.out, manifest.run_id, key.key)
    if not no_report:
        write_report(job.out, edition=job.snapshot, sources=job.sources)
