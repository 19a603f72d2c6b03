"""`vorbehalt filter`: the same dataset without what may not be used, plus the papers."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from crawler.commands.asking import moment_asked, request_from, request_options, research_option
from crawler.commands.base import (
    Command,
    deep_option,
    emit,
    exact_decode_option,
    examples,
    json_option,
    min_words_option,
    note,
    now,
    run_key_options,
    snapshot_option,
)
from crawler.commands.closing import close, key_for_runs
from crawler.commands.sites import domain_signals_options, sites_for
from crawler.modes import Mode
from registry.core.errors import InvalidInput


@click.command(
    "filter",
    cls=Command,
    epilog=examples(
        "vorbehalt filter pictures/ --out run --snapshot vb --purpose train_genai --policy consent-first",
        "vorbehalt filter 's3://corpus/{00000..00127}.tar' --out run --snapshot vb --purpose train_genai "
        "--policy eu-art4",
        "vorbehalt filter pages.jsonl --out run --snapshot vb --purpose train_genai --policy eu-art4 --resume",
        "vorbehalt filter urls.parquet --metadata-only --out run --snapshot vb --purpose train_genai "
        "--policy eu-art4 --domain-signals sites.jsonl",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="A new folder.")
@snapshot_option()
@request_options()
@research_option
@click.option(
    "--column",
    metavar="NAME[,NAME...]",
    help="What is compared: columns, or extensions in a tar [default: found; all in a tar; text in JSON lines].",
)
@click.option(
    "--metadata-only",
    is_flag=True,
    help="Rows name items elsewhere: compare their addresses and digests, and open nothing.",
)
@domain_signals_options
@deep_option
@min_words_option
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.DROP.value,
    show_default=True,
    help="What is left out; `annotate` writes no data but, beside each file, what may be used of it.",
)
@click.option("--dry-run", is_flag=True, help="Write the papers, and no data.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read the first N items of each input.")
@exact_decode_option
@click.option(
    "--lazy-signatures",
    is_flag=True,
    help="Compare texts as a whole only where they share a phrase with a work: a fifth faster.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes [default: one per processor].")
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or a Spark cluster; the result is the same.",
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run in the same folder.")
@click.option(
    "--max-errors", type=click.IntRange(0), metavar="N", help="Stop above so many broken items (exit 5)."
)
@click.option(
    "--allow-stale", metavar="REASON", help="Use a snapshot that has expired; the papers state the reason."
)
@click.option("--at", metavar="TIME", help="Ask for permission at this time [default: now], to repeat a run.")
@click.option("--shard-size", type=click.IntRange(1, 1_000_000), default=512, show_default=True, hidden=True)
@run_key_options
@click.option("--no-report", is_flag=True, help="Do not write report.html.")
@json_option
def filter_command(
    inputs: tuple[str, ...],
    out: Path,
    snapshot: Path,
    purpose: str,
    policy: str,
    territory: str,
    research: bool,
    column: str | None,
    metadata_only: bool,
    domain_signals: Path | None,
    domain_signals_max_age: int,
    deep: bool,
    min_words: int,
    mode: str,
    dry_run: bool,
    limit: int | None,
    exact_decode: bool,
    lazy_signatures: bool,
    workers: int | None,
    engine: str,
    resume: bool,
    max_errors: int | None,
    allow_stale: str | None,
    at: str | None,
    shard_size: int,
    key: Path | None,
    no_sign: bool,
    no_report: bool,
    as_json: bool,
) -> None:
    """Write what may be used to DIR/data, byte for byte, and beside it why the rest is not there.

    Inputs are folders of pictures and texts, WebDataset tars, parquet, JSON lines and web archives, here or at
    s3://bucket/name.
    DIR/verdicts.parquet has one row per item, DIR/codes.parquet the fingerprints of all, DIR/run.json what was done;
    the last is written last.
    """
    from crawler.display import Progress, summary
    from crawler.engines.local import Job, run_filter
    from crawler.engines.spark import for_all_machines, spark_engine
    from crawler.runs.plan import Settings
    from crawler.runs.resuming import begun_in, open_for_run
    from crawler.sources import local_paths, open_sources
    from crawler.sources.remarks import remarks
    from registry.core.fingerprints import selftest

    if engine == "spark":
        if workers is not None:
            raise InvalidInput("--workers is for this machine; how many a cluster has, Spark is told.")
        inputs, out = for_all_machines(inputs), out.absolute()
    present = now()
    sources = open_sources(inputs, column=column, metadata_only=metadata_only, limit=limit)
    for remark in remarks(sources):
        note(remark)
    begun = begun_in(out) if resume else None
    opened = open_for_run(snapshot, begun, now=present, allow_stale=allow_stale)
    moment = moment_asked(at, present, opened.created, begun.at if begun else None)
    sites = sites_for(sources, domain_signals, moment, domain_signals_max_age)
    selftest()
    signing = key_for_runs(key, no_sign=no_sign)
    job = Job(
        sources=sources,
        inputs=local_paths(inputs),
        out=out,
        snapshot=opened,
        settings=Settings(
            request_from(purpose, policy, territory, moment, research=research),
            column,
            metadata_only,
            deep,
            mode=Mode(mode),
            dry_run=dry_run,
            limit=limit,
            items_per_shard=shard_size,
            min_words=min_words,
            exact_decode=exact_decode,
            lazy_signatures=lazy_signatures,
            sites=sites,
        ),
        workers=workers or len(os.sched_getaffinity(0)),
        max_errors=max_errors,
    )
    try:
        with ExitStack() as stack:
            if engine == "spark":
                job = replace(job, engine=stack.enter_context(spark_engine()))
            progress = stack.enter_context(Progress())
            manifest = run_filter(job, resume=resume, watcher=progress)
    except KeyboardInterrupt:
        note(
            f"Interrupted. Nothing unfinished is used; the same command with --resume goes on from here ({out})."
        )
        raise click.exceptions.Exit(130) from None
    close(job, manifest, signing, no_report=no_report)
    summary(manifest, out)
    if as_json:
        emit({"run_id": manifest.run_id, "out": str(out), "counts": manifest.counts.as_json()})
