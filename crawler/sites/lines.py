"""The lines of a file of sites: what each site answered when it was asked for its files, and nothing that follows.

JSON lines. The first says how the sites were asked, the last that nothing is missing; between them is a line a site, in
ascending order. Each begins with the digest of its rest, so that a line that was damaged or edited is none. Whoever
makes a file can of course write what they like: a run names the very file that it was judged by.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from registry.core.errors import Corrupt
from registry.core.signals import Observation
from registry.core.signals.reading import SITE_FILES, Obtained

FORMAT: Final = "vorbehalt-sites-v1"
LONGEST: Final = 128 * 1024 * 1024
"""Bytes of a line: more than a site's files can have."""
LONGEST_BODY: Final = 4 * 1024 * 1024 + 1
"""Bytes of an answer that are kept. No family reads a file that has so many; it counts as unreadable."""

_BEFORE: Final = b'{"sha256":"'
_BEHIND: Final = b'",'
_DIGEST: Final = slice(len(_BEFORE), len(_BEFORE) + 64)
_REST: Final = len(_BEFORE) + 64 + len(_BEHIND)


@dataclass(frozen=True, slots=True)
class Head:
    """How the sites were asked; the first line."""

    begun: int
    """POSIX seconds."""
    agent: str | None
    any_ai_agent: bool
    strict: bool
    """As in `registry.core.signals.Subject`."""
    rules: Mapping[str, str]
    """The families that the program knew, each with the edition of its rules."""

    def to_line(self) -> bytes:
        """The line."""
        return _sealed({"format": FORMAT, **asdict(self)})


@dataclass(frozen=True, slots=True)
class Tail:
    """That the file is whole; the last line."""

    sites: int
    oldest: int
    """When the first of all answers came (POSIX seconds)."""
    ended: int
    """When the last was written."""

    def to_line(self) -> bytes:
        """The line."""
        return _sealed({"end": FORMAT, **asdict(self)})


def site_line(origin: str, obtained: Obtained) -> bytes:
    """One site."""
    return _sealed(
        {
            "origin": origin,
            "files": {path: _document(answer) for path, answer in obtained.site.items()},
            "licences": {address: _document(answer) for address, answer in obtained.licences.items()},
        }
    )


def parse_head(line: bytes) -> Head:
    """Inverse of `Head.to_line`; `Corrupt` for anything else."""
    document = _opened(line)
    if document.get("format") != FORMAT:
        raise Corrupt(f"its format is {str(document.get('format'))[:40]!r}, and this program reads {FORMAT}")
    said: dict[str, Any] = {name: document.get(name) for name in Head.__dataclass_fields__}
    switches = all(isinstance(said[name], bool) for name in ("any_ai_agent", "strict"))
    named = isinstance(said["agent"], str | None) and isinstance(said["rules"], dict)
    if not (_is_moment(said["begun"]) and switches and named):
        raise Corrupt("the first line is not as we write it")
    return Head(**said)


def parse_tail(line: bytes) -> Tail | None:
    """Inverse of `Tail.to_line`; `None` for the line of a site, `Corrupt` for anything else."""
    document = _opened(line)
    if "origin" in document:
        return None
    try:
        tail = Tail(**{name: document[name] for name in Tail.__dataclass_fields__})
    except KeyError:
        raise Corrupt("the line of no site") from None
    numbers = all(map(_is_moment, (tail.sites, tail.oldest, tail.ended)))
    if document.get("end") != FORMAT or not numbers:
        raise Corrupt("the last line is not as we write it")
    return tail


def parse_site(line: bytes) -> tuple[str, Obtained]:
    """Inverse of `site_line`; `Corrupt` for anything else. A file of which it says nothing was not asked for."""
    document = _opened(line)
    try:
        origin = str(document["origin"])
        files = {path: _observation(origin + path, document["files"].get(path)) for path in SITE_FILES}
        licences = {a: _observation(a, answer) for a, answer in document["licences"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise Corrupt(f"not as we write it ({type(problem).__name__}: {problem})") from None
    return origin, Obtained(site=files, licences=licences)


def oldest(obtained: Obtained) -> int:
    """When the first of a site's answers came (POSIX seconds); 0 without any."""
    answers = (*obtained.site.values(), *obtained.licences.values())
    return min((answer.observed_at for answer in answers), default=0)


def _sealed(document: Mapping[str, Any]) -> bytes:
    text = orjson.dumps(document)
    return _BEFORE + sha256(text).hexdigest().encode() + _BEHIND + text[1:] + b"\n"


def _opened(line: bytes) -> dict[str, Any]:
    """The document of a line, `Corrupt` if the line is not the one that was written."""
    text = b"{" + line[_REST:].removesuffix(b"\n")
    whole = (
        line.startswith(_BEFORE) and line[_REST - len(_BEHIND) : _REST] == _BEHIND and line.endswith(b"\n")
    )
    if not whole or line[_DIGEST] != sha256(text).hexdigest().encode():
        raise Corrupt("cut off, or changed since it was written")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise Corrupt("no JSON object")
    return document


def _is_moment(value: Any) -> bool:
    """Whether it is a whole number, not below 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _document(answer: Observation) -> dict[str, Any]:
    """An answer without its headers, which say nothing in these files. Text as such, so that people can read it."""
    body = answer.body[:LONGEST_BODY]
    said: dict[str, Any] = {"status": answer.status, "error": answer.error, "at": answer.observed_at}
    if not body:
        return said
    packed = b64encode(body).decode()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return said | {"base64": packed}
    return said | ({"text": text} if len(orjson.dumps(text)) <= len(packed) + 2 else {"base64": packed})


def _observation(url: str, said: Mapping[str, Any] | None) -> Observation:
    if said is None:
        return Observation(url, None, error="not-asked")
    status, error, at = said["status"], said["error"], said["at"]
    known = (status is None or _is_moment(status)) and (error is None or isinstance(error, str))
    if not known or not _is_moment(at):
        raise ValueError("an answer")
    body = said["text"].encode() if "text" in said else b64decode(said.get("base64", ""), validate=True)
    return Observation(url, status, (), body, error, at)
