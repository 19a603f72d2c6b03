"""`vorbehalt refilter`: the same run by a newer edition, in a fraction of the time."""

from __future__ import annotations

import os
from pathlib import Path

import click

from crawler.commands.asking import moment_asked
from crawler.commands.base import (
    Command,
    emit,
    examples,
    json_option,
    note,
    now,
    run_key_options,
    snapshot_option,
)
from crawler.commands.closing import close, key_for_runs
from crawler.commands.sites import domain_signals_option, sites_of_run
from registry.core.errors import InvalidInput


@click.command(
    cls=Command, epilog=examples("vorbehalt refilter run-1 pictures/ --out run-2 --snapshot vb --since 41")
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="A new folder.")
@snapshot_option()
@click.option(
    "--since",
    type=click.IntRange(0),
    metavar="SEQ",
    help="The edition by which RUN was judged; anything else is refused [default: what its papers say].",
)
@domain_signals_option
@click.option("--workers", type=click.IntRange(1), help="Processes [default: one per processor].")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run in the same folder.")
@click.option(
    "--allow-stale", metavar="REASON", help="Use a snapshot that has expired; the papers state the reason."
)
@click.option("--at", metavar="TIME", help="Ask for permission at this time [default: now].")
@run_key_options
@click.option("--no-report", is_flag=True, help="Do not write report.html.")
@json_option
def refilter(
    run: Path,
    inputs: tuple[str, ...],
    out: Path,
    snapshot: Path,
    since: int | None,
    domain_signals: Path | None,
    workers: int | None,
    resume: bool,
    allow_stale: str | None,
    at: str | None,
    key: Path | None,
    no_sign: bool,
    no_report: bool,
    as_json: bool,
) -> None:
    """Do RUN again by the newest edition, applying only what changed in the registry since.

    The inputs have to be those of RUN, untouched. The result, and its id, are those of `vorbehalt filter` with the same
    settings, in full. Kept files that did not change are the same files on the disk in both runs where it can do that.
    """
    from crawler.display import Progress, summary
    from crawler.engines.local import Job, run_filter
    from crawler.runs.opening import open_manifest
    from crawler.runs.refilter import compare
    from crawler.runs.resuming import begun_in, open_for_run
    from crawler.sources import local_paths, open_sources
    from crawler.words import amount
    from registry.core.fingerprints import selftest

    present = now()
    manifest = open_manifest(run)
    if since is not None and since != manifest.snapshot.sequence:
        raise InvalidInput(f"{run} was judged by edition {manifest.snapshot.sequence}, not {since}.")
    parameters = manifest.parameters
    sources = open_sources(
        inputs,
        column=parameters.get("column"),
        metadata_only=bool(parameters.get("metadata_only")),
        limit=parameters.get("limit"),
    )
    begun = begun_in(out) if resume else None
    opened = open_for_run(snapshot, begun, now=present, allow_stale=allow_stale)
    moment = moment_asked(at, present, opened.created, begun.at if begun else None)
    sites = sites_of_run(parameters, domain_signals, moment)
    selftest()
    signing = key_for_runs(key, no_sign=no_sign)
    earlier, settings = compare(run, sources, snapshot, opened, at=moment, sites=sites)
    job = Job(
        sources=sources,
        inputs=[*local_paths(inputs), run],
        out=out,
        snapshot=opened,
        settings=settings,
        workers=workers or len(os.sched_getaffinity(0)),
        earlier=earlier,
    )
    with Progress() as progress:
        found = run_filter(job, resume=resume, watcher=progress)
    close(job, found, signing, no_report=no_report)
    summary(found, out)
    revised = earlier.revised
    note(
        f"{amount(earlier.changed_works, 'work')} changed since edition {manifest.snapshot.sequence}. Items near one: "
        f"{revised.near:,}, with another line in the papers now: {revised.changed:,}. Files written again: "
        f"{earlier.rewritten:,}, parts worked off anew: {len(revised.unclear):,}."
    )
    if as_json:
        emit(
            {
                "run_id": found.run_id,
                "out": str(out),
                "counts": found.counts.as_json(),
                "since": manifest.snapshot.sequence,
                "changed_works": earlier.changed_works,
                "near_items": revised.near,
                "changed_items": revised.changed,
                "taken_over": len(earlier.taken),
            }
        )
