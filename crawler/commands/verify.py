"""`vorbehalt verify`: do the papers of a run hold?"""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import Command, emit, examples, json_option, snapshot_option


@click.command(cls=Command, epilog=examples("vorbehalt verify run"))
@click.argument("run", type=click.Path(path_type=Path))
@snapshot_option(required=False, text="Folder of the synced registry [default: where the run found it].")
@click.option(
    "--papers-only", is_flag=True, help="Do not look at what was kept; for those who only have the papers."
)
@json_option
def verify(run: Path, snapshot: Path | None, papers_only: bool, as_json: bool) -> None:
    """Recompute every verdict of a run from its codes and the edition it names, and compare all digests and counts.

    Ends with 8 on any difference. Nothing is decoded again, and the dataset is not needed.
    """
    from crawler.runs.verify import verify_run

    verified = verify_run(run, snapshot, papers_only=papers_only)
    if as_json:
        emit({"run_id": verified.manifest.run_id, "verified": True, "checked": list(verified.checked)})
        return
    click.echo(f"Run {verified.manifest.run_id} holds:")
    for line in verified.checked:
        click.echo(f"  ✓ {line}")
