"""Published files over HTTP, from a folder and from a bucket: whole, in parts, not again, and only to their readers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import Store, open_store
from registry.base.settings import Settings
from registry.core.decisions import Purpose
from registry.core.ids import format_id
from registry.core.snapshots import licence_target
from registry.licences import service as licences
from tests.factories import START
from tests.functional.conftest import Account, Client
from tests.support.published import Shelf
from tests.support.works import register

pytestmark = pytest.mark.parametrize(
    "database_kind", ["sqlite"], indirect=True
)  # the database only says whose key it is

Make = Callable[..., Account]
BIG = random.Random(5).randbytes(300_000)
DIGEST = hashlib.sha256(BIG).hexdigest()
ADDRESS = f"/v1/snapshot/targets/lists/{DIGEST}.image.phash256.v1.arrow"


@pytest.fixture(params=["folder", "bucket"])
def files_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "bucket":
        return str(request.getfixturevalue("bucket_url"))
    return (tmp_path / "files").as_uri()


@pytest.fixture
def settings(tmp_path: Path, database: Database, files_url: str) -> Settings:
    return Settings(tmp_path, database_url=str(database.engine.url), files_url=files_url)


@pytest.fixture
def store(files_url: str) -> Store:
    """The server's file store, with one large file in it."""
    store = open_store(files_url)
    store.put(f"snapshot/targets/lists/{DIGEST}.image.phash256.v1.arrow", BIG)
    return store


@pytest.fixture
def shelf(tmp_path: Path, store: Store) -> Shelf:
    return Shelf.create(tmp_path / "shelf", START, store)


# -- whole -------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("store")
def test_a_file_comes_whole_and_may_be_kept_for_ever(client: Client) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.data) == (200, BIG)
    assert answer.headers["ETag"] == f'"{DIGEST}"'
    assert answer.headers["Content-Length"] == str(len(BIG))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert set(answer.headers["Cache-Control"].split(", ")) == {"public", "max-age=31536000", "immutable"}


@pytest.mark.usefixtures("store")
def test_head_tells_the_same_without_the_file(client: Any) -> None:
    whole, head = client.get(ADDRESS), client.head(ADDRESS)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "ETag", "Accept-Ranges", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    "path",
    [
        "targets/lists/no-such.arrow",
        "targets/lists",
        "targets/../metadata/timestamp.json",
        "targets/lists/.hidden",
        "metadata/timestamp.json",
        "metadata/..",
        "metadata/1.root.json%00",
    ],
)
@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert client.get(f"/v1/snapshot/{path}").status_code == 404


# -- in parts ----------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99999", 0, 100_000),
        ("bytes=100000-", 100_000, 300_000),
        ("bytes=-1", 299_999, 300_000),
        ("bytes=-400000", 0, 300_000),
        ("bytes=299990-400000", 299_990, 300_000),
    ],
)
def test_a_part_of_a_file(client: Client, asked: str, start: int, stop: int) -> None:
    answer = client.get(ADDRESS, headers={"Range": asked})
    assert answer.data == BIG[start:stop]
    assert answer.headers["Content-Length"] == str(stop - start)
    if (start, stop) != (0, len(BIG)):
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/300000"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=x", "bytes", ""])
def test_what_is_no_single_range_gets_the_whole_file(client: Client, asked: str) -> None:
    """RFC 9110 section 14.2: a server may ignore the header."""
    answer = client.get(ADDRESS, headers={"Range": asked})
    assert (answer.status_code, len(answer.data)) == (200, len(BIG))


