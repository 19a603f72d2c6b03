"""`vorbehalt key`: the key with which a lab signs its runs."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.base import Group, emit, examples, json_option, note

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group)
def key() -> None:
    """The key with which you sign your runs, so that nobody can pass off others as yours."""


@key.command(epilog=examples("vorbehalt key create --name lab.example/runs"))
@click.option("--name", metavar="NAME", help="Like an address without https:// [default: random].")
@click.option(
    "--key", "path", metavar="FILE", type=_FILE, help="Where it goes [default: VORBEHALT_RUN_KEY, or yours]."
)
@json_option
def create(name: str | None, path: Path | None, as_json: bool) -> None:
    """Make a key. The file is for you alone; the line that is printed is for everybody."""
    from crawler.runs.signing import create_key, default_key_path

    made = create_key(path or default_key_path(), name)
    _tell(made.path, str(made.key.verifier()), as_json)
    note(f"The key is in {made.path}, readable by you alone. Keep a copy where nobody else is.")


@key.command(epilog=examples("vorbehalt key show --key lab.key"))
@click.option(
    "--key", "path", metavar="FILE", type=_FILE, help="Where it is [default: VORBEHALT_RUN_KEY, or yours]."
)
@json_option
def show(path: Path | None, as_json: bool) -> None:
    """Print the public half, by which others verify your runs."""
    from crawler.runs.signing import default_key_path, open_key

    found = open_key(path or default_key_path())
    _tell(found.path, str(found.key.verifier()), as_json)


def _tell(path: Path, public: str, as_json: bool) -> None:
    if as_json:
        emit({"key": public, "path": str(path)})
    else:
        click.echo(public)
