"""The log over HTTP, as C2SP tlog-tiles wants it served."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import open_store
from registry.base.http import Context, install, make_api, register_http
from registry.base.metrics import Metrics
from registry.base.ratelimits import RateLimiter
from registry.base.settings import Settings
from registry.core.tlog.notes import Note
from registry.core.tlog.policies import Policy, satisfied
from registry.core.tlog.tiles import unbundle
from registry.log import api, service
from registry.log.keys import LogKey
from registry.parties.service import authenticate_key


def _client(database: Database, home: Path, sources: Sources, parts: dict[type, object]) -> FlaskClient:
    settings = Settings(home, database_url=str(database.engine.url))
    parts = {RateLimiter: RateLimiter(database), Metrics: Metrics(), **parts}
    app = Flask("test")
    install(
        app, Context(settings, database, open_store(settings.files_url), sources, authenticate_key, parts)
    )
    register_http(app)
    make_api(app).register_blueprint(api.blueprint)
    return app.test_client()


@pytest.fixture
def client(database: Database, tmp_path: Path, sources: Sources, log_key: LogKey) -> Iterator[FlaskClient]:
    """An application with this one room."""
    with _client(database, tmp_path, sources, {LogKey: log_key}) as client:
        yield client


@pytest.fixture
def three_entries(database: Database, log_key: LogKey) -> None:
    """A log of three entries, signed."""
    with database.writing() as session:
        service.append(session, [(bytes([n]) * 32, b"claim-%d" % n) for n in range(3)])
    with database.writing() as session:
        service.sign_checkpoint(session, log_key, datetime(2026, 8, 2, tzinfo=UTC))


def test_an_unsigned_log_says_so(client: FlaskClient) -> None:
    answer = client.get("/v1/log/checkpoint")
    assert (answer.status_code, answer.json["code"]) == (503, "not-ready")  # type: ignore[index]


@pytest.mark.usefixtures("three_entries")
def test_checkpoint_and_policy_fit_each_other(client: FlaskClient) -> None:
    checkpoint, policy = client.get("/v1/log/checkpoint"), client.get("/v1/log/policy")
    for answer in (checkpoint, policy):
        assert answer.status_code == 200
        assert answer.content_type == "text/plain; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
    verified = satisfied(Note.parse(checkpoint.data), Policy.parse(policy.text))
    assert verified.checkpoint.size == 3


@pytest.mark.usefixtures("three_entries")
def test_tiles_are_served_for_ever(client: FlaskClient) -> None:
    hashes, entries = client.get("/v1/log/tile/0/000.p/3"), client.get("/v1/log/tile/entries/000.p/3")
    for answer in (hashes, entries):
        assert answer.status_code == 200
        assert answer.content_type == "application/octet-stream"
        assert "immutable" in answer.headers["Cache-Control"]
    assert len(hashes.data) == 96
    assert unbundle(entries.data) == [b"claim-0", b"claim-1", b"claim-2"]


@pytest.mark.usefixtures("three_entries")
@pytest.mark.parametrize(
    "path", ["0/000", "0/000.p/4", "0/x000/000", "entries/001", "1/000.p/1", "9/000", "x", ".."]
)
def test_other_tiles_are_not_found_and_not_kept_by_caches(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/v1/log/tile/{path}")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_a_registry_without_a_key_has_no_policy(database: Database, tmp_path: Path, sources: Sources) -> None:
    with _client(database, tmp_path, sources, {}) as client:
        assert client.get("/v1/log/policy").status_code == 503
