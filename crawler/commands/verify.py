"""`vorbehalt verify`: do the papers of a run hold?"""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import Command, emit, examples, json_option, say, snapshot_option
from registry.core.tlog.notes import VerifierKey


@click.command(cls=Command, epilog=examples("vorbehalt verify run"))
@click.argument("run", type=click.Path(path_type=Path))
@snapshot_option(required=False, text="Folder of the synced registry [default: where the run found it].")
@click.option(
    "--papers-only", is_flag=True, help="Do not look at what was kept; for those who only have the papers."
)
@click.option("--key", metavar="KEY", help="The run has to be signed by this key (`vorbehalt key show`).")
@json_option
def verify(run: Path, snapshot: Path | None, papers_only: bool, key: str | None, as_json: bool) -> None:
    """Recompute every verdict of a run from its codes and the edition it names, and compare all digests and counts.

    Ends with 8 on any difference. Nothing is decoded again, and the dataset is not needed.
    """
    from crawler.runs.verify import verify_run

    expected = None if key is None else VerifierKey.parse(key)
    verified = verify_run(run, snapshot, papers_only=papers_only, key=expected)
    signed_by = None if verified.signed_by is None else str(verified.signed_by)
    if as_json:
        emit(
            {
                "run_id": verified.manifest.run_id,
                "verified": True,
                "signed_by": signed_by,
                "checked": list(verified.checked),
            }
        )
        return
    click.echo(f"Run {verified.manifest.run_id} holds:")
    for line in verified.checked:
        say(f"  ✓ {line}")
    if signed_by is None:
        say("  – it is not signed, so anybody could have made it")
    elif expected is None:
        say("  – whose key that is, the papers cannot tell; --key KEY makes sure that it is the one you know")
