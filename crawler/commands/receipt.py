"""`vorbehalt receipt`: what a registry's log acknowledges."""

from __future__ import annotations

from pathlib import Path

import click

from crawler import words
from crawler.commands.base import Group, emit, examples, json_option
from registry.core.errors import VerificationFailed


@click.group(cls=Group)
def receipt() -> None:
    """Receipts: proofs that the public log holds a report, checkable offline by anyone."""


@receipt.command(epilog=examples("vorbehalt receipt verify run/receipt.tlog-proof --policy log.policy"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--policy",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Which log and which witnesses you trust (c2sp.org/tlog-policy).",
)
@json_option
def verify(file: Path, policy: Path, as_json: bool) -> None:
    """Verify a receipt offline. Ends with 8 if it proves nothing."""
    from registry.core.records.receipts import verify_receipt
    from registry.core.snapshots.times import to_text
    from registry.core.tlog.policies import Policy

    try:
        trusted = Policy.parse(policy.read_text("utf-8"))
        verified = verify_receipt(file.read_bytes(), trusted)
    except UnicodeDecodeError as problem:
        raise VerificationFailed(f"{policy} is no policy: it is not text.") from problem
    leaf = verified.leaf.as_json()
    if as_json:
        emit(
            {
                "verified": True,
                "origin": verified.origin,
                "index": verified.index,
                "size": verified.size,
                "root": verified.root.hex(),
                "witnessed": {name: to_text(at) for name, at in verified.witnessed.items()},
                "leaf": leaf,
            }
        )
        return
    click.echo(f"Entry {verified.index} of the log {verified.origin} (which had {verified.size} entries):")
    for name, value in leaf.items():
        shown = to_text(value) if name == "ts" else value
        click.echo(f"  {words.LEAF_MEMBERS.get(name, name)}: {shown}")
    seen = ", ".join(f"{name} at {to_text(at)}" for name, at in verified.witnessed.items())
    click.echo(
        f"Witnessed by {seen}." if seen else "No witness was asked for; the time is the registry's word."
    )
