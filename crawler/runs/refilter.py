"""A run again by a newer edition, without working off what the registry's changes cannot touch.

Items near a changed work, as it was or as it is, are judged again by their stored codes. Their lines in the papers take
the place of the old ones, and only files in which other items are kept now are written again, from the inputs. Of all
else both runs have the same files (hard links) where the disk can do that. So the result is that of a run in full, its
id included. Only a part with an item of which the newer edition wants codes that were not made is worked off anew.

Whether the inputs, the settings and the program are those of the earlier run is not asked but proved: the plan that
they make, with the earlier edition, has to be the plan that stands in the earlier run's papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crawler.modes import Mode
from crawler.runs.changes import changed_rows, lists_of_rows
from crawler.runs.codes_table import CodesTable
from crawler.runs.finish import algorithms_used, decoders_used, tool_used
from crawler.runs.layout import VERDICTS
from crawler.runs.linking import IN_FULL
from crawler.runs.opening import open_edition, open_manifest
from crawler.runs.plan import Settings, look, make_plan, settings_of
from crawler.runs.reach import Reach
from crawler.runs.rereading import check_file
from crawler.runs.revising import revise
from crawler.runs.taking_over import EarlierRun
from crawler.sites.evidence import Sites
from crawler.sources.base import Source
from registry.core.errors import InvalidInput
from registry.core.records.runs import RunManifest
from registry.core.snapshots import Snapshot


def compare(
    run: Path,
    sources: Sequence[Source],
    snapshot: Path,
    new: Snapshot,
    *,
    at: int,
    sites: Sites | None = None,
) -> tuple[EarlierRun, Settings]:
    """What of a run holds by a newer edition, and the settings to go on with; `sites` as in `settings_of`.

    `InvalidInput`, with the advice to filter in full, unless the inputs, the program and all settings are the same;
    `VerificationFailed` if the run's papers were changed.
    """
    manifest = open_manifest(run)
    check_file(run / VERDICTS, manifest.verdicts)
    codes = CodesTable(run, manifest.codes)
    _refuse_another_program(manifest)
    old = open_edition(run, manifest, snapshot, works_root=False)
    if new.sequence < old.sequence:
        raise InvalidInput(
            f"Edition {new.sequence} is older than edition {old.sequence}, by which {run} was judged."
        )
    if manifest.licensee != (new.standing.licences and new.standing.licences.licensee):
        raise InvalidInput(f"{run} was made in the name of another licensee. {IN_FULL}")
    settings = settings_of(manifest, at=at, sites=sites)
    if settings.mode is Mode.ANNOTATE:
        raise InvalidInput(f"{run} annotates, so that every file says something of each item. {IN_FULL}")
    if sites is not None and sites.may_age(manifest.at, at):
        raise InvalidInput(
            f"Since {run} was made, what some sites answered has become too old to count. {IN_FULL}"
        )
    before = settings_of(manifest, at=manifest.at, sites=sites)
    looked = look(sources, settings)
    if make_plan(looked, old, before).sha256 != manifest.runtime.get("plan_sha256"):
        raise InvalidInput(
            f"These are not the inputs of {run} as they were, or a setting has another meaning now: names, sizes, "
            f"times of change, and all settings have to be the same. {IN_FULL}"
        )
    changed = changed_rows(old, new, manifest.at, at)
    reach = Reach(lists_of_rows(edition, changed) for edition in (old, new))
    revised = revise(run, codes, settings, reach, new)
    return EarlierRun(run, manifest, settings, looked, revised, int(changed.sum())), settings


def _refuse_another_program(manifest: RunManifest) -> None:
    same = (
        manifest.tool == tool_used()
        and dict(manifest.decoders) == decoders_used()
        and manifest.algorithms == algorithms_used()
    )
    if not same:
        raise InvalidInput(
            "The run was made by another version of this program, of its algorithms or of a library that decodes. "
            + IN_FULL
        )
