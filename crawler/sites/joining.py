"""What the site of each item says about it, joined with what is known of the item itself.

Whatever is not known is a gap, by which the item is not kept: an address of a site that was not asked, or asked too
long ago, an item without an address. A refusal counts all the same, wherever one was found; a permission only from the
very origin, only as long as it is fresh, and of an item that lies at several places only if all of them give it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial, reduce
from typing import Final

from crawler.filter import Reading
from crawler.sites.evidence import OpenSites, Sites
from crawler.sites.lines import oldest
from crawler.sites.origins import origin_of, secure
from crawler.sources.metadata import MALFORMED, NO_ADDRESS
from registry.core.errors import InvalidInput
from registry.core.fingerprints.addresses import parse_address
from registry.core.signals import Subject
from registry.core.signals.site import Site
from registry.core.signals.summary import Said, with_site

NO_SITE: Final = "unchecked.no-site"
STALE_SITE: Final = "unchecked.stale-site"

_HELD_BYTES: Final = 128 * 1024 * 1024
"""Of memory, roughly, for sites that were asked of late: some forty thousand in one process."""
_RECENT: Final = 16
"""Sites whose files are held as well: in a sorted list, more of their addresses follow."""
_LEAST: Final = 1_024
"""What any site costs."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was found out about the site of an address."""

    said: tuple[Said, ...] = ()
    gap: str | None = None


NOWHERE: Final = Heard(gap=NO_ADDRESS)
"""Of an item that names no address."""
_UNREADABLE: Final = Heard(gap=MALFORMED)
_NOT_ASKED: Final = Heard(gap=NO_SITE)


@dataclass(slots=True)
class _Held:
    """A site in memory."""

    site: Site
    is_stale: bool


class Hearing:
    """Asks a file of sites about addresses. One for a process."""

    def __init__(self, sites: Sites, at: int, territory: str) -> None:
        """For a use at a moment (POSIX seconds) in a territory, see `Subject`."""
        self._open = OpenSites(sites)
        self._fresh_since = at - sites.max_age
        self._subject = Subject(
            agent=sites.agent, any_ai_agent=sites.any_ai_agent, strict=sites.strict, territory=territory
        )
        self._held: OrderedDict[str, _Held | None] = OrderedDict()
        self._cost = 0
        self._recent: deque[Site] = deque()
        self._heard: dict[Heard, Heard] = {}

    def of_item(self, addresses: Sequence[str]) -> Heard:
        """Of all addresses that an item names, as they are written there."""
        if not addresses:
            return NOWHERE
        return reduce(_together, (self.of_text(address) for address in addresses))

    def of_text(self, address: str) -> Heard:
        """Of an address as it is written."""
        try:
            return self.of_address(parse_address(address).url)
        except InvalidInput:
            return _UNREADABLE

    def of_address(self, url: str) -> Heard:
        """Of an address in normal form; equal answers are one object."""
        held = self._site(origin_of(url))
        permits = True
        if held is None and (other := secure(url)) is not None:
            url, permits = other, False
            held = self._site(origin_of(url))
        if held is None:
            return _NOT_ASKED
        said = held.site.said(url)
        if held.is_stale or not permits:
            said = _refusals(said)
        heard = Heard(said, STALE_SITE if held.is_stale else None)
        return self._heard.setdefault(heard, heard)

    def join(self, reading: Reading, addresses: Sequence[str]) -> Reading:
        """What is known of an item, with what its sites say."""
        return joined(reading, self.of_item(addresses))

    def _site(self, origin: str) -> _Held | None:
        if origin in self._held:
            self._held.move_to_end(origin)
            return self._held[origin]
        held = None
        if (found := self._open.find(origin)) is not None:
            begin, obtained = found
            site = Site(obtained, self._subject, partial(self._open.read, begin))
            held = _Held(site, oldest(obtained) < self._fresh_since)
            self._recent.append(site)
            if len(self._recent) > _RECENT:
                self._recent.popleft().forget()
        self._held[origin] = held
        self._cost += _cost(held)
        while self._cost > _HELD_BYTES and len(self._held) > 1:
            _, gone = self._held.popitem(last=False)
            self._cost -= _cost(gone)
        return held


@lru_cache(maxsize=2)
def hearing(sites: Sites, at: int, territory: str) -> Hearing:
    """The one of this process."""
    return Hearing(sites, at, territory)


def joined(reading: Reading, heard: Heard) -> Reading:
    """What is known of an item, with what its site says; a gap of its own goes before."""
    said = with_site(reading.signals, heard.said)
    return replace(reading, signals=said, gap=reading.gap or heard.gap)


def _together(one: Heard, other: Heard) -> Heard:
    """Two places of one item: what either refuses, what both permit, and what is missing of either."""
    mine, theirs = ({s.signal: s for s in heard.said} for heard in (one, other))
    said = []
    for name in sorted(mine.keys() | theirs.keys()):
        a, b = mine.get(name, Said(name)), theirs.get(name, Said(name))
        denied = a.denied | b.denied
        said.append(Said(name, denied, a.allowed & b.allowed & ~denied, a.unreadable or b.unreadable))
    gaps = sorted({gap for gap in (one.gap, other.gap) if gap is not None})
    return Heard(tuple(s for s in said if s.denied or s.allowed or s.unreadable), next(iter(gaps), None))


def _refusals(said: Sequence[Said]) -> tuple[Said, ...]:
    found = (replace(s, allowed=0) for s in said)
    return tuple(s for s in found if s.denied or s.unreadable)


def _cost(held: _Held | None) -> int:
    return _LEAST if held is None else _LEAST + held.site.cost
