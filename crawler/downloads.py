"""Fetch signed files: over HTTP, with time and size limits, resumed where they broke off; or from a disk.

Nothing that arrives here is believed; it is verified before it is used. So public files may come from any mirror and by
way of redirects, but the API key is sent to the registry's own licence files only, and never along a redirect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    LengthOrHashMismatchError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from crawler.answers import Answer, TooSlow
from crawler.connections import check_address, check_key, pool, user_agent
from registry.core.errors import InvalidInput
from registry.core.snapshots.licences import PREFIX

_BELOW = "/v1/snapshot/"
_CHUNK = 1 << 18
_ATTEMPTS = 5
"""At one file from one address, as long as each brings it further."""
_REDIRECTS = 3
"""That are followed for what is public."""


def snapshot_url(server_url: str) -> str:
    """Where the registry at this address publishes; `InvalidInput` if it is not a plain http(s) address."""
    return check_address(server_url) + _BELOW


@dataclass(frozen=True)
class Body:
    """What an address answers with."""

    chunks: Iterator[bytes]
    start: int = 0
    """Which byte of the file comes first."""
    tag: str | None = None
    """The version of the file, as the server names it."""


class Fetcher(FetcherInterface):
    """What the TUF client downloads with, bound to one registry and perhaps some mirrors of it."""

    def __init__(
        self, base_url: str, parts: Path, api_key: str | None = None, mirrors: Sequence[str] = ()
    ) -> None:
        """`base_url` as `snapshot_url` gives it; `mirrors` have what is below it at their own addresses.

        In the folder `parts` lies what has not come whole yet. `InvalidInput` for an address or a key that is none,
        or a key that would travel openly.
        """
        check_key(base_url, api_key)
        self.base_url = base_url
        self.name = base_url.removesuffix(_BELOW)
        """The registry, or whatever stands for it, as people know it."""
        self.doubt = f"Is {self.name} the address of a registry, and is it up?"
        """What to ask oneself if it answers in an unexpected way."""
        self.licensee_url = f"{base_url}licensee"
        """Where the server tells whose API key this is."""
        self.received = 0
        """Bytes of all bodies so far."""
        self.notes: list[str] = []
        """What a person should know although a file came."""
        self._failed: set[str] = set()
        self._told: set[str] = set()
        self._mirrors = [f"{check_address(mirror)}/" for mirror in mirrors]
        self._parts = parts
        self._pools = {address: pool(address) for address in [base_url, *self._mirrors]}
        self._key = api_key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connections in self._pools.values():
            connections.clear()

    def is_registry(self) -> bool:
        """Whether a registry answers here, and not just any web server: it wants to know who asks."""
        try:
            self.download_bytes(self.licensee_url, 1 << 10)
        except DownloadError as problem:
            return isinstance(problem, DownloadHTTPError) and problem.status_code in {401, 403}
        return True

    @property
    def has_key(self) -> bool:
        """Whether we come as somebody."""
        return self._key is not None

    def _is_private(self, url: str) -> bool:
        """Whether the API key is needed for this address, and may be shown to whoever answers there."""
        return url == self.licensee_url or url.startswith(f"{self.base_url}targets/{PREFIX}")

    def _fetch(self, url: str) -> Iterator[bytes]:
        """The body of `url` in chunks; of a mirror if the registry does not answer. `DownloadError` if nobody has it.

        That there is no such file is an answer: it is how the library learns that there is no newer root.
        """
        path, refusals = url.removeprefix(self.base_url), list[DownloadError]()
        for place in self._places([self.base_url, *self._mirrors], url):
            try:
                return self._open(place + path).chunks
            except DownloadError as problem:
                refusals.append(problem)
                self._pass_over(place, problem)
                if _is_answer(problem) and place == self.base_url:
                    break
        raise next(filter(_is_answer, refusals), refusals[0])

    def _places(self, places: Sequence[str], url: str) -> list[str]:
        """Where to ask for this, in this order: the registry alone for what is private, and last who failed before."""
        if self._is_private(url):
            return [self.base_url]
        return sorted(places, key=lambda place: place in self._failed)

    def _pass_over(self, place: str, problem: DownloadError | LengthOrHashMismatchError) -> None:
        """Remember who failed; that there is no such file is no failure, but with a mirror worth telling."""
        if place != self.base_url and place not in self._told:
            self._told.add(place)
            self.notes.append(f"The mirror {place} was passed over: {problem}.")
        if not _is_answer(problem):
            self._failed.add(place)

    def _open(self, url: str, start: int = 0, tag: str | None = None) -> Body:
        """Ask for a file from byte `start` on, which a server may ignore; the library's `DownloadError` for trouble."""
        headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
        private = self.has_key and self._is_private(url)
        if private:
            headers["Authorization"] = f"Bearer {self._key}"
        if start:
            headers["Range"] = f"bytes={start}-"
        if start and tag:
            headers["If-Range"] = tag
        connections = next(p for address, p in self._pools.items() if url.startswith(address))
        answer = Answer(connections, url, headers, redirects=0 if private else _REDIRECTS)
        is_rest = start > 0 and answer.status == 206
        if not is_rest and answer.status != 200:
            answer.discard()
            raise DownloadHTTPError(f"{url} answered with HTTP status {answer.status}", answer.status)
        if is_rest and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            answer.give_up()
            raise DownloadError(f"{url} answered with another part than was asked for")
        if (coding := answer.headers.get("Content-Encoding", "identity").lower()) != "identity":
            answer.give_up()
            raise DownloadError(f"{url} does not come as it was published but packed ({coding[:20]!r})")
        etag = answer.headers.get("ETag", "")
        return Body(
            self._counted(answer),
            start=start if is_rest else 0,
            tag=etag if etag.startswith('"') else None,  # others do not stand for the same bytes
        )

    def _counted(self, answer: Answer) -> Iterator[bytes]:
        for piece in answer:
            self.received += len(piece)
            yield piece

    def download_target(self, file: TargetFile, path: Path) -> None:
        """Download a published file. `path` appears when it is whole, verified and on the disk, or not at all.

        What came before it broke off stays in the folder for parts, and the next attempt goes on from there: at once
        if it makes headway, from another mirror, or in another sync. The library's own download starts anew each time.
        """
        name = f"targets/{file.get_prefixed_paths()[0]}"
        part = self._parts / file.hashes["sha256"]
        places = self._places([*self._mirrors, self.base_url], self.base_url + name)
        refusals: dict[str, Exception] = {}
        for place in places:
            try:
                self._bring(place + name, part, file)
                break
            except (DownloadError, LengthOrHashMismatchError) as problem:
                refusals[place] = problem
                self._pass_over(place, problem)
        else:
            raise refusals[self.base_url]
        part.rename(path)
        _tag_file(part).unlink(missing_ok=True)

    def _bring(self, url: str, part: Path, file: TargetFile) -> None:
        """Complete and verify the part. One that turns out wrong is thrown away; if it was not all ours, once anew."""
        was_resumed = part.is_file()
        try:
            self._complete(url, part, file.length)
            with part.open("rb") as written:
                file.verify_length_and_hashes(written)
        except (DownloadLengthMismatchError, LengthOrHashMismatchError):
            part.unlink(missing_ok=True)
            if not was_resumed:
                raise
            self._bring(url, part, file)

    def _complete(self, url: str, part: Path, length: int) -> None:
        """Download what is missing, in several attempts as long as each brings it further."""
        for attempt in range(_ATTEMPTS):
            size = part.stat().st_size if part.is_file() else 0
            if size == length and part.is_file():
                return
            try:
                self._append(url, part, size, length)
                return
            except (DownloadLengthMismatchError, TooSlow):
                raise
            except DownloadError:
                headway = part.is_file() and part.stat().st_size > size
                if not headway or attempt == _ATTEMPTS - 1:
                    raise

    def _append(self, url: str, part: Path, size: int, limit: int) -> None:
        tag_file = _tag_file(part)
        body = self._open(url, size, tag_file.read_text("utf-8") if tag_file.is_file() else None)
        if not body.start:
            tag_file.write_text(body.tag or "", "utf-8")
        size = body.start
        with part.open("ab" if body.start else "wb") as out:
            for chunk in body.chunks:
                size += len(chunk)
                if size > limit:
                    raise DownloadLengthMismatchError(
                        f"{url} has more than the {limit} bytes that are signed"
                    )
                out.write(chunk)
                if size == limit:  # whoever has more to say is not listened to
                    break
            out.flush()
            os.fsync(out.fileno())


