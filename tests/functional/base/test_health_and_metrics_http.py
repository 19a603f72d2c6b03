"""/healthz, /readyz and /metrics: what a watcher learns, and that it learns nothing about anybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.jobs import enqueue
from registry.base.settings import Settings
from registry.checking.service import LiveIndex
from registry.core.errors import TrustRefused
from registry.log import service as log
from registry.log.service import LogKey
from registry.publishing.models import Edition
from registry.readiness import readiness
from registry.wiring import init_trust, log_keys
from tests.factories import START, Clock
from tests.functional.conftest import Account, Client

Make = Callable[..., Account]


@pytest.fixture
def ready(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Keys, and an edition of now."""
    init_trust(settings, tmp_path.with_name(f"{tmp_path.name}-offline"), START)
    with database.writing() as session:
        session.add(
            Edition(
                sequence=1,
                created_at=START,
                change_seq=1,
                works_root=bytes(32),
                works=0,
                log_index=0,
                published_at=START,
            )
        )


def test_a_process_that_answers_is_alive(client: Client) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_new_registry_is_alive_and_not_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "not-ready")
    checks = answer.json["details"]["checks"]
    assert (checks["database"], checks["schema"]) == ("ok", "ok")
    assert "trust init" in checks["keys"]
    assert "trust init" in checks["log"]
    assert "publish" in checks["snapshot"]
    assert answer.headers["Retry-After"]


@pytest.mark.usefixtures("ready")
def test_with_keys_and_a_fresh_snapshot_it_is_ready(client: Client, clock: Clock) -> None:
    assert client.get("/readyz").json == {
        "status": "ok",
        "checks": {
            "database": "ok",
            "schema": "ok",
            "keys": "ok",
            "log": "ok",
            "snapshot": "ok",
            "index": "ok",
        },
    }
    clock.advance(hours=24)
    assert client.get("/readyz").status_code == 200
    clock.advance(seconds=1)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "worker" in answer.json["details"]["checks"]["snapshot"]


@pytest.mark.usefixtures("ready")
def test_on_another_releases_schema_it_is_not_ready(client: Client, database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    checks = client.get("/readyz").json["details"]["checks"]
    assert "db upgrade" in checks["schema"]
    assert checks["snapshot"] == "ok"


@pytest.mark.usefixtures("ready")
def test_on_a_database_older_than_what_was_signed_it_is_not_ready(
    client: Client, database: Database, settings: Settings, backup_of: Callable[[Database], Database]
) -> None:
    """As after a backup was restored: it lacks the latest reservations, so no check may be answered from it."""
    key = LogKey.load(log_keys(settings))
    log.sign_head(database, key, START)
    older = backup_of(database)
    with database.writing() as session:
        log.append(session, [(log.idempotency_key(b"one"), b"one")])
    log.sign_head(database, key, START)
    assert client.get("/readyz").status_code == 200
    check = readiness(settings, older, Sources(), LiveIndex()).checks["log"]
    with pytest.raises(TrustRefused, match="older database restored"):
        check()
    with older.writing() as session:
        log.append(session, [(log.idempotency_key(b"two"), b"two")])
    with pytest.raises(TrustRefused, match="not those that were signed"):
        check()
    with database.writing() as session:
        session.execute(text("UPDATE log_entry SET leaf = idem"))
    assert "not those that were signed" in client.get("/readyz").json["details"]["checks"]["log"]


@pytest.mark.usefixtures("ready")
def test_without_its_tables_it_is_not_ready_and_tells_nothing(client: Client, database: Database) -> None:
    with database.writing() as session:
        session.execute(text("DROP TABLE edition"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["details"]["checks"]["snapshot"] == "The database cannot be used just now."
    assert "edition" not in answer.text


def samples(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    page = client.get("/metrics")
    assert page.status_code == 200
    return {
        (s.name, frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(page.text)
        for s in family.samples
    }


def test_requests_are_counted_by_route(client: Client, account: Make) -> None:
    anna = account()
    for _ in range(3):
        client.get(f"/v1/accounts/{anna.id}", headers=anna.headers)
    client.get("/v1/nothing/at/all")
    found = samples(client)
    route = "/v1/accounts/<id(party):public_id>"
    labels = {"method": "GET", "route": route, "status": "200"}
    assert found["vorbehalt_requests_total", frozenset(labels.items())] == 3
    none = {"method": "GET", "route": "none", "status": "404"}
    assert found["vorbehalt_requests_total", frozenset(none.items())] == 1
    del labels["status"]
    assert found["vorbehalt_request_seconds_count", frozenset(labels.items())] == 3


def test_nobody_is_in_the_metrics(client: Client, account: Make) -> None:
    anna = account()
    client.get(f"/v1/accounts/{anna.id}?secret=word", headers=anna.headers)
    page = client.get("/metrics").text
    assert not any(part in page for part in (anna.id, anna.key, "word", "Anna", "127.0.0.1"))


def test_jobs_are_counted_by_state(client: Client, database: Database, sources: Sources) -> None:
    with database.writing() as session:
        for _ in range(2):
            enqueue(session, "anything", {}, sources)
    found = samples(client)
    assert found["vorbehalt_jobs", frozenset({("state", "queued")})] == 2
    assert found["vorbehalt_jobs", frozenset({("state", "failed")})] == 0


def test_each_application_counts_for_itself(client: Client, settings: Settings, database: Database) -> None:
    """Two in one process, as in tests, do not meet in a global registry."""
    from registry.app import create_app

    other = create_app(settings, database=database).test_client()
    other.get("/healthz")
    assert not any(("route", "/healthz") in labels for _, labels in samples(client))