@pytest.mark.usefixtures("store")
def test_a_part_that_does_not_exist(client: Client) -> None:
    answer = client.get(ADDRESS, headers={"Range": "bytes=300000-"})
    assert (answer.status_code, answer.json["status"]) == (416, 416)
    assert answer.headers["Content-Range"] == "bytes */300000"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("condition", "status"),
    [(f'"{DIGEST}"', 206), ('"another"', 200), ("Sun, 02 Aug 2026 09:30:00 GMT", 200)],
)
def test_a_part_only_of_the_file_that_was_begun(client: Client, condition: str, status: int) -> None:
    answer = client.get(ADDRESS, headers={"Range": "bytes=5-", "If-Range": condition})
    assert (answer.status_code, answer.data) == (status, BIG[5:] if status == 206 else BIG)


# -- not again ---------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("known", [f'"{DIGEST}"', f'W/"{DIGEST}"', f'"other", "{DIGEST}"', "*"])
def test_who_has_it_does_not_get_it_again(client: Client, known: str) -> None:
    answer = client.get(ADDRESS, headers={"If-None-Match": known})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == f'"{DIGEST}"'
    assert client.get(ADDRESS, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_timestamp_is_news_when_something_was_published(
    client: Client, shelf: Shelf, database: Database, sources: Sources
) -> None:
    address = "/v1/snapshot/metadata/timestamp.json"
    shelf.publish(database, sources)
    first = client.get(address)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/json")
    assert set(first.headers["Cache-Control"].split(", ")) == {"public", "max-age=60"}
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get(address, headers=known).status_code == 304
    shelf.publish(database, sources)
    assert client.get(address, headers=known).status_code == 200
    root = client.get("/v1/snapshot/metadata/1.root.json")
    assert "immutable" in root.headers["Cache-Control"]


# -- for one licensee --------------------------------------------------------------------------------------
@pytest.fixture
def licensed(
    shelf: Shelf, database: Database, sources: Sources, account: Make
) -> tuple[str, Account, Account]:
    """The address of a lab's licence file, that lab, and another one."""
    anna, lab, rival = account(), account(Role.LAB, name="A lab"), account(Role.LAB, name="Another")
    with database.writing() as session:
        work = register(session, anna.actor, sources)
        terms = licences.CreateOffer((work.public_id,), Purpose.TRAIN_GENAI, licensees=(lab.actor.public_id,))
        offer = licences.create_offer(session, anna.actor, terms, sources)
        licences.accept_offer(session, lab.actor, licences.AcceptOffer(offer.public_id), sources)
    shelf.publish(database, sources)
    target = licence_target(lab.id)
    digest = hashlib.sha256(shelf.targets()[target]).hexdigest()
    return f"/v1/snapshot/targets/licences/{digest}.{target.removeprefix('licences/')}", lab, rival


def test_a_licence_file_is_for_its_licensee_only(
    client: Client, licensed: tuple[str, Account, Account]
) -> None:
    address, lab, rival = licensed
    etag = f'"{address.rpartition("/")[2].partition(".")[0]}"'
    for headers in ({}, rival.headers):
        assert client.get(address, headers=headers).status_code == 404
        assert client.get(address, headers={**headers, "If-None-Match": etag}).status_code == 404
        assert client.get(address, headers={**headers, "Range": "bytes=0-9"}).status_code == 404
    assert client.get(address, headers={"Authorization": "Bearer vbk_wrong"}).status_code == 401
    theirs = client.get(address, headers=lab.headers)
    assert theirs.status_code == 200
    assert theirs.json["licensee"] == format_id("party", lab.actor.public_id)
    assert "private" in theirs.headers["Cache-Control"]
    assert "public" not in theirs.headers["Cache-Control"]
    assert "Authorization" in theirs.headers["Vary"]
    assert client.get(address, headers={**lab.headers, "If-None-Match": etag}).status_code == 304


def test_a_licence_file_cannot_be_had_under_another_name(
    client: Client, licensed: tuple[str, Account, Account]
) -> None:
    address, *_ = licensed
    name = address.rpartition("/")[2]
    for path in (f"lists/../licences/{name}", f"licences//{name}", f"./licences/{name}", f"Licences/{name}"):
        assert client.get(f"/v1/snapshot/targets/{path}").status_code in {404, 308}
