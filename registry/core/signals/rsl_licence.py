"""One `<license>` of RSL 1.0: what it permits and prohibits, and what bars the subject from it.

`<permits>` is closed (what it does not name is not permitted), `<prohibits>` goes before it, no payment means free. A
price, a reporting profile that we do not know, or a user or place that is not named, make a permission into a refusal
until there is a licence; the price is kept for people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from registry.core.territories import EUROPEAN_UNION

NAMESPACE: Final = "https://rslstandard.org/rsl"

_CONTAINS: Final = {
    "ai-all": frozenset({"ai-train", "ai-input", "ai-index"}),
    "all": frozenset({"ai-train", "ai-input", "ai-index", "search", "all"}),
} | {use: frozenset({use}) for use in ("ai-train", "ai-input", "ai-index", "search")}
"""Usage tokens, and the single uses in each; `all` is also one of its own, as it may contain more than we know."""

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

_WITHOUT_PRICE: Final = frozenset({"free", "attribution", "contribution"})


@dataclass(frozen=True, slots=True)
class Licence:
    """What one `<license>` says to a subject."""

    permitted: frozenset[str] | None
    """Single uses; `None` if the licence names none."""
    prohibited: frozenset[str]
    bars: tuple[str, ...]
    """Why it gives nothing to this subject as it stands."""
    duties: tuple[str, ...]
    price: str | None
    malformed: bool


def read(element: etree._Element, territory: str) -> Licence:
    """Read a `<license>` for somebody who would use the work in a territory (ISO 3166-1 alpha-2, or `world`)."""
    permits, prohibits = _named(element, "permits", "usage"), _named(element, "prohibits", "usage")
    bars: list[str] = []
    duties: list[str] = []
    prices: list[str] = []
    for payment in element.iterfind(tag("payment")):
        kind = str(payment.get("type", "free")).lower()
        if kind not in _WITHOUT_PRICE:
            prices.append(_price(payment, kind))
        elif kind != "free":
            duties.append(kind)
    if prices:
        bars.append("needs payment")
    for reporting in element.iterfind(tag("reporting")):
        if reporting.get("profile"):
            bars.append("reporting profile is not known")
        duties.append(f"report {reporting.get('type', '')}".strip())
    if not _place_is_covered(element, territory):
        bars.append("place is not covered")
    if not _user_is_covered(element):
        bars.append("commercial users are not covered")
    prohibited = _uses(_ALIASES.get(word, word) for word in prohibits or ())
    return Licence(
        permitted=None if permits is None else _uses(permits) - prohibited,
        prohibited=prohibited,
        bars=tuple(bars),
        duties=tuple(duties),
        price="; ".join(prices) or None,
        malformed=any(
            word not in _CONTAINS and ":" not in word for word in {*(permits or ()), *(prohibits or ())}
        ),
    )


def tag(name: str) -> str:
    """The name of an element in RSL's namespace."""
    return f"{{{NAMESPACE}}}{name}"


def _named(licence: etree._Element, name: str, kind: str) -> set[str] | None:
    """The words of all `<permits>` or `<prohibits>` of a kind, in lower case; `None` without such an element."""
    elements = [e for e in licence.iterfind(tag(name)) if e.get("type") == kind]
    words = {word for e in elements for word in (e.text or "").lower().replace(",", " ").split()}
    return words if elements else None


def _uses(words: Iterable[str]) -> frozenset[str]:
    return frozenset(use for word in words for use in _CONTAINS.get(word, ()))


def _price(payment: etree._Element, kind: str) -> str:
    amount = payment.find(tag("amount"))
    if amount is None or not (amount.text or "").strip():
        return kind
    return f"{(amount.text or '').strip()} {amount.get('currency', '')} ({kind})"


def _place_is_covered(licence: etree._Element, territory: str) -> bool:
    """Whether the use is permitted where it happens; `world` needs every place."""
    permitted = _named(licence, "permits", "geo")
    prohibited = _named(licence, "prohibits", "geo") or set()
    if territory == "world":
        return permitted is None and not prohibited
    names = {territory.lower()} | ({"eu"} if territory.upper() in EUROPEAN_UNION else set())
    return names.isdisjoint(prohibited) and (permitted is None or not names.isdisjoint(permitted))


def _user_is_covered(licence: etree._Element) -> bool:
    """Whether a commercial user may use it: nobody is taken for anything else without having said so."""
    permitted = _named(licence, "permits", "user")
    prohibited = _named(licence, "prohibits", "user") or set()
    return "commercial" not in prohibited and (permitted is None or "commercial" in permitted)
