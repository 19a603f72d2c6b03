"""Many patterns of paths, asked together which of them an address falls under.

A site's files may have thousands, a dataset millions of addresses of that site, and a process holds the patterns of
tens of thousands of sites: so they are kept as they are, sorted. Most are beginnings of paths. Hardly any address has
one of them, which a single comparison tells; one that has is looked up by its own beginnings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from registry.core.signals.robots_paths import matcher

Under = tuple[bytes | int, ...]
"""Which patterns of a set a path falls under: equal for paths that no rule of the site can tell apart."""


_WHOLE = -1


class PathPatterns:
    """A set of comparable patterns, as `robots_paths.normal` makes them."""

    __slots__ = ("_beginnings", "_lengths", "_others", "_wholes", "cost")

    def __init__(self, patterns: Iterable[bytes]) -> None:
        distinct = sorted(set(patterns))
        self._others = tuple(matcher(p) for p in distinct if b"*" in p)
        plain = [p for p in distinct if b"*" not in p]
        self._wholes = tuple(sorted(p[:-1] for p in plain if p.endswith(b"$")))
        self._beginnings = tuple(p for p in plain if not p.endswith(b"$"))
        self._lengths = tuple(sorted({len(p) for p in self._beginnings}))
        self.cost = sum(map(len, distinct)) + 64 * len(distinct) + 256 * len(self._others)
        """Roughly, in bytes of memory."""

    def under(self, path: bytes) -> Under:
        """Those that a comparable path falls under."""
        found: list[bytes | int] = []
        if path.startswith(self._beginnings):
            beginnings = (path[:length] for length in self._lengths if length <= len(path))
            found += (beginning for beginning in beginnings if _has(self._beginnings, beginning))
        if self._wholes and _has(self._wholes, path):
            found += (_WHOLE, path)
        found += [number for number, matches in enumerate(self._others) if matches(path)]
        return tuple(found)


def _has(ascending: Sequence[bytes], wanted: bytes) -> bool:
    at = bisect_left(ascending, wanted)
    return at < len(ascending) and ascending[at] == wanted
