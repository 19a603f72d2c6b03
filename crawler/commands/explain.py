"""`vorbehalt explain`: why one item was kept or left out."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import Command, emit, examples, json_option, say, snapshot_option


@click.command(cls=Command, epilog=examples("vorbehalt explain run pictures/0042.jpg"))
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("key")
@snapshot_option(required=False, text="Folder of the synced registry [default: where the run found it].")
@json_option
def explain(run: Path, key: str, snapshot: Path | None, as_json: bool) -> None:
    """Tell why one item of a run was kept or left out. KEY is its path in the input, its id, or its line number."""
    from crawler.runs.explain import explain as explanations

    found = explanations(run, key, snapshot)
    if as_json:
        emit(
            {
                "items": [
                    {**item.row, "explanation": list(item.sentences), "codes": list(item.codes)}
                    for item in found
                ]
            }
        )
        return
    for item in found:
        for sentence in item.sentences:
            say(sentence)
