"""A real S3 server for tests: moto's, on a free loopback port."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def server() -> Iterator[str]:
    """A running server; yields its address."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        running.stop()


REGION = "eu-central-1"


def environment(endpoint: str) -> dict[str, str]:
    """What tells the AWS libraries to use that server, as an operator would set it; nothing of this machine's."""
    return {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(endpoint: str) -> Any:
    """A client of that server, to look behind the scenes."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return _session().client("s3", endpoint_url=endpoint, region_name=REGION, **keys)


@cache
def _session() -> boto3.Session:
    """One for all tests of a process: each would read megabytes of JSON."""
    return boto3.Session()


def make_bucket(endpoint: str) -> str:
    """A new, empty bucket; its name."""
    name = f"registry-{secrets.token_hex(6)}"
    client(endpoint).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name
