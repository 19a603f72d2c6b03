"""Drills of deploy/backup.sh and restore.sh: a registry is damaged and comes back, or an old backup is refused."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from crawler.sync import sync
from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.files import FolderStore
from registry.base.settings import Settings
from registry.core.errors import TrustRefused, VorbehaltError
from registry.core.tlog.policies import satisfied
from registry.log import service as log
from registry.log.keys import LogKey
from registry.wiring import Registry, init_trust, log_keys
from tests.factories import Clock, make_actor
from tests.support import postgres
from tests.support.snapshots import serve
from tests.support.works import register

DEPLOY = Path(__file__).parents[3] / "deploy"


@dataclass
class Drill:
    """A registry with its scripts: what an operator has, and what a lab sees of it."""

    settings: Settings
    sources: Sources
    clock: Clock
    folder: Path
    root_sha256: str
    maker: Actor | None = None

    def script(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of the two scripts with the registry's settings."""
        binaries = postgres.binaries()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VORBEHALT_")} | {
            "VORBEHALT_HOME": str(self.settings.home),
            "VORBEHALT_DATABASE_URL": self.settings.database_url,
            "REGISTRY_BIN": sysconfig.get_path("scripts"),
            "PATH": f"{binaries}:{os.environ['PATH']}" if binaries else os.environ["PATH"],
        }
        command = [str(DEPLOY / name), *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def backup(self) -> Path:
        """Make one; a second later than the last, since its name is the time."""
        done = self.script("backup.sh", self.folder / "backups")
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())

    def work_and_publish(self, *names: str) -> None:
        """Some makers' and operators' hours: works are registered, an edition is published, the log is signed."""
        with Registry.open(self.settings, self.sources) as registry:
            with registry.database.writing() as session:
                if self.maker is None:
                    self.maker = make_actor(session, self.sources)
                for name in names:
                    register(session, self.maker, self.sources, name)
            self.clock.advance(hours=1)
            registry.publish()

    def lab_sees(self, name: str) -> int:
        """Sync into a new folder, with everything that sync verifies; the number of works."""
        with serve(FolderStore(self.settings.home / "files")) as served:
            sync(served.url, self.folder / name, now=self.clock.at, root_sha256=self.root_sha256)
            result = sync(served.url, self.folder / name, now=self.clock.at)
        assert result.sequence
        return result.sequence

    def log_verifies(self) -> int:
        """The newest checkpoint satisfies the log's policy, and its root follows from the entries; its size."""
        with Registry.open(self.settings, self.sources) as registry, registry.database.reading() as session:
            signed = log.latest_checkpoint(session)
            key = LogKey.load(log_keys(self.settings))
            assert satisfied(signed.note, key.policy).checkpoint == key.last_signed()
            assert log.root_at(session, signed.checkpoint.size) == signed.checkpoint.root
            return signed.checkpoint.size

    @property
    def database_file(self) -> Path:
        """Of SQLite."""
        return Path(self.settings.database_url.removeprefix("sqlite:///"))

    def damage(self) -> None:
        """Lose the database, one published file, and a piece of another."""
        if self.settings.database_url.startswith("sqlite"):
            with self.database_file.open("r+b") as file:
                file.write(os.urandom(4096))
        else:
            with psycopg.connect(
                self.settings.database_url.replace("+psycopg", ""), autocommit=True
            ) as admin:
                admin.execute("DROP SCHEMA public CASCADE")
                admin.execute("CREATE SCHEMA public")
        lists = sorted((self.settings.home / "files/snapshot/targets/lists").iterdir())
        lists[0].unlink()
        lists[1].write_bytes(lists[1].read_bytes()[:-1])


@pytest.fixture
def drill(database_url: str, tmp_path: Path, clock: Clock, sources: Sources) -> Drill:
    """A registry with keys and one edition."""
    settings = Settings(tmp_path / "home", database_url=database_url, origin="registry.example")
    settings.home.mkdir()
    digest = init_trust(settings, tmp_path / "offline", clock.at)
    drill = Drill(settings, sources, clock, tmp_path, digest)
    drill.work_and_publish("Dunes", "Harbour")
    return drill


