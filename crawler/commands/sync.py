"""`vorbehalt sync`: bring the registry home."""

from __future__ import annotations

from pathlib import Path

import click

from crawler import words
from crawler.commands.base import (
    Command,
    api_key_option,
    emit,
    examples,
    json_option,
    note,
    now,
    say,
    server_option,
    snapshot_option,
)
from registry.core.errors import VorbehaltError


@click.command(
    cls=Command,
    epilog=examples(
        "vorbehalt sync --server https://registry.example --snapshot vb",
        "vorbehalt sync --offline /media/disk/snapshot --snapshot vb",
    ),
)
@server_option(required=False)
@snapshot_option(text="Folder to keep it in.")
@click.option(
    "--mirror",
    "mirrors",
    metavar="URL",
    multiple=True,
    help="A copy of what lies below /v1/snapshot/ of the registry; may be given several times.",
)
@click.option(
    "--offline",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with such a copy, in place of --server.",
)
@click.option(
    "--root-sha256", metavar="HEX", help="Digest of the first root of trust, as the operator publishes it."
)
@api_key_option
@click.option("--licensee", metavar="PARTY", help="Your lab's id (party_…), for your own licences.")
@click.option(
    "--witness-policy",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take only editions that a quorum of these witnesses has seen in the log; remembered with the copy.",
)
@json_option
def sync(
    server: str | None,
    snapshot: Path,
    mirrors: tuple[str, ...],
    offline: Path | None,
    root_sha256: str | None,
    api_key: str | None,
    licensee: str | None,
    witness_policy: Path | None,
    as_json: bool,
) -> None:
    """Bring the newest edition home, verified: signatures, versions, digests. The old copy stays until then.

    Signatures decide what is believed, wherever it comes from: the registry, a --mirror, or a disk (--offline). A
    download that broke off goes on where it stopped. With an API key, your own licences come along; without --licensee
    the registry is asked whose key it is.
    """
    from rich.filesize import decimal

    from crawler.sync import sync as run_sync
    from crawler.sync import what_stays
    from registry.core.snapshots.times import to_text

    present = now()
    try:
        result = run_sync(
            server,
            snapshot,
            mirrors=mirrors,
            offline=offline,
            root_sha256=root_sha256,
            api_key=None if offline else api_key,
            licensee=licensee,
            witness_policy=witness_policy.read_bytes() if witness_policy else None,
            now=present,
        )
    except (VorbehaltError, OSError) as problem:
        if isinstance(problem, OSError) and problem.filename is None:  # a full disk does not say where
            problem.filename = str(snapshot)
        note(what_stays(snapshot, present))
        raise
    for remark in result.notes:
        note(remark)
    if as_json:
        emit(
            {
                "sequence": result.sequence,
                "changed": result.changed,
                "expires": to_text(result.expires),
                "root_sha256": result.root_sha256,
                "licensee": result.licensee,
                "licences": result.licences,
                "witnessed": result.witnessed,
                "received": result.received,
                "notes": result.notes,
            }
        )
        return
    state = "is here now" if result.changed else "was here already"
    say(f"Edition {result.sequence} {state}; good until {to_text(result.expires)}.")
    say(f"Downloaded: {decimal(result.received)}.")
    if result.licences is not None:
        say(f"Your own licences cover {words.amount(result.licences, 'work')}.")
    if result.witnessed is not None:
        say(f"In the log, as seen by: {', '.join(result.witnessed)}.")
    say(f"Root of trust: {result.root_sha256}")
