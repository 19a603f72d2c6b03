"""RSL 1.0, Really Simple Licensing (rslstandard.org/rsl): licences as XML, found through many doors.

A document that is announced and cannot be had, or breaks its format, licenses nothing: whoever publishes under RSL
has said that use needs a licence. `<permits>` is closed (what it does not name is not permitted), `<prohibits>` goes
before it, no payment means free. A price, a token server, a reporting profile that we do not know or a user or place
that is not named make a permission into a refusal until there is a licence; the price is kept for people.

Of several `<license>` in one `<content>` any may be chosen, but what one prohibits is prohibited; of several
`<content>` the most specific pattern counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lxml import etree

from registry.core.decisions import Purpose
from registry.core.signals import xml
from registry.core.signals.html import Page
from registry.core.signals.model import LONGEST_RAW, MALFORMED, Evidence, Subject, answers
from registry.core.signals.robots_paths import matcher, normal, target

SIGNAL = "rsl"
VERSION = "rsl-1.0"
NAMESPACE: Final = "https://rslstandard.org/rsl"
MEDIA_TYPE: Final = "application/rsl+xml"
LARGEST: Final = 4 * 1024 * 1024

_PURPOSES: Final = {
    "ai-train": Purpose.TRAIN_AI,
    "ai-input": Purpose.AI_INPUT,
    "ai-index": Purpose.AI_INDEX,
    "search": Purpose.SEARCH,
}
_CONTAINS: Final = {
    "ai-all": frozenset({"ai-train", "ai-input", "ai-index"}),
    "all": frozenset({*_PURPOSES, "all"}),
} | {token: frozenset({token}) for token in _PURPOSES}
_ALIASES: Final = {
    "train-ai": "ai-train",
    "ai-training": "ai-train",
    "train-genai": "ai-train",
    "training": "ai-train",
    "ai-use": "ai-input",
    "inference": "ai-input",
    "ai": "ai-all",
}
"""Wrong tokens seen in the wild, and those of RSL 0.9."""

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
_WITHOUT_PRICE: Final = frozenset({"free", "attribution", "contribution"})
_EU: Final = frozenset(
    {
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
    }
    | {"LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)


_EVERYTHING: Final = answers(deny=[Purpose.ALL])


class _Invalid(Exception):
    """The document breaks its format; the message says how."""


@dataclass(frozen=True, slots=True)
class _Licence:
    permitted: frozenset[str] | None
    """Tokens of single uses; `None` if the licence names no uses."""
    prohibited: frozenset[str]
    bars: tuple[str, ...]
    """Why it gives nothing to this subject as it stands."""
    duties: tuple[str, ...]
    price: str | None
    malformed: bool


def unobtainable(where: str, error: str) -> list[Evidence]:
    """An announced document that cannot be had: the asset is unlicensed (RSL 1.0, section on discovery)."""
    return [Evidence(SIGNAL, VERSION, where, b"", _EVERYTHING, notes=("unlicensed", error))]


def read(document: bytes, subject: Subject, where: str) -> list[Evidence]:
    """What one document says about the subject; `where` is how it was found."""
    raw = document[:LONGEST_RAW]
    try:
        contents = _contents(document, subject)
    except _Invalid as fault:
        notes = (MALFORMED, "unlicensed")
        return [
            Evidence(SIGNAL, VERSION, where, raw, _EVERYTHING, notes=notes, details=(("fault", str(fault)),))
        ]
    return [_verdict(content, subject, where) for content in contents]


def read_page(page: Page, subject: Subject) -> list[Evidence]:
    """What documents say that stand in the page itself."""
    inline = (text for kind, text in page.scripts if kind == MEDIA_TYPE)
    return [evidence for text in inline for evidence in read(text.strip(), subject, "html script")]


def _contents(document: bytes, subject: Subject) -> list[etree._Element]:
    """The `<content>` elements that count for the subject: those with the longest pattern that matches."""
    if len(document) > LARGEST:
        raise _Invalid("the document is too large")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise _Invalid("a document type is not allowed")
    try:
        root = xml.parse(document)
    except ValueError as fault:
        raise _Invalid(f"no well-formed XML: {str(fault)[:120]}") from None
    if root.tag != _tag("rsl"):
        raise _Invalid("the root is no <rsl> in RSL's namespace")
    for element in root.iter(f"{{{NAMESPACE}}}*"):
        if _name(element) not in _ELEMENTS:
            raise _Invalid(f"<{_name(element)[:40]}> is no element of RSL")
    matching = [
        (length, content)
        for content in root.iterfind(_tag("content"))
        if (length := _covers(content, subject)) >= 0
    ]
    longest = max((length for length, _ in matching), default=-1)
    return [content for length, content in matching if length == longest]


def _covers(content: etree._Element, subject: Subject) -> int:
    """The length of the pattern by which a `<content>` covers the subject, -1 if it does not."""
    url = str(content.get("url", "")).strip()
    if not subject.url or not url:
        return 0
    try:
        parts, asked = urlsplit(url), urlsplit(subject.url)
    except ValueError:
        raise _Invalid(f"“{url[:60]}” is no address") from None
    if parts.netloc and parts.netloc.lower() != asked.netloc.lower():
        return -1
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    pattern = normal(text.encode("utf-8", "surrogatepass"))
    return len(pattern) if matcher(pattern)(target(subject.url)) else -1


def _verdict(content: etree._Element, subject: Subject, where: str) -> Evidence:
    """What one `<content>` says: any of its licences may be chosen, what one prohibits is prohibited."""
    licences = [_licence(element, subject) for element in content.iterfind(_tag("license"))]
    server = content.get("server")
    denied, allowed = _uses(licences, needs_token=server is not None)
    said = answers(
        deny=[_PURPOSES.get(token, Purpose.ALL) for token in denied],
        allow=[_PURPOSES.get(token, Purpose.TDM) for token in allowed],
    )
    facts = {
        "duty": sorted({duty for one in licences if not one.bars for duty in one.duties} if allowed else ()),
        "price": sorted({one.price for one in licences if one.price}),
        "bar": sorted({bar for one in licences for bar in one.bars}),
        "server": [str(server)] if server is not None else [],
    }
    details = tuple((name, "; ".join(values)) for name, values in facts.items() if values)
    notes = (MALFORMED,) if any(licence.malformed for licence in licences) else ()
    raw = etree.tostring(content)[:LONGEST_RAW]
    return Evidence(SIGNAL, VERSION, where, raw, said, notes=notes, details=details)


def _uses(licences: Iterable[_Licence], *, needs_token: bool) -> tuple[set[str], set[str]]:
    """The uses that are denied, and those that are allowed without payment or token; `all` only in so many words."""
    chosen = list(licences)
    prohibited = {token for licence in chosen for token in licence.prohibited}
    offered = {token for licence in chosen for token in licence.permitted or ()}
    free = {token for licence in chosen if not licence.bars for token in licence.permitted or ()}
    closed = any(licence.permitted is not None or licence.price for licence in chosen)
    denied = set(_PURPOSES) - free if closed else set()
    denied |= prohibited | (offered - {"all"} if needs_token else set())
    return denied, set() if needs_token else free - denied


def _licence(element: etree._Element, subject: Subject) -> _Licence:
    permits, malformed_a = _tokens(element, "permits")
    prohibits, malformed_b = _tokens(element, "prohibits")
    bars: list[str] = []
    duties: list[str] = []
    prices: list[str] = []
    for payment in element.iterfind(_tag("payment")):
        kind = str(payment.get("type", "free")).lower()
        if kind not in _WITHOUT_PRICE:
            prices.append(_price(payment, kind))
        elif kind != "free":
            duties.append(kind)
    if prices:
        bars.append("needs payment")
    for reporting in element.iterfind(_tag("reporting")):
        if reporting.get("profile"):
            bars.append("reporting profile is not known")
        duties.append(f"report {reporting.get('type', '')}".strip())
    if not _place_is_covered(element, subject.territory):
        bars.append("place is not covered")
    if not _user_is_covered(element):
        bars.append("commercial users are not covered")
    prohibited = prohibits or frozenset()
    permitted = None if permits is None else permits - prohibited
    price = "; ".join(prices) or None
    return _Licence(permitted, prohibited, tuple(bars), tuple(duties), price, malformed_a or malformed_b)


def _tokens(licence: etree._Element, name: str) -> tuple[frozenset[str] | None, bool]:
    """Single uses that `<permits>` or `<prohibits>` name, `None` without such an element; whether a token was odd."""
    elements = [e for e in licence.iterfind(_tag(name)) if e.get("type") == "usage"]
    words = [word for e in elements for word in (e.text or "").lower().replace(",", " ").split()]
    known = [_ALIASES.get(word, word) for word in words]
    if name == "permits":  # a permission is read by the letter
        known = [word for word in words if word in _CONTAINS]
    uses = frozenset(use for word in known for use in _CONTAINS.get(word, ()))
    return (uses if elements else None), any(word not in _CONTAINS for word in words)


def _price(payment: etree._Element, kind: str) -> str:
    amount = payment.find(_tag("amount"))
    if amount is None or not (amount.text or "").strip():
        return kind
    return f"{(amount.text or '').strip()} {amount.get('currency', '')} ({kind})"


def _place_is_covered(licence: etree._Element, territory: str) -> bool:
    """Whether the use is permitted where it happens; `world` needs every place."""
    permitted = _words(licence, "permits", "geo")
    prohibited = _words(licence, "prohibits", "geo") or set()
    names = {territory.upper()} | ({"EU"} if territory.upper() in _EU else set())
    if territory == "world":
        return permitted is None and not prohibited
    return names.isdisjoint(prohibited) and (permitted is None or not names.isdisjoint(permitted))


def _user_is_covered(licence: etree._Element) -> bool:
    """Whether a commercial user may use it: nobody is taken for anything else without having said so."""
    permitted = _words(licence, "permits", "user")
    prohibited = _words(licence, "prohibits", "user") or set()
    return "COMMERCIAL" not in prohibited and (permitted is None or "COMMERCIAL" in permitted)


def _words(licence: etree._Element, name: str, kind: str) -> set[str] | None:
    elements = [e for e in licence.iterfind(_tag(name)) if e.get("type") == kind]
    words = {word.upper() for e in elements for word in (e.text or "").replace(",", " ").split()}
    return words if elements else None


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)