def test_a_damaged_registry_comes_back_and_goes_on(drill: Drill) -> None:
    """Backup, damage, restore: what labs see is the same as before, and the next edition follows it."""
    size = drill.log_verifies()
    backup = drill.backup()
    drill.damage()
    with pytest.raises(VorbehaltError):
        drill.lab_sees("during")

    done = drill.script("restore.sh", backup)
    assert done.returncode == 0, done.stderr
    assert drill.log_verifies() == size
    assert drill.lab_sees("after") == 1
    drill.work_and_publish("Sea")
    assert drill.lab_sees("after") == 2
    assert drill.log_verifies() > size


def test_an_older_backup_with_the_present_keys_signs_nothing(drill: Drill) -> None:
    """It would take back what was said since: no edition of it appears, and the log is not forked."""
    backup = drill.backup()
    drill.work_and_publish("Sea")
    signed = drill.settings.home.joinpath("keys/log/log.head").read_bytes()
    drill.damage()
    assert drill.script("restore.sh", backup).returncode == 0

    for name in ("Clouds", "Rain"):  # not at a second attempt either
        with pytest.raises(TrustRefused, match="Was an older database restored"):
            drill.work_and_publish(name)
    assert not list((drill.settings.home / "files/snapshot/metadata").glob("3.*.json"))
    assert drill.settings.home.joinpath("keys/log/log.head").read_bytes() == signed


def test_a_key_without_its_memory_signs_nothing(drill: Drill) -> None:
    """The backup has no `log.head`: who lost it has to find out what was published last."""
    backup = drill.backup()
    assert not [
        p
        for p in backup.rglob("*")
        if p.suffix in {".key", ".pem"} or p.name in {"log.head", "versions.json"}
    ]
    memory = drill.settings.home / "keys/log/log.head"
    published = drill.settings.home.joinpath("keys/log/log.head").read_bytes()
    memory.unlink()
    with pytest.raises(TrustRefused, match="last published checkpoint"):
        drill.work_and_publish("Sea")
    memory.write_bytes(published)
    drill.work_and_publish("Sky")
    assert drill.lab_sees("lab") == 2


def test_a_damaged_backup_is_refused_before_anything_is_touched(drill: Drill) -> None:
    backup = drill.backup()
    victim = min((backup / "files/snapshot/metadata").iterdir())
    victim.write_bytes(victim.read_bytes() + b" ")
    done = drill.script("restore.sh", backup)
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert drill.lab_sees("lab") == 1
    (backup / "SHA256SUMS").unlink()
    assert "no complete backup" in drill.script("restore.sh", backup).stderr


def test_what_is_newer_stays_and_what_is_there_is_not_overwritten(drill: Drill) -> None:
    """The newest timestamp stays, or labs would see an older state; a database is moved aside, or has to be empty."""
    backup = drill.backup()
    drill.work_and_publish("Sea")
    done = drill.script("restore.sh", backup)
    if drill.settings.database_url.startswith("sqlite"):
        assert done.returncode == 0, done.stderr
        assert list(drill.database_file.parent.glob(f"{drill.database_file.name}.before-*"))
    else:
        assert done.returncode == 1
        assert "Rename it" in done.stderr
    assert drill.lab_sees("lab") == 2


def test_only_the_newest_backups_are_kept(drill: Drill) -> None:
    """And what an interrupted backup left behind is cleared away."""
    folder = drill.folder / "backups"
    for name in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z.partial", "mine"):
        (folder / name).mkdir(parents=True)
    done = drill.script("backup.sh", "--keep", "2", folder)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in folder.iterdir()) == [
        "20260102T000000Z",
        Path(done.stdout.strip()).name,
        "mine",
    ]


def test_scripts_say_what_is_missing(drill: Drill, tmp_path: Path) -> None:
    """A registry that is not there, and settings that they cannot use."""
    home = {"PATH": os.environ["PATH"], "VORBEHALT_HOME": str(tmp_path / "nowhere")}

    def run(**environment: str) -> str:
        command = [str(DEPLOY / "backup.sh"), str(tmp_path / "b")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        return done.stderr

    assert "unable to open database file" in run(**home)
    assert "Set VORBEHALT_HOME" in run(PATH=os.environ["PATH"])
    assert "neither sqlite" in run(**home, VORBEHALT_DATABASE_URL="mysql://x")
    assert "neither file" in run(**home, VORBEHALT_FILES_URL="https://x")
    assert not list((tmp_path / "b").glob("*Z")), "nothing looks like a backup"
