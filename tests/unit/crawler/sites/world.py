"""Files of sites for tests, written as `vorbehalt signals --domains` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from crawler.sites import DAY
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

# -- sites that say all that can be said, and what follows for addresses ---------------------------------------
AT = ASKED_AT + 100
AI = """User-agent: GPTBot
Disallow: /ai/

User-agent: *
Content-Usage: /y/ train-ai=y
Content-Usage: /n/ train-ai=n
"""
FILES = {
    TDMREP: '[{"location": "/a*$", "tdm-reservation": 1}]',
    "/ai.txt": "User-agent: *\nDisallow: *.png\n",
}
OLD = {"/robots.txt": "User-agent: *\nDisallow: /no\n", TDMREP: PERMITS}
LICENCE = '<license><prohibits type="usage">ai-train</prohibits></license>'
RSL = f'<rsl xmlns="https://rslstandard.org/rsl"><content url="/sold/*">{LICENCE}</content></rsl>'
SITES = sorted(
    [
        site("https://ai.example", {"/robots.txt": AI}),
        site("https://files.example", FILES),
        site("https://open.example", {TDMREP: PERMITS}),
        site("https://silent.example", {}),
        site("https://slow.example", {"/robots.txt": TIMEOUT}),
        site("https://old.example", OLD, at=ASKED_AT - 40 * DAY),
        site("https://xn--bcher-kva.example", {"/robots.txt": REFUSES}),
        site("http://port.example:8080", {"/robots.txt": REFUSES}),
        site("https://rsl.example", {"/robots.txt": "License: /l.xml\n"}, licences={"https://rsl.example/l.xml": RSL}),
        site("https://[2001:db8::1]", {"/robots.txt": REFUSES}),
        site("http://plain.example", {}),
        site("https://plain.example", {"/robots.txt": REFUSES}),
    ],
    key=lambda line: json.loads(line)["origin"],
)  # fmt: skip

NO_SITE, NONE = ("unchecked.no-site", False), ("none-found", True)
EXPECTED: dict[str, tuple[str, bool]] = {
    "https://ai.example/a": NONE,
    "https://ai.example/ai/a": ("signal.site.robots", False),
    "https://ai.example/%61i/a": ("signal.site.robots", False),
    "https://ai.example/x/../ai/a": ("signal.site.robots", False),
    "https://ai.example/n/a": ("signal.site.content-usage", False),
    "https://ai.example/y/a": ("signal.site.content-usage", True),
    "https://files.example/a": ("signal.site.tdmrep", False),
    "https://files.example/b/a?q=1#f": NONE,
    "https://files.example/a?q=1": ("signal.site.tdmrep", False),
    "https://files.example/A.png": ("signal.site.ai.txt", False),
    "https://open.example/a": ("signal.site.tdmrep", True),
    "https://silent.example/a": NONE,
    "https://slow.example/a": ("error.signal.site.robots", False),
    "https://old.example/a": ("unchecked.stale-site", False),
    "https://old.example/no": ("signal.site.robots", False),
    "https://rsl.example/free/a": NONE,
    "https://rsl.example/sold/a": ("signal.site.rsl", False),
    # the same site in other words
    "HTTPS://Silent.EXAMPLE:443/a": NONE,
    "https://silent.example./a": NONE,
    "https://bücher.example/a": ("signal.site.robots", False),
    "https://XN--BCHER-KVA.example/a": ("signal.site.robots", False),
    "https://user:word@silent.example/a": NONE,
    "https://silent.example:443@ai.example/ai/": ("signal.site.robots", False),
    "https:\\\\silent.example\\a": NONE,
    "https://[2001:DB8:0::1]/a": ("signal.site.robots", False),
    # by http: its own site, else that by https, which then only refuses
    "http://silent.example/a": NONE,
    "http://ai.example/ai/a": ("signal.site.robots", False),
    "http://rsl.example/sold/a": ("signal.site.rsl", False),
    "http://open.example:80/a": NONE,
    "http://plain.example/a": NONE,
    "https://plain.example/a": ("signal.site.robots", False),
    # other sites
    "http://port.example:8080/a": ("signal.site.robots", False),
    "http://port.example/a": NO_SITE,
    "https://port.example:8080/a": NO_SITE,
    "http://silent.example:8080/a": NO_SITE,
    "https://silent.example:444/a": NO_SITE,
    "https://www.silent.example/a": NO_SITE,
    "https://silent.example..evil.example/": NO_SITE,
    "https://127.0.0.1/a": NO_SITE,
    "https://silent.example\u3002/a": NONE,
    # none at all
    "": ("unchecked.no-address", False),
    "no address": ("error.malformed", False),
    "//silent.example/a": ("error.malformed", False),
    "ftp://silent.example/a": ("error.malformed", False),
    "https://": ("error.malformed", False),
    "https://a b/": ("error.malformed", False),
    "https://silent.example:99999/": ("error.malformed", False),
    "https://" + "a" * 70_000: ("error.malformed", False),
}
URLS = list(EXPECTED)
