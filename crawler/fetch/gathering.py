"""All that is to be known about a target: its bytes, its site's files, and the licences that those announce.

With a folder of kept evidence, what is kept is taken from there and nothing is asked; what is asked is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urljoin, urlsplit

from crawler.fetch.asking import TOKEN, Asker
from crawler.fetch.kept import Kept
from registry.core.errors import InvalidInput
from registry.core.fingerprints.model import Limits
from registry.core.signals import Observation, Subject, robots
from registry.core.signals.reading import SITE_FILES, Obtained, media_of, wanted

MOST_LICENCES: Final = 16
"""Documents that are asked for on behalf of one site or item. One more that is announced counts as not to be had."""
_REMEMBERED: Final = 64
"""Answers that are held in memory, those asked for last: for other items of a site, and for sites with one licence."""

_MEDIA_BY_SUFFIX: Final = {
    "image": {
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".webp",
        ".avif",
        ".heic",
        ".tif",
        ".tiff",
        ".bmp",
        ".jp2",
        ".jxl",
    },
    "text": {".txt", ".md", ".html", ".htm", ".pdf", ".epub", ".docx", ".xhtml"},
}
_MEDIA_TYPES: Final = {".html": "text/html", ".htm": "text/html", ".xhtml": "application/xhtml+xml"}


class Gatherer:
    """Gathers for many targets, for any number of threads, asking each site's files once."""

    def __init__(self, asker: Asker, kept: Kept | None = None, *, refresh: bool = False) -> None:
        self._asker = asker
        self._kept = kept
        self._refresh = refresh
        self._seen: OrderedDict[str, Future[Observation]] = OrderedDict()
        self._looking = Lock()

    def address(self, url: str, subject: Subject) -> tuple[Obtained, Subject]:
        """What is to be known about an address; the item itself is asked for only where robots.txt lets us."""
        check_url(url)
        site = self._site(url)
        if _may_fetch(site["/robots.txt"], url):
            item = self._ask(url)
        else:
            item = Observation(url, None, error="robots", observed_at=site["/robots.txt"].observed_at)
        subject = replace(subject, url=url, media=media_of(item))
        return self._with_licences(Obtained(item, site), subject)

    def site(self, origin: str, subject: Subject) -> Obtained:
        """What a whole site says, by its files alone."""
        url = f"{origin}/"
        return self._with_licences(Obtained(None, self._site(url)), replace(subject, url=url))[0]

    def file(self, path: Path, subject: Subject) -> tuple[Obtained, Subject]:
        """What a file says, and an XMP file beside it."""
        limit = Limits().max_file_bytes
        if path.stat().st_size > limit:
            raise InvalidInput(f"{path} is larger than {limit >> 20} MiB, which is the most that is read.")
        suffix = path.suffix.lower()
        media = next((media for media, known in _MEDIA_BY_SUFFIX.items() if suffix in known), subject.media)
        kind = _MEDIA_TYPES.get(suffix)
        headers = (("Content-Type", kind),) if kind else ()
        item = Observation(path.name, 200, headers, path.read_bytes(), observed_at=int(path.stat().st_mtime))
        beside = [p for p in (path.with_suffix(".xmp"), Path(f"{path}.xmp")) if p.is_file() and p != path]
        sidecar = beside[0].read_bytes() if beside else None
        return Obtained(item, sidecar=sidecar), replace(subject, media=type(subject.media)(media))

    def _site(self, url: str) -> dict[str, Observation]:
        return {path: self._ask(urljoin(url, path)) for path in SITE_FILES}

    def _with_licences(self, obtained: Obtained, subject: Subject) -> tuple[Obtained, Subject]:
        asked = islice(wanted(obtained, subject), MOST_LICENCES)
        licences = {address: self._ask(address) for address in asked}
        return replace(obtained, licences=licences), subject

    def _ask(self, url: str) -> Observation:
        """What an address answers; who comes while it is being asked waits for the same answer."""
        mine: Future[Observation] = Future()
        with self._looking:
            answer = self._seen.setdefault(url, mine)
            self._seen.move_to_end(url)
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        if answer is mine:
            try:
                mine.set_result(self._obtain(url))
            except BaseException as problem:
                mine.set_exception(problem)
                raise
        return answer.result()

    def _obtain(self, url: str) -> Observation:
        kept = self._kept.read(url) if self._kept is not None else None
        if kept is None or self._refresh:
            kept = self._asker.ask(url, kept)
            if self._kept is not None:
                self._kept.write(kept)
        return kept


def check_url(url: str) -> None:
    """`InvalidInput` for what is no address on the web."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        good = False
    if not good:
        raise InvalidInput(f"“{url[:100]}” is no address; one looks like https://example.org/picture.jpg.")


def _may_fetch(answer: Observation, url: str) -> bool:
    """Whether robots.txt lets us ask for the item; not while it is unknown (RFC 9309, section 2.3.1)."""
    if answer.found:
        parsed = robots.Robots.parse(answer.body)
        return not parsed.too_large and parsed.allows(url, TOKEN)
    return not robots.unavailable(answer)
