"""What the reference pages list is what there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from crawler import words
from crawler.cli import cli
from crawler.exits import Exit
from crawler.filter import _GAPS
from crawler.runs import layout, papers
from registry.core.records.runs import RunManifest

REFERENCE = Path(__file__).parents[4] / "docs" / "reference"
COMMANDS = (REFERENCE / "commands.md").read_text("utf-8")
RUN = (REFERENCE / "run.md").read_text("utf-8")


@pytest.mark.parametrize("name", list(cli.commands))
def test_each_command_has_its_section_with_all_options(name: str) -> None:
    section = re.search(rf"^## `{name}\b.*?(?=^## |\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert section, name
    command = cli.commands[name]
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    for option in (p for leaf in leaves for p in leaf.params if isinstance(p, click.Option)):
        if not option.hidden and option.name not in {"as_json", "api_key"}:
            assert any(flag in section[0] for flag in option.opts), f"{name} {option.opts}"


def test_every_exit_code_is_in_the_table() -> None:
    for code in Exit:
        assert re.search(rf"^\| {code.value} \|", COMMANDS, re.MULTILINE)


def test_every_column_member_file_and_reason_is_explained() -> None:
    columns = {*papers.VERDICTS.names, *papers.CODES.names}
    members = {field.metadata["name"] for field in fields(RunManifest)}
    files = {layout.DATA + "/", layout.VERDICTS, layout.CODES, layout.LICENCES, layout.RUN, layout.RECEIPT}
    reasons = {gap for _, gap in _GAPS}
    for name in columns | members | files | reasons:
        assert f"`{name}`" in RUN, name
    for code in re.findall(r"`((?:error|unchecked|registered|title|licence|match)\.[a-z-]+)`", RUN):
        assert words.reason(code) != code
