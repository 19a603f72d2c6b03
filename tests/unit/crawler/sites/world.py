"""Files of sites for tests, written as `vorbehalt signals --domains` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crawler.sites.lines import Head, Tail, site_line
from registry.core.signals import Observation
from registry.core.signals.reading import SITE_FILES, Obtained

ASKED_AT = 1_700_000_000

TIMEOUT = None
"""Instead of a body: nobody answered."""


def site(
    origin: str,
    files: Mapping[str, bytes | str | None],
    *,
    at: int = ASKED_AT,
    licences: Mapping[str, str] | None = None,
) -> bytes:
    """One site's line; files that are not named are missing there."""
    answers = {path: _answer(f"{origin}{path}", files.get(path, b""), at) for path in SITE_FILES}
    documents = {address: _answer(address, body, at) for address, body in (licences or {}).items()}
    return site_line(origin, Obtained(site=answers, licences=documents))


def _answer(url: str, body: bytes | str | None, at: int) -> Observation:
    if body is TIMEOUT:
        return Observation(url, None, error="timeout", observed_at=at)
    content = body.encode() if isinstance(body, str) else body
    return Observation(url, 200 if content else 404, (), content, observed_at=at)


def head(*, begun: int = ASKED_AT, agent: str | None = None) -> bytes:
    """The first line."""
    return Head(begun, agent, any_ai_agent=True, strict=False, rules={}).to_line()


def sites_file(path: Path, *lines: bytes, at: int = ASKED_AT, oldest: int | None = None) -> Path:
    """A file of these lines, which have to be in order."""
    tail = Tail(len(lines), at if oldest is None else oldest, at)
    path.write_bytes(b"".join([head(begun=at), *lines, tail.to_line()]))
    return path


REFUSES = "User-agent: *\nDisallow: /\n"
PERMITS = '[{"location": "/", "tdm-reservation": 0}]'
TDMREP = "/.well-known/tdmrep.json"
