"""`vorbehalt claim`: report what a run used under licence."""

from __future__ import annotations

from pathlib import Path

import click

from crawler import words
from crawler.commands.base import Command, api_key_option, emit, examples, json_option, note, server_option


@click.command(
    cls=Command, epilog=examples("vorbehalt claim run --server https://registry.example --model model_…")
)
@click.argument("run", type=click.Path(path_type=Path))
@server_option()
@api_key_option
@click.option("--model", required=True, metavar="MODEL_ID", help="Which model was trained with it (model_…).")
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Verify the receipt at once by this policy (c2sp.org/tlog-policy).",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be reported.")
@json_option
def claim(
    run: Path, server: str, api_key: str | None, model: str, policy: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Report the licensed uses of a run for one of your models, and keep the receipt with the run.

    The manifest and the number of uses per work and licence are sent, nothing of the dataset. The same report twice is
    one entry in the log.
    """
    from crawler.claims import build_claim, save_receipt, submit
    from crawler.client import Client

    batch = build_claim(run)
    if dry_run:
        if as_json:
            emit(
                {
                    "run_id": batch.manifest.run_id,
                    "rows": [row.line() for row in batch.rows],
                    "root": batch.root,
                }
            )
        else:
            click.echo("\n".join(row.line() for row in batch.rows))
        return
    with Client(server, api_key) as client:
        answer = submit(client, batch, model, policy.read_text("utf-8") if policy else None)
    path = save_receipt(run, answer.receipt)
    if as_json:
        emit(
            {
                "claim": answer.claim,
                "log_index": answer.log_index,
                "rows": len(batch.rows),
                "units": batch.units,
                "root": batch.root,
                "verified": policy is not None,
                "receipt": str(path),
            }
        )
        return
    click.echo(
        f"{answer.claim}: {words.amount(batch.units, 'use')} of {words.amount(batch.works, 'work')}, "
        f"entry {answer.log_index} of the log.\n"
        f"Receipt: {path}"
    )
    if policy is None:
        note("The receipt was not verified; do that with: vorbehalt receipt verify FILE --policy POLICY")
