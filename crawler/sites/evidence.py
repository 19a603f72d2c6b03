"""A file of sites as a run uses it: checked line by line once, then looked up in where it lies.

Ten million sites are tens of gigabytes. So beside the file lies an index of 16 bytes a site, `FILE.index`: digests of
origins in ascending order, and where the lines begin. Both are mapped into memory and shared by all processes of a
machine. The index names the digest of the file that it is of, and is made anew for another one.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crawler import durable
from crawler.sites import DAY, MAX_AGE_DAYS
from crawler.sites.lines import LONGEST, oldest, parse_head, parse_site, parse_tail
from registry.core.errors import Corrupt, InvalidInput, NotReady
from registry.core.signals.families import FAMILIES
from registry.core.signals.reading import Obtained

_HEADER: Final = Struct("<16s32sQ8x")
_MAGIC: Final = b"vorbehalt-sites1"
_TAIL: Final = 1_024
"""Bytes within which the last line of a file lies."""


@dataclass(frozen=True, slots=True)
class Sites:
    """A checked file of sites, as a value that can be sent to any process: where it lies, and what it is."""

    path: Path
    sha256: str
    sites: int
    begun: int
    ended: int
    oldest: int
    """When the sites were asked, and when the first of all answers came (POSIX seconds)."""
    agent: str | None
    any_ai_agent: bool
    strict: bool
    """In whose name, see `registry.core.signals.Subject`."""
    max_age: int
    """Seconds: what was obtained longer before the moment for which permission is asked permits nothing any more."""

    def as_json(self) -> dict[str, Any]:
        """As a run's papers state it: all that decides, and the editions of the rules by which the files are read."""
        names = ("sha256", "sites", "begun", "ended", "oldest", "agent", "any_ai_agent", "strict", "max_age")
        return {name: getattr(self, name) for name in names} | {"rules": dict(FAMILIES)}

    def may_age(self, since: int, until: int) -> bool:
        """Whether what a site answered may be fresh at one of two moments and too old at the other."""
        return since != until and self.oldest < max(since, until) - self.max_age

    def check_file(self) -> None:
        """`NotReady` unless this very file lies there: for a machine that may have a copy of its own."""
        if not self.path.is_file() or durable.sha256_of(self.path) != self.sha256:
            raise _another(self.path)


def check_sites(path: Path, *, at: int, max_age_days: int = MAX_AGE_DAYS) -> Sites:
    """Check a whole file of sites, and make its index if there is none yet.

    `Corrupt` if a line is not as it was written, is missing or one too many; `InvalidInput` if it was made after `at`
    (POSIX seconds), the moment for which permission is asked.
    """
    if not path.is_file():
        raise InvalidInput(
            f"{path} is not there; make it with `vorbehalt signals --domains LIST --out {path}`."
        )
    digest = durable.sha256_of(path)
    if _indexed(path) != digest:
        _write_index(path, digest)
    with path.open("rb") as file:
        head = parse_head(file.readline(LONGEST))
    tail = parse_tail(_last_line(path))
    assert tail is not None  # or there would be no index
    if at < tail.ended:
        raise InvalidInput(
            f"{path} was made after the moment for which permission is asked; what held then it does not say."
        )
    return Sites(
        path=path.absolute(),
        sha256=digest,
        sites=tail.sites,
        begun=head.begun,
        ended=tail.ended,
        oldest=tail.oldest,
        agent=head.agent,
        any_ai_agent=head.any_ai_agent,
        strict=head.strict,
        max_age=max_age_days * DAY,
    )


