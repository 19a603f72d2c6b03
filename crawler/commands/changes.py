"""`vorbehalt changes`: what of a run may not be used any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crawler import words
from crawler.commands.asking import moment_asked
from crawler.commands.base import Command, emit, end, examples, json_option, now, snapshot_option
from crawler.exits import Exit

if TYPE_CHECKING:
    from crawler.runs.denied import Changes


@click.command(cls=Command, epilog=examples("vorbehalt changes run --snapshot vb"))
@click.argument("run", type=click.Path(path_type=Path))
@snapshot_option()
@click.option("--allow-stale", metavar="REASON", help="Use a snapshot that has expired, for this reason.")
@click.option("--at", metavar="TIME", help="Ask for permission at this time [default: now].")
@json_option
def changes(run: Path, snapshot: Path, allow_stale: str | None, at: str | None, as_json: bool) -> None:
    """Name the items that RUN kept and that the newest edition denies; end with 9 if there are any.

    Sync first. Nothing is asked of a server, and neither the dataset nor what was kept is needed: the run's papers and
    the snapshot tell.
    """
    from crawler.display import newly_denied
    from crawler.runs.denied import changes_since
    from crawler.sync import open_snapshot
    from registry.core.fingerprints import selftest

    present = now()
    opened = open_snapshot(snapshot, now=present, allow_stale=allow_stale)
    moment = moment_asked(at, present, opened.created)
    selftest()
    found = changes_since(run, snapshot, opened, at=moment)
    if as_json:
        emit(_document(found))
    else:
        for item in found.denied:
            click.echo("\t".join((item.key, words.reason(item.reason), " ".join(item.works))))
        newly_denied(found)
    end(Exit.DENIED if found.denied else Exit.OK)


def _document(found: Changes) -> dict[str, object]:
    return {
        "run_id": found.manifest.run_id,
        "since": found.manifest.snapshot.sequence,
        "edition": found.edition,
        "at": found.at,
        "kept": found.kept,
        "judged": found.judged,
        "denied": [
            {
                "shard": item.shard,
                "row": item.row,
                "key": item.key,
                "was": item.was,
                "verdict": item.verdict.name.lower(),
                "reason": item.reason,
                "works": list(item.works),
            }
            for item in found.denied
        ],
    }
