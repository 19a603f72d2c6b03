"""RSL 1.0, Really Simple Licensing (rslstandard.org/rsl): licences as XML, found through many doors.

A document that is announced and cannot be had, or breaks its format, licenses nothing: whoever publishes under RSL
has said that use needs a licence (`rsl_licence` reads one). A token server makes even what is free need a licence.

Of several `<license>` in one `<content>` any may be chosen, but what one prohibits is prohibited; of several
`<content>` the most specific pattern counts. A document that stands in the item itself is about the item wherever it
lies: its address names where it was first published, so that the terms travel with copies (sections 4.6.2 and 4.8).
Anybody may have put it there, so elsewhere than at its address it only denies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from lxml import etree

from registry.core.decisions import Purpose
from registry.core.errors import InvalidInput
from registry.core.fingerprints.addresses import parse_address
from registry.core.signals import rsl_licence, xml
from registry.core.signals.html import Page
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Evidence, Subject, answers
from registry.core.signals.robots_paths import matcher, normal, target
from registry.core.signals.rsl_licence import NAMESPACE, Licence, tag

SIGNAL = "rsl"
VERSION = "rsl-1.0"
MEDIA_TYPE: Final = "application/rsl+xml"
LARGEST: Final = 4 * 1024 * 1024

_PURPOSES: Final = {
    "ai-train": Purpose.TRAIN_AI,
    "ai-input": Purpose.AI_INPUT,
    "ai-index": Purpose.AI_INDEX,
    "search": Purpose.SEARCH,
}
_ELEMENTS: Final = frozenset(
    {
        "rsl",
        "content",
        "license",
        "permits",
        "prohibits",
        "payment",
        "standard",
        "custom",
        "amount",
        "accepts",
    }
    | {"reporting", "legal", "schema", "alternate", "copyright", "terms"}
)
_EVERYTHING: Final = answers(deny=[Purpose.ALL])


class _Invalid(Exception):
    """The document breaks its format; the message says how."""


def unobtainable(where: str, error: str) -> list[Evidence]:
    """An announced document that cannot be had: the asset is unlicensed (RSL 1.0, section on discovery)."""
    return [Evidence(SIGNAL, VERSION, where, b"", _EVERYTHING, notes=("unlicensed", error))]


def read(document: bytes, subject: Subject, where: str, *, inside: bool = False) -> list[Evidence]:
    """What one document says about the subject; `where` is how it was found, `inside` that it stands in the item."""
    try:
        contents = _contents(document, subject, inside=inside)
    except _Invalid as fault:
        return [_unlicensed(document, where, fault)]
    return [_verdict(content, subject, where, at_home=at_home) for content, at_home in contents]


def read_page(page: Page, subject: Subject) -> list[Evidence]:
    """What documents say that stand in the page itself."""
    inline = (text for kind, text in page.scripts if kind == MEDIA_TYPE)
    return [
        evidence for text in inline for evidence in read(text.strip(), subject, "html script", inside=True)
    ]


def read_content(content: etree._Element, subject: Subject, where: str, *, inside: bool) -> list[Evidence]:
    """What a `<content>` in a feed says about the subject; it is about the feed itself, too, and there only denies."""
    try:
        _check(content)
        covers = _covers(content, subject) >= 0
    except _Invalid as fault:
        return [_unlicensed(etree.tostring(content), where, fault)]
    return [_verdict(content, subject, where, at_home=not inside)] if covers or inside else []


def _unlicensed(document: bytes, where: str, fault: _Invalid) -> Evidence:
    raw, notes = document[:LONGEST_RAW], (MALFORMED, "unlicensed")
    return Evidence(SIGNAL, VERSION, where, raw, _EVERYTHING, notes=notes, details=(("fault", str(fault)),))


def _contents(document: bytes, subject: Subject, *, inside: bool) -> list[tuple[etree._Element, bool]]:
    """The `<content>` elements that count for the subject, and whether they are about its address.

    That is those with the longest pattern that matches. Inside the item, if none does, all are about it.
    """
    root = _root(document)
    contents = [(content, _covers(content, subject)) for content in root.iterfind(tag("content"))]
    longest = max((length for _, length in contents), default=-1)
    if longest < 0 and not inside:
        return []
    return [(content, length >= 0) for content, length in contents if length == longest]


def _root(document: bytes) -> etree._Element:
    if len(document) > LARGEST:
        raise _Invalid("the document is too large")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise _Invalid("a document type is not allowed")
    try:
        root = xml.parse(document)
    except ValueError as fault:
        raise _Invalid(f"no well-formed XML: {str(fault)[:120]}") from None
    if root.tag != tag("rsl"):
        raise _Invalid("the root is no <rsl> in RSL's namespace")
    _check(root)
    return root


def _check(root: etree._Element) -> None:
    for element in root.iter(f"{{{NAMESPACE}}}*"):
        name = str(etree.QName(element).localname)
        if name not in _ELEMENTS:
            raise _Invalid(f"<{name[:40]}> is no element of RSL")


def _covers(content: etree._Element, subject: Subject) -> int:
    """The length of the pattern by which a `<content>` covers the subject, -1 if it does not."""
    url = str(content.get("url", "")).strip()
    if not subject.url or not url:
        return 0
    try:
        parts = urlsplit(url)
        elsewhere = bool(parts.netloc) and _host(url) != _host(subject.url)
    except ValueError:
        raise _Invalid(f"“{url[:60]}” is no address") from None
    if elsewhere:
        return -1
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    pattern = normal(text.encode("utf-8", "surrogatepass"))
    return len(pattern) if matcher(pattern)(target(subject.url)) else -1


def _host(url: str) -> str:
    """The host of an address, and its port if that is not the usual one; as written if it is no address."""
    try:
        return urlsplit(parse_address(url).url).netloc
    except InvalidInput:
        return urlsplit(url).netloc


def _verdict(content: etree._Element, subject: Subject, where: str, *, at_home: bool) -> Evidence:
    """What one `<content>` says: any of its licences may be chosen, what one prohibits is prohibited."""
    licences = [rsl_licence.read(element, subject.territory) for element in content.iterfind(tag("license"))]
    server = content.get("server")
    denied, allowed = _uses(licences, needs_token=server is not None)
    said = answers(
        deny=[_PURPOSES.get(token, Purpose.ALL) for token in denied],
        allow=[_PURPOSES.get(token, Purpose.TDM) for token in allowed if at_home],
    )
    facts = {
        "duty": sorted({duty for one in licences if not one.bars for duty in one.duties} if allowed else ()),
        "price": sorted({one.price for one in licences if one.price}),
        "bar": sorted({bar for one in licences for bar in one.bars}),
        "server": [str(server)] if server is not None else [],
    }
    details = tuple((name, "; ".join(values)) for name, values in facts.items() if values)
    odd = {MALFORMED: any(licence.malformed for licence in licences), "elsewhere": not at_home}
    notes = tuple(note for note, applies in odd.items() if applies)
    raw = etree.tostring(content)[:LONGEST_RAW]
    return Evidence(SIGNAL, VERSION, where, raw, said, notes=notes, details=details)


def _uses(licences: Iterable[Licence], *, needs_token: bool) -> tuple[set[str], set[str]]:
    """The uses that are denied, and those that are allowed without payment or token; `all` only in so many words."""
    chosen = list(licences)
    prohibited = {token for licence in chosen for token in licence.prohibited}
    offered = {token for licence in chosen for token in licence.permitted or ()}
    free = {token for licence in chosen if not licence.bars for token in licence.permitted or ()}
    closed = any(licence.permitted is not None or licence.price for licence in chosen)
    denied = set(_PURPOSES) - free if closed else set()
    denied |= prohibited | (offered - {"all"} if needs_token else set())
    return denied, set() if needs_token else free - denied
