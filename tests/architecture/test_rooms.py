"""A room of the registry calls another through its `service` only; the rest is its own business."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import registry

ROOT = Path(registry.__file__).parent
ROOMS = {
    "parties",
    "addresses",
    "works",
    "licences",
    "log",
    "usage",
    "remuneration",
    "publishing",
    "checking",
    "domains",
    "own_data",
    "notices",
}
WIRING = {"app.py", "cli.py", "wiring.py", "models.py", "server.py", "work.py"}


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(room, module inside the room) for everything that this file imports from a room."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "registry" and len(parts) > 2 and parts[1] in ROOMS:
                yield parts[1], parts[2]


def test_rooms_meet_at_their_services() -> None:
    trespasses = [
        f"{path.relative_to(ROOT)} imports registry.{room}.{module}"
        for path in sorted(ROOT.rglob("*.py"))
        if path.parent != ROOT or path.name not in WIRING
        for room, module in imported(path)
        if room != path.relative_to(ROOT).parts[0] and module != "service"
    ]
    assert trespasses == []


def test_rules_are_pure() -> None:
    """A `rules.py` knows no web, database, clock, randomness or environment."""
    forbidden = {"flask", "sqlalchemy", "marshmallow", "secrets", "random", "time", "os"}
    impure: list[str] = []
    for path in sorted(ROOT.glob("*/rules.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            elif isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}:
                names = {"time"}
            else:
                continue
            impure.extend(f"{path.relative_to(ROOT)}: {name}" for name in sorted(names & forbidden))
    assert impure == []


def test_files_stay_small_enough_to_be_one_thing() -> None:
    """House rule: think at 500 lines."""
    project = ROOT.parent
    files = [
        p
        for package in ("registry", "crawler")
        for p in (project / package).rglob("*.py")
        if "versions" not in p.parts
    ]
    large = {
        str(p.relative_to(project)): n for p in files if (n := len(p.read_text("utf-8").splitlines())) > 500
    }
    assert large == {}
