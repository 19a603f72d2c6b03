"""The TDM Reservation Protocol (W3C community group, final report of 10 May 2024).

`tdm-reservation` is 1 (mining is reserved) or 0 (it is not); anything else says nothing. It may stand in
`/.well-known/tdmrep.json`, in the response headers, in the page's `<meta>`, and in an e-book or a PDF; each later
place replaces the earlier ones, and silence replaces nothing. `tdm-policy` is where a licence is to be had.

In the well-known file the first rule that matches decides; its patterns are those of robots.txt. Where a value is
plainly meant as a reservation (`true`, a text instead of a number, a single rule instead of a list), it counts as one
unless the subject asks for the letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from registry.core.decisions import Purpose
from registry.core.signals.headers import Headers
from registry.core.signals.html import Page
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Evidence, Subject, answers, unreadable
from registry.core.signals.robots_paths import matcher, normal, target

SIGNAL = "tdmrep"
VERSION = "tdmrep.2024-05"
WELL_KNOWN = "/.well-known/tdmrep.json"

LARGEST = 4 * 1024 * 1024
"""Bytes of the well-known file that are read; a larger one counts as unreadable."""

FILE, HEADER, PAGE, PUBLICATION = 1, 2, 3, 4
"""Ranks of the places: the statement of the higher one stands."""

_RESERVED: Final = answers(deny=[Purpose.TDM])
_FREE: Final = answers(allow=[Purpose.TDM])
_MEANT: Final = frozenset({"1", "true", "yes"})
_CONFLICT: Final = "conflict"


def read_file(body: bytes, subject: Subject) -> list[Evidence]:
    """What the well-known file says about the subject's path."""
    if len(body) > LARGEST:
        return [unreadable(SIGNAL, VERSION, WELL_KNOWN, "too-large")]
    try:
        rules = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return [Evidence(SIGNAL, VERSION, WELL_KNOWN, body[:LONGEST_RAW], notes=(MALFORMED,))]
    notes: tuple[str, ...] = ()
    if not isinstance(rules, list):
        notes = (MALFORMED,)
        rules = [] if subject.strict else [rules]
    path = target(subject.url)
    for rule in rules:
        if not isinstance(rule, dict) or not isinstance(rule.get("location"), str):
            continue
        pattern = normal(rule["location"].encode("utf-8", "surrogatepass"))
        if matcher(pattern)(path):
            evidence = _from_rule(rule, notes, subject)
            if evidence.speaks:
                return [evidence]
            notes = evidence.notes
    return (
        [Evidence(SIGNAL, VERSION, WELL_KNOWN, body[:LONGEST_RAW], rank=FILE, notes=notes)] if notes else []
    )


def _from_rule(rule: dict[str, Any], notes: tuple[str, ...], subject: Subject) -> Evidence:
    stated = rule.get("tdm-reservation")
    policy = rule.get("tdm-policy")
    meant = not subject.strict and isinstance(stated, str | bool) and str(stated).lower() in _MEANT
    values = [str(stated)] if type(stated) is int else ["true"] if meant else [""]
    raw = orjson.dumps(rule)[:LONGEST_RAW]
    return _statement(
        values, policy if isinstance(policy, str) else None, WELL_KNOWN, raw, FILE, subject, notes
    )


def read_headers(headers: Headers, subject: Subject) -> list[Evidence]:
    """What the response says about its own content; a value that a proxy folded is taken apart."""
    values = [part for value in headers.all("tdm-reservation") for part in value.split(",")]
    if not values:
        return []
    raw = ", ".join(values).encode("utf-8", "backslashreplace")
    return [_statement(values, headers.joined("tdm-policy"), "header tdm-reservation", raw, HEADER, subject)]


def read_page(page: Page, subject: Subject) -> list[Evidence]:
    """What the page's `<meta>` say."""
    values = [content for name, content in page.metas if name == "tdm-reservation"]
    if not values:
        return []
    policy = next((content for name, content in page.metas if name == "tdm-policy"), None)
    raw = ", ".join(values).encode("utf-8", "surrogatepass")
    return [_statement(values, policy, "html meta tdm-reservation", raw, PAGE, subject)]


def read_publication(
    values: Iterable[str], policy: str | None, where: str, subject: Subject
) -> list[Evidence]:
    """What an e-book's or a PDF's own metadata say: the values of `tdm:reservation` and the one of `tdm:policy`."""
    stated = list(values)
    raw = ", ".join(stated).encode("utf-8", "surrogatepass")
    return [_statement(stated, policy, where, raw, PUBLICATION, subject)] if stated else []


def _statement(
    values: Iterable[str],
    policy: str | None,
    where: str,
    raw: bytes,
    rank: int,
    subject: Subject,
    notes: tuple[str, ...] = (),
) -> Evidence:
    """One statement from all values found in one place: a reservation among them stands."""
    stated = [value.strip().lower() for value in values]
    reserved = any(value == "1" or (value in _MEANT and not subject.strict) for value in stated)
    free = "0" in stated
    odd = {MALFORMED} if any(value not in ("0", "1") for value in stated) or not stated else set()
    all_notes = {*notes, *odd, *({_CONFLICT} if reserved and free else ())}
    said = _RESERVED if reserved else _FREE if free and not all_notes else ()
    details = (("policy", policy),) if reserved and policy else ()
    return Evidence(
        SIGNAL,
        VERSION,
        where,
        raw[:LONGEST_RAW],
        said,
        rank=rank,
        notes=tuple(sorted(all_notes)),
        details=details,
    )
