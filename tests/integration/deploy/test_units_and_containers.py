"""What deploy/ says is true: commands, options, settings and files that exist, and units with few rights."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from registry.base.settings import Settings
from registry.cli import cli
from tests.support.requirements import missing

yaml: Any = pytest.importorskip("yaml")
DEPLOY = Path(__file__).parents[3] / "deploy"
SERVICES = sorted((DEPLOY / "systemd").glob("*.service"))
SCRIPTS = [DEPLOY / "vorbehalt-admin", *sorted(DEPLOY.glob("*.sh"))]


def parse(arguments: list[str]) -> None:
    """Fail as the command line would if there is no such command or option, or one is missing."""
    command: click.Command | None = cli
    rest = arguments
    while isinstance(command, click.Group):
        _, command, rest = command.resolve_command(click.Context(command), rest)
    assert command is not None
    command.make_context("vorbehalt-server", list(rest), resilient_parsing=False)


def environment(path: Path) -> dict[str, str]:
    """The variables of a file of NAME=value, those that are commented out too."""
    found = re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", path.read_text("utf-8"), re.MULTILINE)
    return dict(found)


def test_the_settings_file_is_taken_by_the_server() -> None:
    values = environment(DEPLOY / "server.env")
    settings = Settings.load({k: v for k, v in values.items() if k.startswith("VORBEHALT_")})
    assert settings.home == Path("/var/lib/vorbehalt")
    assert settings.proxies == 1


@pytest.mark.parametrize("unit", SERVICES, ids=lambda p: p.stem)
def test_units_start_commands_that_exist(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.+)$", unit.read_text("utf-8"), re.MULTILINE)
    program, *arguments = shlex.split(line)
    if program.endswith("/vorbehalt-server"):
        parse(arguments)
    else:
        script = DEPLOY / Path(program).name
        assert script.stat().st_mode & 0o111, f"{script} can be run"
    assert "EnvironmentFile=/etc/vorbehalt/server.env\n" in unit.read_text("utf-8")


def _protections(unit: Path) -> list[str]:
    text = unit.read_text("utf-8")
    return text[text.index("# As few rights") :].partition("\n\n")[0].splitlines()


def test_all_services_have_the_same_few_rights() -> None:
    first, *others = [_protections(unit) for unit in SERVICES]
    assert all(other == first for other in others)
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="} <= set(first)


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").iterdir()), ids=lambda p: p.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    """With programs that exist on this machine; and it finds little that an attacker could use."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        missing("systemd-analyze", "apt-get install systemd")
    for other in unit.parent.iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", other.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / other.name).write_text(text)
    command = [analyze, "verify", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "vorbehalt" in line]
    assert (done.returncode, ours) == (0, [])
    if unit.suffix == ".service":
        command = [analyze, "security", "--offline=true", "--threshold=20", str(tmp_path / unit.name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-300:]


def test_the_composition_runs_commands_that_exist_with_settings_that_exist() -> None:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "container/compose.yaml").read_text("utf-8"))
    services = document["services"]
    for name in ("server", "worker", "schema"):
        parse(list(services[name]["command"]))
        settings = {k: v for k, v in services[name]["environment"].items() if k.startswith("VORBEHALT_")}
        Settings.load(
            settings
            | {"VORBEHALT_HOME": "/var/lib/vorbehalt", "VORBEHALT_PROXIES": "1", "VORBEHALT_ORIGIN": "a"}
        )
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert {v.partition(":")[0] for v in service.get("volumes", ())} <= set(document["volumes"]), name
    wanted = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "container/compose.yaml").read_text("utf-8")))
    assert wanted == set(environment(DEPLOY / "container/example.env"))
    compile(services["bucket"]["command"][0], "bucket", "exec")


def test_the_image_is_built_from_files_that_exist_and_starts_a_command_that_exists() -> None:
    text = (DEPLOY / "container/Containerfile").read_text("utf-8").replace("\\\n", " ")
    instructions = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] not in "# "]
    known = {
        "FROM",
        "LABEL",
        "RUN",
        "COPY",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
        "WORKDIR",
    }
    assert {name for name, _ in instructions} <= known
    commands = [yaml.safe_load(value) for name, value in instructions if name == "CMD"]
    parse(commands[-1])
    assert (DEPLOY.parent / "constraints.txt").is_file()
    variables = dict(
        pair.split("=", 1) for name, value in instructions if name == "ENV" for pair in value.split()
    )
    Settings.load({k: v for k, v in variables.items() if k.startswith("VORBEHALT_")})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_scripts_are_well_formed(script: Path) -> None:
    """By the shell itself, and by shellcheck where it is installed."""
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if shellcheck := shutil.which("shellcheck"):
        done = subprocess.run(
            [shellcheck, "-x", script.relative_to(DEPLOY.parent)],
            cwd=DEPLOY.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
