"""`vorbehalt report`: a run as a page for people."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import Command, emit, examples, json_option, snapshot_option
from registry.core.errors import NotFound


@click.command(
    cls=Command,
    epilog=examples("vorbehalt report run pictures/", "vorbehalt report run --lang de"),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, metavar="[INPUT...]")
@click.option(
    "--lang", type=click.Choice(["en", "de"]), default="en", show_default=True, help="Its language."
)
@snapshot_option(required=False, text="Folder of the synced registry [default: where the run found it].")
@json_option
def report(run: Path, inputs: tuple[str, ...], lang: str, snapshot: Path | None, as_json: bool) -> None:
    """Write RUN/report.html again: one page that needs no network, for people to read and to print.

    With the inputs of the run, matched items are shown as they look.
    """
    from crawler.report.page import write_report
    from crawler.runs.opening import open_edition, open_manifest
    from crawler.sources import open_sources

    manifest = open_manifest(run)
    stated = manifest.parameters
    sources = (
        open_sources(
            inputs,
            column=stated.get("column"),
            metadata_only=bool(stated.get("metadata_only")),
            limit=stated.get("limit"),
        )
        if inputs
        else ()
    )
    try:
        edition = open_edition(run, manifest, snapshot)
    except NotFound:
        if snapshot is not None:
            raise
        edition = None
    path = write_report(run, language=lang, edition=edition, sources=sources)
    if as_json:
        emit({"report": str(path)})
    else:
        click.echo(path)
