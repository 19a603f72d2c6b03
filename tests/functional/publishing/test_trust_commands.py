"""The ceremonies as people type them: the registry on one machine, the offline keys with their holders."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crawler.sync import open_snapshot, sync
from registry.base.files import FolderStore
from registry.cli import cli
from registry.core.errors import InvalidInput, NotReady, OutputExists, TrustRefused
from registry.core.snapshots.trust.keys import load_key
from tests.support.snapshots import Served, serve

PASSPHRASE = "correct horse\n"


@dataclass
class Registry:
    """Typed at the registry's machine, except where the folder `carried` and the holders' keys are enough."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def carried(self) -> Path:
        return self.folder / "carried"

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What the command printed; its own error is raised."""
        result: Result = CliRunner().invoke(cli, arguments, input=stdin, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def at_home(self, *arguments: str) -> str:
        return self.run(*arguments, "--home", str(self.home))

    def sign(self, *arguments: str, holders: str = "12") -> str:
        """With the keys of these holders, each from a medium of their own."""
        places = [f"--keys={self.folder}/holder-{n}" for n in holders]
        return self.run(
            "trust",
            *arguments,
            f"--metadata={self.carried}",
            *places,
            "--passphrase-stdin",
            stdin=PASSPHRASE,
        )

    def carry(self) -> None:
        shutil.rmtree(self.carried, ignore_errors=True)
        shutil.copytree(self.home / "keys/trust/metadata", self.carried)

    def status(self) -> dict[str, list[str]]:
        document = json.loads(self.at_home("trust", "status", "--json"))
        return {role["role"]: [key["id"] for key in role["keys"]] for role in document["roles"]}


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one edition; its offline keys are encrypted, and with three holders."""
    folder = tmp_path_factory.mktemp("trust")
    registry = Registry(folder)
    registry.run(
        "trust",
        "init",
        f"--home={registry.home}",
        f"--offline-keys={folder}/stick",
        "--encrypt",
        "--passphrase-stdin",
        stdin=PASSPHRASE,
    )
    for n in "123":
        (folder / f"holder-{n}").mkdir()
        for role in ("root", "targets"):
            (folder / f"stick/{role}-{n}.pem").rename(folder / f"holder-{n}/{role}-{n}.pem")
    registry.at_home("db", "upgrade")
    registry.at_home("publish")
    return folder


@pytest.fixture
def registry(_made: Path, tmp_path: Path) -> Registry:
    shutil.copytree(_made, tmp_path / "registry")
    return Registry(tmp_path / "registry")


@pytest.fixture
def served(registry: Registry) -> Iterator[Served]:
    with serve(FolderStore(registry.home / "files")) as served:
        yield served


def _synced(served: Served, lab: Path) -> int:
    sync(served.url, lab, now=datetime.now(UTC))
    return open_snapshot(lab, now=datetime.now(UTC)).sequence


def test_a_stolen_publisher_key_is_replaced(registry: Registry, served: Served, tmp_path: Path) -> None:
    assert _synced(served, tmp_path / "lab") == 1
    stolen = shutil.copytree(registry.home / "keys/trust", tmp_path / "stolen")
    old = registry.status()["publisher"][0]
    registry.at_home("trust", "prepare", "publisher")
    registry.carry()
    said = registry.sign("revoke", old[:12])
    assert "2.targets.json" in said
    assert "Edition 2 is published" in registry.at_home("trust", "install", str(registry.carried))
    assert registry.status()["publisher"] == [
        load_key(registry.home / "keys/trust/keys/publisher.pem").public_key.keyid
    ]
    assert _synced(served, tmp_path / "lab") == 2
    shutil.rmtree(registry.home / "keys/trust")
    stolen.rename(registry.home / "keys/trust")  # whoever took the folder signs with what is in it
    for _ in range(2):  # past the versions that the lab has seen
        registry.at_home("publish", "--recreate")
    with pytest.raises(TrustRefused):
        _synced(served, tmp_path / "lab")
    assert open_snapshot(tmp_path / "lab", now=datetime.now(UTC)).sequence == 2


