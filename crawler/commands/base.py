"""What all commands share: options, how they speak, and how our exceptions end them."""

from __future__ import annotations

import errno
import shutil
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from crawler.exits import Exit, exit_for
from registry.core import terminal
from registry.core.errors import InvalidInput, VorbehaltError

F = TypeVar("F", bound=Callable[..., Any])


class Refusal(click.ClickException):
    """One of our exceptions as click shows it: one line on standard error, and the code that the table gives."""

    def __init__(self, error: VorbehaltError, *, as_json: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.exit_code = exit_for(error)  # type: ignore[misc]  # click declares it for the class
        self._as_json = as_json

    def show(self, file: Any = None) -> None:
        """The message; with `--json` also a document, so that a program need not read sentences."""
        click.echo(_folded(f"Error: {self.error.message}", sys.stderr), file=file, err=True)
        if self._as_json:
            emit(
                {
                    "error": {
                        "code": self.error.code,
                        "message": self.error.message,
                        "exit": int(self.exit_code),
                    }
                }
            )


class Command(click.Command):
    """A command that ends in a sentence, never in a traceback, for everything that we can name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        as_json = bool(ctx.params.get("as_json"))
        try:
            return super().invoke(ctx)
        except VorbehaltError as error:
            raise Refusal(error, as_json=as_json) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise Refusal(_from_os(error), as_json=as_json) from error


def _from_os(error: OSError) -> VorbehaltError:
    """A full disk or a missing permission, in words."""
    where = f"{error.filename}: " if error.filename else ""
    hint = " Make room and go on; nothing half-written is used." if error.errno == errno.ENOSPC else ""
    return InvalidInput(f"{where}{error.strerror or error}.{hint}")


class Group(click.Group):
    """Commands of this kind, in the order in which a lab meets them."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of definition."""
        del ctx
        return list(self.commands)


def examples(*lines: str) -> str:
    """The end of a command's help; each line is shown as it is."""
    head = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", head, *(f"  {line}" for line in lines)])


# -- options -----------------------------------------------------------------------------------------------
def deep_option(function: F) -> F:
    """`--deep`."""
    return click.option(
        "--deep", is_flag=True, help="Look for pictures in collages and pages too: ten times the work."
    )(function)


def min_words_option(function: F) -> F:
    """`--min-words`."""
    return click.option(
        "--min-words",
        type=click.IntRange(0),
        default=12,
        show_default=True,
        metavar="N",
        help="Let shorter quotations pass, unless they are half of the quoted text.",
    )(function)


def exact_decode_option(function: F) -> F:
    """`--exact-decode`."""
    return click.option(
        "--exact-decode",
        is_flag=True,
        help="Decode JPEGs in full, as at registration: up to six times the work.",
    )(function)


def json_option(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")(
        function
    )


def server_option(*, required: bool = True) -> Callable[[F], F]:
    """`--server URL`."""
    return click.option("--server", metavar="URL", required=required, help="Address of the registry.")


def api_key_option(function: F) -> F:
    """`--api-key`, better given as VORBEHALT_API_KEY: others on the machine can read a command line."""
    return click.option(
        "--api-key",
        envvar="VORBEHALT_API_KEY",
        metavar="KEY",
        help="API key; better given in VORBEHALT_API_KEY.",
    )(function)


def snapshot_option(
    *, required: bool = True, text: str = "Folder of the synced registry."
) -> Callable[[F], F]:
    """`--snapshot DIR`."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--snapshot", metavar="DIR", type=kind, required=required, help=text)


def existing_files(**more: Any) -> Callable[[F], F]:
    """`FILE...`; whether each can be read is found out one by one."""
    return click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path), **more)


def run_key_options(function: F) -> F:
    """`--key`, `--no-sign`."""
    path = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option("--no-sign", is_flag=True, help="Do not sign the run."),
        click.option(
            "--key",
            metavar="FILE",
            type=path,
            help="Your key for runs [default: VORBEHALT_RUN_KEY, or yours; made if there is none].",
        ),
    ):
        function = option(function)
    return function


# -- speaking ----------------------------------------------------------------------------------------------
def emit(value: Any) -> None:
    """The one JSON document on standard output."""
    click.echo(terminal.document(value))


def say(text: str) -> None:
    """A sentence on standard output."""
    click.echo(_folded(text, sys.stdout))


def note(text: str) -> None:
    """A line for people, on standard error; nothing if there is nothing to tell."""
    if text:
        click.echo(_folded(text, sys.stderr), err=True)


def _folded(text: str, out: TextIO) -> str:
    """Folded between words for a terminal, what follows a little further in; for programs as it is."""
    if not out.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(_fold(line, width) for line in text.split("\n"))


def _fold(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def now() -> datetime:
    """The present: read here, at the edge, and passed on."""
    return datetime.now(UTC)


def end(code: Exit) -> None:
    """Leave with this code, if it is not zero."""
    if code is not Exit.OK:
        raise click.exceptions.Exit(int(code))