class OpenSites:
    """The file and its index, mapped into memory."""

    def __init__(self, sites: Sites) -> None:
        """`NotReady` if another file lies there, or none."""
        self._path = sites.path
        if _indexed(sites.path) != sites.sha256:
            raise _another(sites.path)
        with sites.path.open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._keys, self._begins = _columns(_index_of(sites.path), sites.sites)

    def find(self, origin: str) -> tuple[int, Obtained] | None:
        """Where the line of a site begins, by its origin in normal form, and what it says; `None` if it has none."""
        key = np.uint64(_key(origin))
        at = int(np.searchsorted(self._keys, key))
        while at < len(self._keys) and self._keys[at] == key:
            begin = int(self._begins[at])
            found, obtained = self._line(begin)
            if found == origin:
                return begin, obtained
            at += 1
        return None

    def read(self, begin: int) -> Obtained:
        """What the site answered whose line begins there."""
        return self._line(begin)[1]

    def _line(self, begin: int) -> tuple[str, Obtained]:
        end = self._lines.find(b"\n", begin) + 1
        try:
            return parse_site(self._lines[begin:end])
        except Corrupt as problem:
            raise Corrupt(f"{self._path} at byte {begin}: {problem.message}. {_AGAIN}") from None


_AGAIN: Final = (
    "Make the file again with `vorbehalt signals --domains`; what was kept with --evidence is not asked anew."
)


def _another(path: Path) -> NotReady:
    return NotReady(
        f"{path} is not the file of sites that was asked for, or has no index. Each machine needs the same file "
        "and its index at this path."
    )


# -- the index -----------------------------------------------------------------------------------------------
def _index_of(path: Path) -> Path:
    return path.with_name(path.name + ".index")


def _key(origin: str) -> int:
    return int.from_bytes(blake2b(origin.encode(), digest_size=8).digest(), "little")


def _indexed(path: Path) -> str | None:
    """The digest of the file that the index beside this one is of; `None` if it has none that is whole."""
    index = _index_of(path)
    try:
        with index.open("rb") as file:
            header = file.read(_HEADER.size)
        size = index.stat().st_size
    except FileNotFoundError:
        return None
    if len(header) != _HEADER.size:
        return None
    magic, digest, sites = _HEADER.unpack(header)
    return str(digest.hex()) if magic == _MAGIC and size == _HEADER.size + 16 * sites else None


def _columns(index: Path, sites: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    if not sites:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    both = np.memmap(index, "<u8", "r", _HEADER.size, (2, sites))
    return both[0], both[1]


def _write_index(path: Path, digest: str) -> None:
    """Read the whole file once."""
    keys, begins = array("Q"), array("Q")
    for begin, origin in _checked(path):
        keys.append(_key(origin))
        begins.append(begin)
    order = np.argsort(np.frombuffer(keys, np.uint64), kind="stable") if keys else np.empty(0, np.int64)
    index = _index_of(path)
    with durable.replacing(index) as rough, rough.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, bytes.fromhex(digest), len(keys)))
        for column in (keys, begins) if keys else ():
            file.write(np.frombuffer(column, np.uint64)[order].astype("<u8").tobytes())


def _checked(path: Path) -> Iterator[tuple[int, str]]:
    """Where the line of each site begins, and its origin."""
    order, begin, number = _Order(), 0, 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST + 1):
            number += 1
            try:
                origin = order.take(line)
            except Corrupt as problem:
                raise Corrupt(f"{path}, line {number}: {problem.message}. {_AGAIN}") from None
            if origin is not None:
                yield begin, origin
            begin += len(line)
    if not order.is_whole:
        raise Corrupt(f"{path} ends too early: its last line is missing. {_AGAIN}")


class _Order:
    """The lines of a file as they come: one that says how, sites in ascending order, one that counts them."""

    def __init__(self) -> None:
        self.is_whole = False
        self._begun = False
        self._sites = 0
        self._last = ""
        self._oldest: int | None = None

    def take(self, line: bytes) -> str | None:
        """The next line; gives the origin of a site. `Corrupt` for one that cannot stand here."""
        if self.is_whole:
            raise Corrupt("behind the last line")
        if not self._begun:
            parse_head(line)
            self._begun = True
            return None
        if (tail := parse_tail(line)) is not None:
            if (tail.sites, tail.oldest) != (self._sites, self._oldest or 0):
                raise Corrupt("sites are missing before it")
            self.is_whole = True
            return None
        origin, obtained = parse_site(line)
        if origin <= self._last:
            raise Corrupt("a site that is there already, or out of order")
        self._sites, self._last = self._sites + 1, origin
        found = oldest(obtained)
        self._oldest = found if self._oldest is None else min(found, self._oldest)
        return origin


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().splitlines(keepends=True)[-1]
