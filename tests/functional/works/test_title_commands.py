"""The operator's commands about titles: what waits for a decision, deciding, and hints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.settings import Settings
from registry.checking.hints import look_for_hints
from registry.cli import cli
from registry.core.errors import VorbehaltError
from registry.core.ids import format_id
from registry.wiring import Registry
from tests.factories import make_actor
from tests.support.likenesses import near, text
from tests.support.works import image, register


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A registry with two contests and a hint."""
    home = tmp_path / "registry"
    for command in (["db", "upgrade"], ["trust", "init", "--offline-keys", str(tmp_path / "offline")]):
        assert CliRunner().invoke(cli, [*command, "--home", str(home)]).exit_code == 0
    sources = Sources()
    with Registry.open(Settings.load({}, home=home)) as registry:
        with registry.database.writing() as session:
            anna, ben = (make_actor(session, sources, Role.CREATOR, name) for name in ("Anna", "Ben"))
            register(session, anna, sources, content=image("Dunes"))
            register(session, anna, sources, content=text("Poem"))
            register(session, ben, sources, content=near("Dunes", 7, file="a"))
            register(session, ben, sources, content=image("Dunes"))
            register(session, ben, sources, content=text("Poem", 30, file="b"))
        look_for_hints(registry.database, {}, sources)
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


def document(home: Path, *arguments: str) -> Any:
    result = run(home, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_contests_wait_until_a_person_decides(home: Path) -> None:
    first, second = document(home, "title", "list")["contests"]
    assert (first["rule"], first["distance"], second["rule"], second["distance"]) == (
        "near-picture",
        7,
        "same-file",
        0,
    )
    assert first["newer"] in run(home, "title", "list").stdout

    decided = document(home, "title", "uphold", first["newer"], "--reason", "A copy.")
    assert decided["outcome"] == "uphold"
    assert [c["newer"] for c in document(home, "title", "list")["contests"]] == [second["newer"]]
    again = document(home, "title", "release", first["newer"], "--reason", "No copy.")
    assert again["log_index"] == decided["log_index"] + 1
    assert run(home, "title", "reverse", second["newer"], "--reason", "The original.").exit_code == 0
    assert run(home, "title", "list").stdout == "No contest waits for a decision.\n"


def test_what_cannot_be_decided_is_refused(home: Path) -> None:
    first = document(home, "title", "list")["contests"][0]
    assert run(home, "title", "uphold", first["newer"]).exit_code != 0  # no reason
    for work, reason in ((first["earlier"], "x"), (first["newer"], " "), (format_id("work", bytes(16)), "x")):
        result = run(home, "title", "uphold", work, "--reason", reason)
        assert isinstance(result.exception, VorbehaltError)
    assert len(document(home, "title", "list")["contests"]) == 2


def test_hints_are_listed(home: Path) -> None:
    (hint,) = document(home, "hints")["hints"]
    assert (hint["algorithm"], hint["distance"], hint["grade"]) == ("text.minhash128.v1", 30, "match")
    assert hint["newer"] in run(home, "hints").stdout
    assert document(home, "hints", "--limit", "0")["hints"] == []
