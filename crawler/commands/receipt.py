"""`vorbehalt receipt`: what a registry's log acknowledges."""

from __future__ import annotations

from pathlib import Path

import click

from crawler import words
from crawler.commands.base import (
    Group,
    api_key_option,
    emit,
    examples,
    json_option,
    now,
    server_option,
    snapshot_option,
)
from registry.core.errors import VerificationFailed


@click.group(cls=Group)
def receipt() -> None:
    """Receipts: proofs that the public log holds a report, checkable offline by anyone."""


_OUT = click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to keep it; by custom it ends in .tlog-proof.",
)


@receipt.command(
    epilog=examples(
        "vorbehalt receipt work work_… --server https://registry.example --snapshot vb --out my.tlog-proof"
    )
)
@click.argument("work_id", metavar="WORK")
@server_option()
@snapshot_option()
@_OUT
@json_option
def work(work_id: str, server: str, snapshot: Path, out: Path, as_json: bool) -> None:
    """A maker's receipt: what a published edition tells everybody about a work, and that it was published.

    It is made from public files, without an account. Which terms held when is proved by the log's witnesses, or by a
    time-stamp; without either, by the registry's word.
    """
    from crawler.audit_reading import ServedLog
    from crawler.client import Client
    from crawler.receipts import receipt_of_work
    from crawler.sync import open_snapshot

    opened = open_snapshot(snapshot, now=now())
    with Client(server) as client:
        text = receipt_of_work(ServedLog(client), opened, work_id)
    _keep(out, text, as_json)


@receipt.command(
    epilog=examples(
        "vorbehalt receipt fetch claim_… --row 0 --server https://registry.example --out row.tlog-proof"
    )
)
@click.argument("claim", metavar="CLAIM")
@click.option(
    "--row",
    type=click.IntRange(0),
    metavar="N",
    help="For this one row, counted from 0 (default: the whole claim).",
)
@server_option()
@api_key_option
@_OUT
@json_option
def fetch(claim: str, row: int | None, server: str, api_key: str | None, out: Path, as_json: bool) -> None:
    """The receipt of a claim of your lab, or of one row of it; a later one may have more witnesses."""
    from crawler.client import Client
    from registry.core.ids import parse_id

    parse_id("claim", claim)
    with Client(server, api_key) as client:
        query = "" if row is None else f"?row={row}"
        text = client.text(f"/v1/claims/{claim}/receipt{query}")
    _keep(out, text, as_json)


def _keep(out: Path, text: str, as_json: bool) -> None:
    """A file that is there whole; whoever holds it can verify it for ever."""
    from registry.core.durable import replace_file
    from registry.core.tlog.proofs import Proof

    proof = Proof.parse(text)
    replace_file(out, text.encode())
    if as_json:
        emit({"file": str(out), "log_index": proof.index, "bytes": len(text.encode())})
    else:
        click.echo(
            f"{out}: entry {proof.index} of the log, {len(text.encode()):,} bytes. Verify it with a policy."
        )


@receipt.command(
    epilog=examples(
        "vorbehalt receipt timestamp my.tlog-proof --authority https://tsa.example --roots tsa.pem"
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--authority", required=True, metavar="URL", help="A time-stamping authority (RFC 3161).")
@click.option(
    "--roots",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The authority's root certificates, in PEM.",
)
@json_option
def timestamp(file: Path, authority: str, roots: Path, as_json: bool) -> None:
    """Have a receipt time-stamped by an authority; kept beside it with the ending .tsr."""
    from crawler import timestamps
    from registry.core.durable import replace_file
    from registry.core.snapshots.times import to_text

    data = file.read_bytes()
    stamp = timestamps.obtain(authority, data)
    seen = to_text(timestamps.proved_time(stamp, data, roots))
    kept = file.with_name(file.name + timestamps.SUFFIX)
    replace_file(kept, stamp)
    if as_json:
        emit({"file": str(kept), "time": seen})
    else:
        click.echo(f"{kept}: {file.name} was there at {seen}.")


@receipt.command(epilog=examples("vorbehalt receipt verify run/receipt.tlog-proof --policy log.policy"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--policy",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Which log and which witnesses you trust (c2sp.org/tlog-policy).",
)
@click.option(
    "--roots",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Root certificates (PEM) of the authority whose time-stamp is beside the receipt, to verify it too.",
)
@json_option
def verify(file: Path, policy: Path, roots: Path | None, as_json: bool) -> None:
    """Verify a receipt offline. Ends with 8 if it proves nothing."""
    from registry.core.records.receipts import verify_receipt
    from registry.core.snapshots.times import to_text
    from registry.core.tlog.policies import Policy

    try:
        trusted = Policy.parse(policy.read_text("utf-8"))
        verified = verify_receipt(file.read_bytes(), trusted)
    except UnicodeDecodeError as problem:
        raise VerificationFailed(f"{policy} is no policy: it is not text.") from problem
    stamped = None if roots is None else to_text(_stamped(file, roots))
    leaf = {"t": verified.leaf.TYPE, **verified.leaf.as_json()}
    if as_json:
        emit(
            {
                "verified": True,
                "origin": verified.origin,
                "index": verified.index,
                "size": verified.size,
                "root": verified.root.hex(),
                "witnessed": {name: to_text(at) for name, at in verified.witnessed.items()},
                "time_stamped": stamped,
                "leaf": leaf,
                "row": None if verified.row is None else verified.row.line(),
                "work": None if verified.work is None else verified.work.as_json(),
            }
        )
        return
    click.echo(f"Entry {verified.index} of the log {verified.origin} (which had {verified.size} entries):")
    for name, value in leaf.items():
        shown = to_text(value) if name == "ts" else value
        click.echo(f"  {words.LEAF_MEMBERS.get(name, name)}: {shown}")
    if verified.row is not None:
        row = verified.row
        click.echo(f"One of its rows: {row.work}, {row.units:,} units under {row.licence}")
    if verified.work is not None:
        work = verified.work.as_json()
        click.echo(f"What it says about {work['work']}: {len(work['records'])} codes, terms {work['terms']}")
    seen = ", ".join(f"{name} at {to_text(at)}" for name, at in verified.witnessed.items())
    click.echo(
        f"Witnessed by {seen}." if seen else "No witness was asked for; the time is the registry's word."
    )
    if stamped is not None:
        click.echo(f"An authority saw this receipt at {stamped}.")


def _stamped(file: Path, roots: Path) -> int:
    """What the time-stamp beside the receipt proves, in POSIX seconds."""
    from crawler import timestamps

    stamp = file.with_name(file.name + timestamps.SUFFIX)
    return timestamps.proved_time(stamp.read_bytes(), file.read_bytes(), roots)
