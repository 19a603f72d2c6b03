"""The S3 store against a real S3 server: the folder's promises, and each wrong setting named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from registry.base.s3 import S3Store, open_s3
from registry.core.errors import InvalidInput, NetworkFailed, NotReady
from tests.support import s3


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.server() as address:
        yield address


def client(endpoint: str, **more: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="eu-central-1",
        config=Config(connect_timeout=2, read_timeout=10, retries={"max_attempts": 1}),
        **more,
    )


@pytest.fixture
def store(endpoint: str) -> S3Store:
    connection = client(endpoint)
    with suppress(connection.exceptions.BucketAlreadyOwnedByYou):
        connection.create_bucket(
            Bucket="registry", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    return S3Store("registry", "prefix", connection)


def test_what_was_put_is_got(store: S3Store) -> None:
    store.put("tile/0/000", b"hashes")
    assert store.get("tile/0/000") == b"hashes"
    assert store.exists("tile/0/000")
    stream = store.open("tile/0/000")
    assert stream is not None
    with stream:
        assert stream.read() == b"hashes"


def test_what_is_not_there_is_none(store: S3Store) -> None:
    assert store.get("tile/0/999") is None
    assert store.open("tile/0/999") is None
    assert not store.exists("tile/0/999")


def test_put_replaces(store: S3Store) -> None:
    store.put("checkpoint", b"old")
    store.put("checkpoint", b"new")
    assert store.get("checkpoint") == b"new"


def test_large_objects_go_up_in_parts(store: S3Store) -> None:
    data = bytes(range(256)) * (20 << 12)
    store.put("large", data)
    assert store.get("large") == data


def test_an_interrupted_upload_leaves_nothing(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0
    real = store._client.upload_part

    def break_off(**arguments: Any) -> Any:
        nonlocal sent
        sent += 1
        if sent == 2:
            raise ClientError({"Error": {"Code": "InternalError"}}, "UploadPart")
        return real(**arguments)

    monkeypatch.setattr(store._client, "upload_part", break_off)
    with pytest.raises((NotReady, NetworkFailed)):
        store.put("broken", b"x" * (40 << 20))
    assert sent >= 2
    assert store.get("broken") is None
    uploads = store._client.list_multipart_uploads(Bucket="registry").get("Uploads", [])
    assert [u for u in uploads if u["Key"] == "prefix/broken"] == []


@pytest.mark.parametrize("path", ["../other", "/absolute", "a//b", "", "a/../b", ".hidden"])
def test_no_path_leaves_the_prefix(store: S3Store, path: str) -> None:
    with pytest.raises(InvalidInput):
        store.put(path, b"x")


def test_a_missing_bucket_is_named(endpoint: str) -> None:
    store = S3Store("no-such-bucket", "", client(endpoint))
    with pytest.raises(NotReady, match="no-such-bucket"):
        store.put("a", b"x")
    with pytest.raises(NotReady, match="no-such-bucket"):
        store.get("a")
    with pytest.raises(NotReady):
        store.check()


def test_an_unreachable_server_is_a_network_failure() -> None:
    store = S3Store("registry", "", client("http://127.0.0.1:9"))
    with pytest.raises(NetworkFailed, match="could not be reached"):
        store.put("a", b"x")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        ("AccessDenied", "may not use the bucket"),
    ],
)
def test_wrong_credentials_are_explained(store: S3Store, code: str, advice: str) -> None:
    # The test server accepts all credentials, so the answer of a strict one is replayed at the transport.
    def refuse(**_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        body = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()

        class Raw:
            def stream(self, *_a: object, **_k: object) -> Iterator[bytes]:
                yield body

        return AWSResponse("http://s3", 403, {"content-type": "application/xml"}, Raw())

    store._client.meta.events.register("before-send.s3", refuse)
    with pytest.raises(NotReady, match=advice):
        store.get("a")


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "http://bucket/prefix", "s3://b/p?x=1"])
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        open_s3(url)
