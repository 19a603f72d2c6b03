"""Fetch signed files over HTTP: with time and size limits, and with the API key only where it belongs.

Nothing that arrives here is believed; whoever asked verifies it. So public files may come by way of redirects and
mirrors, but the API key is sent to the registry's own licence files only, and never along a redirect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from crawler.connections import check_address, check_key, pool, user_agent
from registry.core.snapshots.licences import PREFIX

_CHUNK = 1 << 18
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_PUBLIC = urllib3.Retry(
    total=3,
    redirect=3,
    backoff_factor=0.1,
    status_forcelist=(502, 503, 504),
    respect_retry_after_header=False,  # it would let a server make us sleep for as long as it likes
)
_WITH_KEY = _PUBLIC.new(redirect=0)


def snapshot_url(server_url: str) -> str:
    """Where the registry at this address publishes; `InvalidInput` if it is not a plain http(s) address."""
    return f"{check_address(server_url)}/v1/snapshot/"


class Fetcher(FetcherInterface):
    """What the TUF client downloads with, bound to one registry."""

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        """`base_url` as `snapshot_url` gives it; `InvalidInput` for a key that is none, or that would travel openly."""
        check_key(base_url, api_key)
        self.base_url = base_url
        self.licensee_url = f"{base_url}licensee"
        """Where the server tells whose API key this is."""
        self.received = 0
        """Bytes of all bodies so far."""
        self._pool = pool(base_url)
        self._key = api_key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    @property
    def has_key(self) -> bool:
        """Whether we come as somebody."""
        return self._key is not None

    def _is_private(self, url: str) -> bool:
        """Whether the API key is needed for this address, and may be shown to whoever answers there."""
        return url == self.licensee_url or url.startswith(f"{self.base_url}targets/{PREFIX}")

    def _fetch(self, url: str) -> Iterator[bytes]:
        """The body of `url` in chunks; the library's `DownloadError` for whatever goes wrong."""
        headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
        private = self.has_key and self._is_private(url)
        if private:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            response = self._pool.request(
                "GET",
                url,
                headers=headers,
                preload_content=False,
                timeout=_TIMEOUT,
                retries=_WITH_KEY if private else _PUBLIC,
            )
        except urllib3.exceptions.HTTPError as problem:
            raise DownloadError(f"{url} cannot be reached: {problem}") from problem
        if response.status != 200:
            response.drain_conn()
            raise DownloadHTTPError(f"{url} answered with HTTP status {response.status}", response.status)
        return self._chunks(response, url)

    def _chunks(self, response: urllib3.BaseHTTPResponse, url: str) -> Iterator[bytes]:
        try:
            for chunk in response.stream(_CHUNK, decode_content=False):
                self.received += len(chunk)
                yield chunk
        except urllib3.exceptions.HTTPError as problem:
            raise DownloadError(f"{url} broke off: {problem}") from problem
        finally:
            response.close()

    def download_target(self, file: TargetFile, path: Path) -> None:
        """Download a published file. `path` appears when it is whole, verified and on the disk, or not at all.

        The library's own download writes twice, does not flush, and leaves half a file behind when it is killed.
        """
        url = f"{self.base_url}targets/{file.get_prefixed_paths()[0]}"
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as out:
                self._copy(url, out, file.length)
            with part.open("rb") as written:
                file.verify_length_and_hashes(written)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    def _copy(self, url: str, out: BinaryIO, limit: int) -> None:
        size = 0
        for chunk in self.fetch(url):
            size += len(chunk)
            if size > limit:
                raise DownloadLengthMismatchError(f"{url} has more than the {limit} bytes that are signed")
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())


class ClockedUpdater(Updater):
    """The library's TUF client, with the present as an argument: it would read the machine's clock when created."""

    def __init__(self, metadata_dir: Path, fetcher: Fetcher, root: bytes, now: datetime) -> None:
        """`root` is the first trusted root; newer ones are followed from `metadata_dir` and from the server."""
        url = f"{fetcher.base_url}metadata/"
        super().__init__(str(metadata_dir), url, fetcher=fetcher, bootstrap=root)
        self._trusted_set.reference_time = now
