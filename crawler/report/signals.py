"""Which opt-out signals a run found and which of them decided, for the report; and what it knew of whole sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crawler.report.facts import Facts
from crawler.report.texts import Texts
from registry.core.signals.summary import SITE

_UNHEARD: Final = (
    ("unchecked.no-site", "sites-not-asked"),
    ("unchecked.stale-site", "sites-stale"),
    ("unchecked.no-address", "sites-nowhere"),
)


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One family of signals, of the items themselves or of their sites."""

    family: str
    of_site: bool
    carried: int
    """Items about which it says anything, for whatever use, or could not be read."""
    refused: int
    permitted: int
    unreadable: int
    """Items for which it decided."""

    @property
    def decided(self) -> int:
        """All of these."""
        return self.refused + self.permitted + self.unreadable


def signal_rows(facts: Facts) -> list[SignalRow]:
    """The most decisive first."""
    carried = facts.manifest.signals
    names = set(carried) | {name for name, _ in facts.signals}
    rows = [
        SignalRow(
            name.removeprefix(SITE),
            name.startswith(SITE),
            carried.get(name, 0),
            *(facts.signals[name, how] for how in ("refused", "permitted", "unreadable")),
        )
        for name in names
    ]
    return sorted(rows, key=lambda row: (-row.decided, -row.carried, row.family, row.of_site))


def site_sentences(facts: Facts, texts: Texts) -> Iterator[str]:
    """What was known of whole sites, if that was asked; and of how many items it was not."""
    sites = facts.manifest.parameters.get("sites")
    if not sites:
        return
    yield texts(
        "sites-asked",
        n=texts.number(sites["sites"]),
        since=texts.time(sites["oldest"]),
        until=texts.time(sites["ended"]),
        days=texts.number(sites["max_age"] // 86_400),
    )
    reasons = facts.manifest.counts.by_reason
    for reason, key in _UNHEARD:
        if number := reasons.get(reason, 0):
            yield texts(key, n=texts.number(number))