def test_every_role_is_rotated_and_everything_renewed(
    registry: Registry, served: Served, tmp_path: Path
) -> None:
    before = registry.status()
    assert _synced(served, tmp_path / "lab") == 1
    registry.at_home("trust", "prepare", "timestamp")
    registry.at_home("trust", "prepare", "snapshot")
    registry.carry()
    registry.sign("rotate", "timestamp")
    registry.sign("rotate", "snapshot", holders="23")
    for role in ("root", "targets"):
        old = load_key(registry.folder / f"holder-3/{role}-3.pem", PASSPHRASE.strip().encode()).public_key
        new = registry.folder / f"holder-3/{role}-4.pem"
        registry.sign("rotate", role, f"--old={old.keyid}", f"--new-key={new}", "--encrypt")
        assert b"ENCRYPTED" in new.read_bytes()
    registry.sign("renew", holders="23")
    registry.at_home("trust", "install", str(registry.carried))
    assert _synced(served, tmp_path / "lab") == 2
    after = registry.status()
    assert {role: len(set(before[role]) - set(after[role])) for role in before} == {
        "root": 1,
        "targets": 1,
        "publisher": 0,
        "snapshot": 1,
        "timestamp": 1,
    }


def test_one_holder_alone_can_do_nothing(registry: Registry) -> None:
    registry.at_home("trust", "prepare", "timestamp")
    registry.carry()
    files = sorted(p.name for p in registry.carried.iterdir())
    new = registry.folder / "holder-1/root-4.pem"
    old = registry.status()["root"][0]
    for arguments in (
        ["renew"],
        ["rotate", "timestamp"],
        ["revoke", registry.status()["timestamp"][0]],
        ["rotate", "root", f"--old={old}", f"--new-key={new}"],
    ):
        with pytest.raises(NotReady, match="must agree"):
            registry.sign(*arguments, holders="1")
    assert sorted(p.name for p in registry.carried.iterdir()) == files
    assert not new.exists()


def test_what_is_asked_for_unclearly_is_not_done(registry: Registry) -> None:
    registry.carry()
    status = registry.status()
    new = registry.folder / "new.pem"
    for arguments, match in (
        (["rotate", "root"], "--old"),
        (["rotate", "root", f"--old={status['targets'][0]}", f"--new-key={new}"], "targets key"),
        (["rotate", "root", f"--old={status['root'][0]}"], "--new-key"),
        (["revoke", status["publisher"][0], f"--new-key={new}"], "trust prepare"),
    ):
        with pytest.raises(InvalidInput, match=re.escape(match)):
            registry.sign(*arguments)
    with pytest.raises(NotReady, match="trust prepare"):
        registry.sign("rotate", "publisher")
    with pytest.raises(InvalidInput, match="nothing"):
        registry.at_home("trust", "install", str(registry.carried))
    assert not new.exists()


def test_the_home_folder_holds_online_keys_only_each_in_its_own_file(registry: Registry) -> None:
    found = {
        path.relative_to(registry.home).as_posix(): path.read_bytes().count(b"PRIVATE KEY-----\n") // 2
        for path in registry.home.rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    }
    assert (registry.home / "keys/log/log.key").read_text().count(
        "PRIVATE+KEY"
    ) == 1  # a signed note's own form
    assert found == {
        "keys/trust/keys/publisher.pem": 1,
        "keys/trust/keys/snapshot.pem": 1,
        "keys/trust/keys/timestamp.pem": 1,
    }
    online = {load_key(registry.home / name).public_key.keyid for name in found if name.endswith(".pem")}
    status = registry.status()
    assert online == {status[role][0] for role in ("publisher", "snapshot", "timestamp")}
    assert not online & {*status["root"], *status["targets"]}


def test_which_file_is_which_key(registry: Registry) -> None:
    said = registry.run(
        "trust",
        "status",
        f"--home={registry.home}",
        f"--keys={registry.folder}/holder-2",
        "--passphrase-stdin",
        stdin=PASSPHRASE,
    )
    assert sum("holder-2/root-2.pem" in line and line.startswith("root") for line in said.splitlines()) == 1
    assert "root version 1 holds until" in said


def test_keys_are_made_once(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(OutputExists):
        registry.at_home("trust", "init", f"--offline-keys={tmp_path}/more")
    assert not (tmp_path / "more").exists()


def test_offline_keys_and_the_home_folder_are_not_one_in_the_other(tmp_path: Path) -> None:
    for home, offline in (("home", "home/offline"), ("home", "home"), ("stick/home", "stick")):
        arguments = ["trust", "init", f"--home={tmp_path / home}", f"--offline-keys={tmp_path / offline}"]
        with pytest.raises(InvalidInput, match="folder of their own"):
            CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert not list(tmp_path.iterdir())
