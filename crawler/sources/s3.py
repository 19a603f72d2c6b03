"""Files in S3 buckets, through pyarrow. Credentials, region and address come from the usual AWS environment.

An interrupted read goes on where it stopped. If it cannot, the run ends with that as its reason and `--resume` goes
on later: what a network did on one day never gets into the papers of a run.
"""

from __future__ import annotations

import io
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO, NoReturn, cast
from urllib.parse import urlsplit

from pyarrow import fs

from registry.core.errors import InvalidInput, NetworkFailed, NotFound

SCHEME = "s3://"
_PIECE = 8 << 20
"""Bytes of one request."""
_ATTEMPTS = 4
_PAUSE, _LONGEST_PAUSE = 0.2, 4.0
"""Seconds before a read is tried again; four times as long before each further attempt."""
_ADVICE = (
    ("NO_SUCH_BUCKET", "The bucket “{bucket}” does not exist."),
    ("INVALID_ACCESS_KEY_ID", "S3 does not know this access key. Set AWS_ACCESS_KEY_ID to a valid one."),
    ("INVALID_CLIENT_TOKEN_ID", "S3 does not know this access key. Set AWS_ACCESS_KEY_ID to a valid one."),
    (
        "SIGNATURE_DOES_NOT_MATCH",
        "The secret key is wrong. Set AWS_SECRET_ACCESS_KEY to the one of this access key.",
    ),
    ("EXPIRED_TOKEN", "The session has expired. Get new credentials and go on with --resume."),
    (
        "ACCESS_DENIED",
        "These credentials may not read “{path}”: they need to list the bucket and get its objects.",
    ),
    ("HTTP status 301", "The bucket “{bucket}” is in another region. Set AWS_REGION."),
)


@dataclass(frozen=True, slots=True)
class S3Object:
    """One object, as it was listed."""

    key: str
    """Bucket and name, `bucket/folder/name`."""
    size: int
    mtime_ns: int
    path: None = None
    """It does not lie on this machine."""

    def open(self) -> BinaryIO:
        """Its bytes; can be read from any place."""
        return cast("BinaryIO", io.BufferedReader(_Patient(self), _PIECE))


def split_uri(uri: str) -> str:
    """`bucket/name` of an address; `InvalidInput` for one with credentials in it, which others could read."""
    path = uri.removeprefix(SCHEME).rstrip("/")
    bucket = path.split("/", 1)[0]
    if "@" in bucket or ":" in bucket:
        raise InvalidInput(
            "Credentials do not belong into an address. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and "
            "AWS_ENDPOINT_URL for a server that is not Amazon's."
        )
    if not bucket:
        raise InvalidInput(f"“{uri}” names no bucket; write s3://bucket/folder/.")
    return path


def find(path: str) -> S3Object | None:
    """The object of this name, or `None` for what may be a folder. `NotFound` if there is no such bucket."""
    if "/" not in path:
        return None
    try:
        facts = _ask(path, lambda system: system.get_file_info(path))
    except InvalidInput:
        listing(path)  # S3 says nothing but “no” about single objects; about a listing it says why
        raise
    return _object(facts) if facts.type == fs.FileType.File else None


def listing(path: str) -> list[S3Object]:
    """Every object below this folder, sorted by name as bytes. `NotFound` if there is none."""
    selector = fs.FileSelector(path, recursive=True)
    found = _ask(path, lambda system: system.get_file_info(selector))
    objects = [_object(facts) for facts in found if facts.type == fs.FileType.File]
    return sorted(objects, key=lambda entry: entry.key.encode("utf-8", "surrogateescape"))


def _object(facts: fs.FileInfo) -> S3Object:
    return S3Object(facts.path, facts.size or 0, facts.mtime_ns or 0)


# -- the connection ------------------------------------------------------------------------------------------
def _system(path: str) -> fs.S3FileSystem:
    """One client per process, address and region."""
    address = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not region and not address:
        region = _region(path.split("/", 1)[0])
    return _connect(address, region)


@lru_cache(maxsize=64)
def _region(bucket: str) -> str:
    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError as problem:
        _explain(problem, bucket)


@lru_cache(maxsize=64)
def _connect(address: str, region: str) -> fs.S3FileSystem:
    parts = urlsplit(address)
    return fs.S3FileSystem(
        region=region or None,
        endpoint_override=parts.netloc or address or None,
        scheme=parts.scheme or None,
        connect_timeout=10,
        request_timeout=60,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


def _ask(path: str, question: Any) -> Any:
    try:
        return question(_system(path))
    except OSError as problem:
        _explain(problem, path)


def _explain(problem: OSError, path: str) -> NoReturn:
    """What S3 said, as something that one can act on."""
    if isinstance(problem, FileNotFoundError):
        raise NotFound(f"There is nothing at {SCHEME}{path}.") from problem
    said = str(problem)
    for mark, advice in _ADVICE:
        if mark in said:
            raise InvalidInput(advice.format(bucket=path.split("/", 1)[0], path=SCHEME + path)) from problem
    raise NetworkFailed(
        f"{SCHEME}{path} could not be read: {said[:300]}. Go on with --resume when the server can be reached.",
    ) from problem


# -- reading -------------------------------------------------------------------------------------------------
class _Patient(io.RawIOBase):
    """An object's bytes; reads again, from where it stopped, what was cut off on the way."""

    def __init__(self, what: S3Object) -> None:
        super().__init__()
        self._what = what
        self._at = 0
        self._file: Any = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes: each request names the bytes that it wants."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._what.size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer, io gives memoryviews
        """As much as fits, less only at the end of the object."""
        wanted = max(0, min(len(buffer), self._what.size - self._at))
        if not wanted:
            return 0
        buffer[:wanted] = self._get(wanted)
        self._at += wanted
        return wanted

    def _get(self, wanted: int) -> bytes:
        pause = _PAUSE
        while True:
            try:
                return self._get_once(wanted)
            except OSError as problem:
                final = isinstance(problem, FileNotFoundError) or any(m in str(problem) for m, _ in _ADVICE)
                if final or pause > _LONGEST_PAUSE:
                    _explain(problem, self._what.key)
            self._file = None
            time.sleep(pause)
            pause *= 4

    def _get_once(self, wanted: int) -> bytes:
        if self._file is None:
            self._file = _system(self._what.key).open_input_file(self._what.key)
        if self._file.size() != self._what.size:
            raise InvalidInput(
                f"{SCHEME}{self._what.key} was changed while it was read. Start again, into another folder."
            )
        data: bytes = self._file.read_at(wanted, self._at)
        if len(data) != wanted:
            raise OSError(f"{len(data)} of {wanted} bytes came")
        return data
