"""The schema: migrations give what the models say, all of it or nothing, one at a time, and never hang."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from registry.base import schema
from registry.base.db import Database
from registry.base.schema import drift, ensure_current, upgrade
from registry.cli import cli
from registry.core.errors import Conflict, Corrupt, NotReady
from registry.models import metadata
from tests.factories import make_actor, make_sources
from tests.support.works import register

Migrate = Callable[[str], None]
"""Adds a migration with this body on top of the release's own."""


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """As the next release will have one."""
    scripts = tmp_path / "migrations"
    shutil.copytree(schema._SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    head = ScriptDirectory(str(scripts)).get_current_head()

    def add(body: str) -> None:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (scripts / "versions" / "next.py").write_text(
            f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = 'next'\ndown_revision = {head!r}\n\n"
            f"def upgrade():\n{lines}"
        )
        monkeypatch.setattr(schema, "_SCRIPTS", scripts)

    return add


def revision(database: Database) -> str:
    with database.reading() as session:
        return str(session.scalar(text("SELECT version_num FROM alembic_version")))


@pytest.fixture
def head(database: Database) -> str:
    """The revision of this release."""
    return revision(database)


def columns(database: Database, table: str) -> set[str]:
    return {column["name"] for column in inspect(database.engine).get_columns(table)}


# -- there or not ------------------------------------------------------------------------------------------
def test_the_migrations_make_what_the_models_say(empty_database: Database) -> None:
    with pytest.raises(NotReady, match="db upgrade"):
        ensure_current(empty_database, metadata)
    assert "revision None" in drift(empty_database, metadata)[0]
    upgrade(empty_database, metadata)
    upgrade(empty_database, metadata)
    ensure_current(empty_database, metadata)
    assert drift(empty_database, metadata) == []


def test_there_is_one_line_of_migrations() -> None:
    """Two that follow the same one could be applied in either order."""
    script = ScriptDirectory(str(schema._SCRIPTS))
    assert len(script.get_heads()) == 1
    assert all(not isinstance(r.down_revision, tuple) for r in script.walk_revisions())


TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT t.tgname, pg_get_triggerdef(t.oid) || p.prosrc FROM pg_trigger t JOIN pg_proc p "
    "ON p.oid = t.tgfoid WHERE NOT t.tgisinternal ORDER BY t.tgname",
}


