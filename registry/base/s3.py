"""The file store in an S3 bucket: the same promises as the folder's.

S3 shows an object whole or not at all, and confirms a write only when it is durable. Objects that are too large for
one request go up in parts; parts of an upload that fails are taken away again, and nothing appears under the name.
We rely on no conditional write, since not every S3 server has them: names are digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.loaders import Loader

from registry.base.files import check_path, open_source
from registry.core.errors import InvalidInput, NetworkFailed, NotReady

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "max_attempts": 4},
    request_checksum_calculation="when_supported",
)
_PARTS = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)

_MISSING = {"NoSuchKey", "404", "NotFound"}
_ADVICE = {
    "NoSuchBucket": "The bucket “{bucket}” does not exist. Create it, or correct VORBEHALT_FILES_URL.",
    "404": "The bucket “{bucket}” does not exist. Create it, or correct VORBEHALT_FILES_URL.",
    "InvalidAccessKeyId": "S3 does not know this access key. Set AWS_ACCESS_KEY_ID to a valid one.",
    "SignatureDoesNotMatch": "The secret key is wrong. Set AWS_SECRET_ACCESS_KEY to the one of this access key.",
    "AccessDenied": "These credentials may not use the bucket “{bucket}”: get, put, list and delete must be allowed.",
    "403": "These credentials may not use the bucket “{bucket}”: get, put, list and delete must be allowed.",
}


@cache
def _descriptions() -> Loader:
    """What AWS's libraries know of its services: megabytes of JSON, which each session would read for itself."""
    return Loader()


def _session() -> boto3.Session:
    """A session with the credentials that the environment has now."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _descriptions())
    return boto3.Session(botocore_session=core)


class S3Store:
    """A store under one prefix of one bucket. Credentials, region and endpoint come from the AWS environment."""

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self._client = client or _session().client("s3", config=_CONFIG)

    def _key(self, path: str) -> str:
        return "/".join((*([self.prefix] if self.prefix else []), *check_path(path)))

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Turn S3's errors into ours: which setting is wrong, or that the network failed."""
        try:
            yield
        except NoCredentialsError:
            raise NotReady(
                "There are no credentials for S3. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role "
                "is assigned."
            ) from None
        except ClientError as error:
            raise self._refused(error, doing) from error
        except (BotoCoreError, Boto3Error) as error:
            cause = error.__context__
            if isinstance(cause, ClientError):
                raise self._refused(cause, doing) from error
            raise NetworkFailed(
                f"S3 could not be reached while {doing}: {error}. Nothing was changed."
            ) from error

    def _refused(self, error: ClientError, doing: str) -> NotReady:
        code = str(error.response.get("Error", {}).get("Code", ""))
        advice = _ADVICE.get(code, "S3 refused with {code} while {doing}.")
        return NotReady(advice.format(bucket=self.bucket, code=code or "no reason", doing=doing))

    def check(self) -> None:
        """Whether the bucket is there and ours to use; `NotReady` says what to correct."""
        with self._explained("looking at the bucket"):
            self._client.head_bucket(Bucket=self.bucket)
            self._client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)

    def put(self, path: str, data: bytes | Path) -> None:
        """Write the object, or a copy of this file, whole and durably; replaces one of that name."""
        key = self._key(path)
        with self._explained(f"writing {path}"), open_source(data) as source:
            self._client.upload_fileobj(source, self.bucket, key, Config=_PARTS)

    def get(self, path: str) -> bytes | None:
        """The object's bytes; `None` if there is none."""
        stream = self.open(path)
        if stream is None:
            return None
        with stream, self._explained(f"reading {path}"):
            return stream.read()

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        with self._explained(f"looking for {path}"):
            try:
                self._client.head_object(Bucket=self.bucket, Key=self._key(path))
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return False
                raise
        return True

    def size(self, path: str) -> int | None:
        """How many bytes it has; `None` if there is no such object."""
        with self._explained(f"looking for {path}"):
            try:
                found = self._client.head_object(Bucket=self.bucket, Key=self._key(path))
            except ClientError as error:
                if error.response["Error"]["Code"] not in _MISSING:
                    raise
                self._client.head_bucket(Bucket=self.bucket)  # a missing bucket answers alike
                return None
        return int(found["ContentLength"])

    def paths(self, folder: str) -> Iterable[str]:
        """The path of every object below this folder."""
        prefix = self._key(folder.rstrip("/")) + "/"
        skipped = len(self.prefix) + 1 if self.prefix else 0
        with self._explained(f"listing {folder}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"][skipped:] for page in pages for item in page.get("Contents", ()))

    def remove(self, path: str) -> None:
        """Remove the object, if there is one."""
        with self._explained(f"removing {path}"):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(path))

    def open(self, path: str, start: int = 0, length: int | None = None) -> BinaryIO | None:
        """The object as a stream from `start` on; `None` if there is none. The caller closes it."""
        part = {}
        if start or length is not None:
            part["Range"] = f"bytes={start}-" + ("" if length is None else str(start + length - 1))
        with self._explained(f"reading {path}"):
            try:
                found = self._client.get_object(Bucket=self.bucket, Key=self._key(path), **part)
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise
        return cast("BinaryIO", found["Body"])


def open_s3(url: str) -> S3Store:
    """The store at `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise InvalidInput(f"“{url[:100]}” is no S3 store; write s3://bucket/prefix.")
    return S3Store(parts.netloc, parts.path)