class OfflineFetcher(Fetcher):
    """The same from a folder that holds a copy of the published tree, such as a disk that was carried here."""

    def __init__(self, folder: Path, parts: Path) -> None:
        """`InvalidInput` if there is no such copy."""
        super().__init__("http://localhost/", parts)
        if not (folder / "metadata/timestamp.json").is_file():
            raise InvalidInput(
                f"{folder} holds no copy of a registry's published files: there is no metadata/timestamp.json in it."
            )
        self.base_url = f"{folder.resolve().as_uri()}/"
        self.name = str(folder)
        self.doubt = f"Is {folder} a whole copy of what a registry publishes?"
        self._folder = folder

    def _open(self, url: str, start: int = 0, tag: str | None = None) -> Body:  # noqa: ARG002
        path = self._folder / url.removeprefix(self.base_url)
        try:
            if path.exists() and not path.is_file():  # a pipe would never answer
                raise DownloadError(f"{path} is no file")
            file = path.open("rb")
        except FileNotFoundError as problem:
            raise DownloadHTTPError(f"{path} does not exist (as HTTP status 404)", 404) from problem
        except OSError as problem:
            raise DownloadError(f"{path} cannot be read: {problem.strerror}") from problem
        file.seek(start)
        return Body(self._read(file, path), start)

    def _read(self, file: BinaryIO, path: Path) -> Iterator[bytes]:
        with file:
            try:
                while chunk := file.read(_CHUNK):
                    self.received += len(chunk)
                    yield chunk
            except OSError as problem:
                raise DownloadError(f"{path} broke off: {problem.strerror}") from problem


def _is_answer(problem: Exception) -> bool:
    """Whether somebody was there and said no."""
    return isinstance(problem, DownloadHTTPError) and problem.status_code < 500


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


class ClockedUpdater(Updater):
    """The library's TUF client, with the present as an argument: it would read the machine's clock when created."""

    def __init__(self, metadata_dir: Path, fetcher: Fetcher, root: bytes, now: datetime) -> None:
        """`root` is the first trusted root; newer ones are followed from `metadata_dir` and from the server."""
        url = f"{fetcher.base_url}metadata/"
        super().__init__(str(metadata_dir), url, fetcher=fetcher, bootstrap=root)
        self._trusted_set.reference_time = now
