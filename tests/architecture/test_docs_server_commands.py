"""Every command of an operator has its section in the reference, with all its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from registry.cli import cli

PAGE = (Path(__file__).parents[2] / "docs/reference/server-commands.md").read_text("utf-8")
SECTIONS = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each command with its whole name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


ALL = dict(commands(cli))


@pytest.mark.parametrize("name", ALL)
def test_each_command_has_its_section_with_all_options(name: str) -> None:
    """Also those that switch something off."""
    (section,) = (text for head, text in SECTIONS if f"`{name}`" in head)
    head = PAGE.partition("\n## ")[0]
    for option in (p for p in ALL[name].params if isinstance(p, click.Option) and not p.hidden):
        for flag in [*option.opts, *option.secondary_opts]:
            everywhere = flag in {"--home", "--json"} and f"`{flag}" in head
            assert everywhere or f"`{flag}" in section, f"{name} {flag}"
    assert "Example: vorbehalt-server" in (ALL[name].help or ""), "its help shows an example"


def test_each_section_is_of_a_command() -> None:
    named = {name for head, _ in SECTIONS for name in re.findall(r"`([^`]+)`", head)}
    assert named == set(ALL)
