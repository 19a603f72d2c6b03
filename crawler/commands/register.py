"""`vorbehalt register`: put works on record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.base import (
    Command,
    api_key_option,
    emit,
    end,
    examples,
    existing_files,
    json_option,
    note,
    server_option,
)
from crawler.exits import Exit
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from crawler.registering import Outcome


@click.command(
    cls=Command,
    epilog=examples(
        "vorbehalt register crest.jpg harbour.png --server https://registry.example",
        "vorbehalt register --manifest works.csv --server https://registry.example",
    ),
)
@existing_files()
@click.option(
    "--manifest",
    metavar="CSV",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A table of files: a column “file”, and others named like the options.",
)
@server_option()
@api_key_option
@click.option("--title", help="Title [default: the file's name]; with several files, use a manifest.")
@click.option(
    "--made-by", type=click.Choice(["human", "ai-assisted", "ai-generated"]), help="How it was made."
)
@click.option("--tool", help="With which AI tool.")
@click.option("--prompt", help="With which prompt.")
@click.option(
    "--disclosure",
    type=click.Choice(["snapshot", "check-api-only", "digest-only"]),
    help="Where its codes may go: to labs, only to the registry, or only the file's digest.",
)
@click.option(
    "--persons-depicted", is_flag=True, help="It shows persons; its codes then stay with the registry."
)
@click.option(
    "--source", "source_urls", multiple=True, metavar="URL", help="Where it is published; repeatable."
)
@click.option(
    "--identifier", "identifiers", multiple=True, metavar="SCHEME:VALUE", help="Such as isbn:978-3-…"
)
@click.option(
    "--share", "shares", multiple=True, metavar="PARTY:PPM", help="Who holds how much, in millionths."
)
@click.option("--on-behalf-of", metavar="PARTY", help="Register for somebody whose mandate you hold.")
@click.option(
    "--upload/--only-fingerprints",
    default=False,
    help="Send the file, which is not kept, or hash it here and send the fingerprints [default].",
)
@json_option
def register(
    files: tuple[Path, ...],
    manifest: Path | None,
    server: str,
    api_key: str | None,
    upload: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Put files on record as works. They are hashed here and stay here; only fingerprints travel.

    From then on they are denied for every use until you license them. A file that you registered before is left as
    it is. Ends with 5 if any file could not be registered.
    """
    from crawler.client import Client
    from crawler.registering import Entry, read_manifest, register, statements

    if bool(files) == (manifest is not None):
        raise InvalidInput("Name either files or a --manifest.")
    if said["title"] and len(files) > 1:
        raise InvalidInput("One title for several files; give titles in a --manifest.")
    common = statements(said)
    if manifest is not None:
        entries = [Entry(e.path, {**common, **e.statements}) for e in read_manifest(manifest)]
    else:
        entries = [Entry(path, common) for path in files]
    outcomes = []
    with Client(server, api_key) as client:
        for entry in entries:
            outcomes.append(register(client, entry, upload=upload))
            _tell(outcomes[-1], quiet=as_json)
    if as_json:
        emit({"works": [_document(outcome) for outcome in outcomes]})
    else:
        _sum_up(outcomes, upload=upload)
    end(Exit.ITEMS if any(outcome.error for outcome in outcomes) else Exit.OK)


def _tell(outcome: Outcome, *, quiet: bool) -> None:
    """One file's result as soon as it is there."""
    for remark in outcome.notes:
        note(f"{outcome.path}: {remark}")
    if outcome.contested:
        note(
            f"{outcome.path}: somebody else registered this, or nearly the same, before; the title is contested until "
            "that is settled."
        )
    if outcome.error is not None:
        note(f"{outcome.path}: not registered. {outcome.error.message}")
    elif not quiet:
        click.echo(f"{outcome.path}: {outcome.work}{' (on record before)' if outcome.exists else ''}")


def _sum_up(outcomes: Sequence[Outcome], *, upload: bool) -> None:
    """What holds now, once for all of them."""
    from crawler.words import amount

    done = [outcome for outcome in outcomes if outcome.error is None]
    if not done:
        return
    before = sum(outcome.exists for outcome in done)
    files = (
        "The files were sent, and are not kept" if upload else "The files stayed here; fingerprints travelled"
    )
    note(
        f"\n{amount(len(done), 'work')} on record, {before:,} of them before. {files}.\n"
        "What you have not licensed is reserved: labs leave it out."
    )


def _document(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "file": str(outcome.path),
        "title": outcome.title,
        "work": outcome.work,
        "exists": outcome.exists,
        "contested": outcome.contested,
        "notes": list(outcome.notes),
        "error": {"code": error.code, "message": error.message} if error else None,
    }
