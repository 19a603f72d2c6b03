"""What the operator's commands share: where the registry is, and how a command tells what it did."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from registry.base.settings import Settings
from registry.core import terminal

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this registry (default: VORBEHALT_HOME, else the user's data folder).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


def settings_of(home: Path | None) -> Settings:
    """The settings that the environment and `--home` ask for."""
    return Settings.load(os.environ, home=home)


def say(as_json: bool, document: dict[str, Any], text: str) -> None:
    """The document, or the sentence."""
    click.echo(terminal.document(document) if as_json else text)