def test_the_migrations_make_the_triggers_that_the_models_ask_for(
    database_kind: str, database: Database, empty_database: Database
) -> None:
    metadata.create_all(empty_database.engine)
    with database.reading() as migrated, empty_database.reading() as created:
        query = text(TRIGGERS[database_kind])
        assert migrated.execute(query).all() == created.execute(query).all()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("DROP TABLE api_key", "the table api_key is missing"),
        ("CREATE TABLE stray (id integer PRIMARY KEY)", "the table stray is no part of this release"),
        ("DROP INDEX ix_work_owner_id", "the index ix_work_owner_id of work is missing"),
        (
            "ALTER TABLE offer_work ADD COLUMN stray integer",
            "the column stray of offer_work is no part of this",
        ),
        ("DROP TRIGGER settlement_no_{} {}", "the trigger settlement_no_{} is missing"),
    ],
)
def test_a_difference_is_told_in_words(database_kind: str, database: Database, harm: str, words: str) -> None:
    details = {"sqlite": ("update", ""), "postgresql": ("change", "ON settlement")}[database_kind]
    with database.engine.begin() as connection:
        connection.exec_driver_sql(harm.format(*details))
    found = drift(database, metadata)
    assert any(line.startswith(words.format(*details)) for line in found)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_trigger_that_is_switched_off_is_missed(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_balances")
    assert drift(database, metadata) == ["the trigger ledger_entry_balances is missing"]


def test_the_commands_upgrade_and_check(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VORBEHALT_DATABASE_URL", str(empty_database.engine.url))
    run = CliRunner()
    before = run.invoke(cli, ["db", "check", "--home", str(tmp_path)])
    assert (before.exit_code, "this release needs" in before.output) == (1, True)
    assert run.invoke(cli, ["db", "upgrade", "--home", str(tmp_path)]).exit_code == 0
    after = run.invoke(cli, ["db", "check", "--home", str(tmp_path)])
    assert (after.exit_code, after.output) == (0, "The database has this release's schema.\n")


@pytest.mark.parametrize("address", ["postgresql+psycopg://nobody@127.0.0.1:1/nothing", "sqlite:///{folder}"])
def test_a_database_that_cannot_be_opened(address: str, tmp_path: Path) -> None:
    database = Database(address.format(folder=tmp_path))
    for act in (ensure_current, drift, upgrade):
        with pytest.raises(NotReady, match="VORBEHALT_DATABASE_URL"):
            act(database, metadata)


# -- all or nothing ----------------------------------------------------------------------------------------
def test_a_migration_that_fails_leaves_nothing(
    database: Database, head: str, next_migration: Migrate
) -> None:
    next_migration(
        "op.create_table('half', sa.Column('id', sa.Integer, primary_key=True))\nraise RuntimeError('power cut')"
    )
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(database, metadata)
    assert revision(database) == head
    assert "half" not in inspect(database.engine).get_table_names()


def test_a_table_is_rebuilt_without_losing_what_refers_to_it(
    database: Database, next_migration: Migrate
) -> None:
    """SQLite changes columns by a new table in place of the old one."""
    with database.writing() as session:
        sources = make_sources()
        work = register(session, make_actor(session, sources), sources)
    next_migration(
        "with op.batch_alter_table('party') as party:\n"
        "    party.alter_column('name', type_=sa.String(250), nullable=False)"
    )
    upgrade(database, metadata)
    assert revision(database) == "next"
    with database.reading() as session:
        owner = session.scalar(text("SELECT name FROM party WHERE id = (SELECT owner_id FROM work)"))
        assert owner == "Anna"
        assert session.scalar(text("SELECT id FROM work")) == work.id
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.writing() as session:
        session.execute(text("DELETE FROM party"))


def test_a_migration_that_breaks_references_is_undone(
    database_kind: str, database: Database, head: str, next_migration: Migrate
) -> None:
    with database.writing() as session:
        sources = make_sources()
        register(session, make_actor(session, sources), sources)
    next_migration("op.execute('DELETE FROM party')")
    with pytest.raises(Corrupt if database_kind == "sqlite" else Exception, match="refer"):
        upgrade(database, metadata)
    assert revision(database) == head
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM party")) == 1


# -- one at a time, and never for long ---------------------------------------------------------------------
@pytest.fixture
def long_transaction(database: Database) -> Iterator[Session]:
    """Somebody has read a table and written another, and has not ended yet."""
    with database.writing() as session:
        session.execute(text("SELECT count(*) FROM party"))
        session.execute(text("DELETE FROM job"))
        yield session


@pytest.mark.usefixtures("long_transaction")
def test_a_migration_that_does_not_get_its_lock_gives_up(
    database: Database, head: str, next_migration: Migrate
) -> None:
    next_migration("op.add_column('party', sa.Column('later', sa.Integer))")
    with pytest.raises(Conflict, match="try again"):
        upgrade(database, metadata, lock_seconds=0.2)
    assert revision(database) == head
    assert "later" not in columns(database, "party")


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_statement_that_takes_too_long_is_ended(database: Database, next_migration: Migrate) -> None:
    next_migration("op.execute('SELECT pg_sleep(60)')")
    with pytest.raises(Conflict, match="Nothing was changed"):
        upgrade(database, metadata, statement_seconds=0.2)


def test_an_upgrade_waits_for_another_one(
    database: Database, next_migration: Migrate, tmp_path: Path
) -> None:
    """The second finds its work done."""
    next_migration(
        "import pathlib, time\n"
        f"marks = pathlib.Path({str(tmp_path)!r})\n"
        "with (marks / 'begun').open('a') as file:\n"
        "    file.write('x')\n"
        "while not (marks / 'go').exists():\n"
        "    time.sleep(0.01)\n"
        "op.add_column('party', sa.Column('later', sa.Integer))"
    )
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(upgrade, database, metadata)
        while not (tmp_path / "begun").exists():
            assert not first.done()
        with pytest.raises(Conflict):
            upgrade(database, metadata, lock_seconds=0.2)
        (tmp_path / "go").touch()
        first.result()
    upgrade(database, metadata)
    assert (tmp_path / "begun").read_text() == "x"
    assert "later" in columns(database, "party")


def test_two_commands_upgrade_an_empty_database_at_once(empty_database: Database, tmp_path: Path) -> None:
    program = Path(sysconfig.get_path("scripts")) / "vorbehalt-server"
    environment = {"PATH": "/usr/bin:/bin", "VORBEHALT_DATABASE_URL": str(empty_database.engine.url)}
    command = [str(program), "db", "upgrade", "--home", str(tmp_path)]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ended = [(process.communicate()[1].decode(), process.returncode) for process in running]
    assert ended == [("", 0)] * 2
    assert drift(empty_database, metadata) == []
