"""A registry whose files are in a bucket: it publishes there and serves from there, and says what is wrong with it.

Whatever fails, the edition that could be seen before can still be seen, and the next publish works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config
from flask import Flask
from werkzeug.serving import make_server

from crawler.sync import open_snapshot, sync
from registry.app import create_app
from registry.base import s3 as base_s3
from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.files import open_store
from registry.base.settings import Settings
from registry.core.errors import NetworkFailed, NotReady, VorbehaltError
from registry.publishing import service as publishing
from registry.wiring import Registry, init_trust
from tests.factories import START, make_actor
from tests.functional.conftest import Client
from tests.support import s3
from tests.support.proxies import Line, line_to
from tests.support.published import Shelf
from tests.support.works import register

pytestmark = pytest.mark.parametrize(
    "database_kind", ["sqlite"], indirect=True
)  # the files are the matter here


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are real here and stay: asking four times would only take time."""
    once = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
    monkeypatch.setattr(base_s3, "_CONFIG", base_s3._CONFIG.merge(once))


@pytest.fixture
def line(s3_endpoint: str) -> Iterator[Line]:
    """The network between the registry and S3."""
    with line_to(s3_endpoint) as line:
        yield line


@pytest.fixture
def registry(
    tmp_path: Path,
    database_url: str,
    bucket_url: str,
    line: Line,
    sources: Sources,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Registry]:
    """A registry with its files in a bucket behind that line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", line.url)
    settings = Settings(tmp_path / "home", database_url=database_url, files_url=bucket_url)
    init_trust(settings, tmp_path / "offline", START)
    with Registry.open(settings, sources) as registry:
        yield registry


@pytest.fixture
def anna(registry: Registry, sources: Sources) -> Actor:
    with registry.database.writing() as session:
        return make_actor(session, sources)


def add(registry: Registry, owner: Actor, name: str) -> None:
    with registry.database.writing() as session:
        register(session, owner, registry.sources, name)


@pytest.fixture
def seen(registry: Registry, s3_endpoint: str, tmp_path: Path) -> Shelf:
    """What can be seen in the bucket by somebody whose line is not cut."""
    bucket, _, prefix = registry.settings.files_url.removeprefix("s3://").partition("/")
    return Shelf(tmp_path, base_s3.S3Store(bucket, prefix, s3.client(s3_endpoint)))


@contextmanager
def running(app: Flask) -> Iterator[str]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- when all is well --------------------------------------------------------------------------------------
def test_a_lab_takes_home_what_was_published_to_a_bucket(
    registry: Registry, anna: Actor, sources: Sources, tmp_path: Path
) -> None:
    app = create_app(registry.settings, sources=sources)
    add(registry, anna, "Dunes")
    registry.publish()
    with running(app) as address:
        first = sync(address, tmp_path / "lab", now=START)
        add(registry, anna, "Heron")
        registry.publish()
        second = sync(address, tmp_path / "lab", now=START)
    assert (first.sequence, second.sequence) == (1, 2)
    snapshot = open_snapshot(tmp_path / "lab", now=START)
    assert len(snapshot) == 2
    assert snapshot.lists["image.phash256.v1"].work_rows.tolist() == [0, 1]


def test_everything_lies_under_the_prefix(
    registry: Registry, anna: Actor, seen: Shelf, s3_endpoint: str
) -> None:
    add(registry, anna, "Dunes")
    registry.publish()
    bucket = registry.settings.files_url.removeprefix("s3://").partition("/")[0]
    found = s3.client(s3_endpoint).list_objects_v2(Bucket=bucket)["Contents"]
    assert {key["Key"].partition("/")[0] for key in found} == {"published"}
    assert len(seen.open()) == 1


# -- the network -------------------------------------------------------------------------------------------
def _try_to_publish(registry: Registry) -> str | None:
    """What the operator reads; `None` if it worked."""
    try:
        registry.publish()
    except NetworkFailed as error:
        return error.message
    return None


def test_wherever_the_network_fails_the_old_edition_is_served(
    registry: Registry, anna: Actor, line: Line, seen: Shelf
) -> None:
    """The line is cut after more and more bytes, until a publish gets through."""
    add(registry, anna, "Dunes")
    registry.publish()
    add(registry, anna, "Heron")
    visible, cut = 1, 0
    for allowed in [1, *range(1_000, 200_000, 2_500)]:
        line.left = allowed
        said = _try_to_publish(registry)
        line.left = None
        if said is None:
            break
        assert "S3 could not be reached" in said
        cut += 1
        snapshot = seen.open()
        assert (snapshot.sequence, len(snapshot)) == (visible, 1)
    else:
        pytest.fail("it never got through")
    assert cut > 5
    assert len(seen.open()) == 2
    with registry.database.reading() as session:
        assert publishing.state(session).sequence == seen.open().sequence


@pytest.mark.usefixtures("database_kind")
def test_a_large_file_that_is_cut_off_is_not_there(
    bucket_url: str, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes up in parts; the object appears with the last of them."""
    whole = open_store(bucket_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", line.url)
    cut = open_store(bucket_url)
    line.left = 20 << 20
    with pytest.raises(NetworkFailed, match="Nothing was changed"):
        cut.put("large", bytes(40 << 20))
    assert not whole.exists("large")
    line.left = None
    cut.put("large", bytes(40 << 20))
    assert whole.size("large") == 40 << 20


def test_a_server_without_its_bucket_says_so_and_recovers(
    registry: Registry, line: Line, sources: Sources
) -> None:
    registry.publish()
    client: Client = create_app(registry.settings, sources=sources).test_client()
    address = "/v1/snapshot/metadata/timestamp.json"
    line.left = 1
    answer = client.get(address)
    assert (answer.status_code, answer.json["code"]) == (502, "network.failed")
    line.left = None
    assert client.get(address).status_code == 200


# -- what was set up wrongly -------------------------------------------------------------------------------
def _refused(registry: Registry) -> VorbehaltError:
    """How a publish is refused; nothing of it is on record."""
    with pytest.raises(NotReady) as refusal:
        registry.publish()
    with registry.database.reading() as session:
        assert publishing.state(session).sequence == 0
    return refusal.value


def _at(registry: Registry, files_url: str) -> Registry:
    return Registry(registry.settings, registry.database, open_store(files_url), registry.sources)


def test_a_missing_bucket(registry: Registry, anna: Actor) -> None:
    add(registry, anna, "Dunes")
    refusal = _refused(_at(registry, "s3://no-such-bucket-here/published"))
    assert "“no-such-bucket-here” does not exist" in refusal.message
    assert registry.publish().sequence == 1, "nothing of it was on record"


def test_a_missing_bucket_is_no_missing_file(registry: Registry, sources: Sources) -> None:
    settings = Settings(
        registry.settings.home,
        database_url=registry.settings.database_url,
        files_url="s3://no-such-bucket-here",
    )
    client: Client = create_app(settings, sources=sources).test_client()
    for path in ("metadata/timestamp.json", "targets/lists/x.arrow"):
        answer = client.get(f"/v1/snapshot/{path}")
        assert (answer.status_code, answer.json["code"]) == (503, "not-ready")
        assert "no-such-bucket-here" in answer.json["detail"]


@pytest.fixture
def keys(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """S3 asks for credentials from now on; these belong to a user who may do nothing yet."""
    access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": s3.REGION}
    iam = boto3.client("iam", endpoint_url=s3_endpoint, **access)
    iam.create_user(UserName="registry")
    made = iam.create_access_key(UserName="registry")["AccessKey"]
    monkeypatch.setattr("moto.core.responses.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
    monkeypatch.setattr("moto.core.responses.ActionAuthenticatorMixin.request_count", 0)
    yield {"id": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    monkeypatch.undo()
    iam.delete_access_key(UserName="registry", AccessKeyId=made["AccessKeyId"])
    iam.delete_user(UserName="registry")


@pytest.mark.parametrize(
    ("key", "secret", "advice"),
    [
        ("AKIAUNKNOWN", "wrong", "Set AWS_ACCESS_KEY_ID"),
        ("{id}", "wrong", "Set AWS_SECRET_ACCESS_KEY"),
        ("{id}", "{secret}", "may not use the bucket"),
    ],
    ids=["unknown key", "wrong secret", "no permission"],
)
def test_credentials_that_do_not_open_the_bucket(
    registry: Registry,
    anna: Actor,
    keys: dict[str, str],
    key: str,
    secret: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(registry, anna, "Dunes")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.format(**keys))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret.format(**keys))
    refusal = _refused(_at(registry, registry.settings.files_url))
    assert advice in refusal.message


def test_no_credentials_at_all(registry: Registry, anna: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    add(registry, anna, "Dunes")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "There are no credentials for S3" in _refused(_at(registry, registry.settings.files_url)).message
