"""Many patterns of paths, asked together which of them an address falls under.

A site's files may have thousands, and a dataset millions of addresses of that site. Most patterns are beginnings of
paths: an address has only as many beginnings as these have lengths, and each is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.core.signals.robots_paths import matcher

Under = tuple[int, ...]
"""Which patterns of a set a path falls under: equal for paths that no rule of the site can tell apart."""


class PathPatterns:
    """A set of comparable patterns, as `robots_paths.normal` makes them."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        distinct = sorted(set(patterns))
        self._beginnings: dict[bytes, int] = {}
        self._wholes: dict[bytes, int] = {}
        self._others = []
        for number, pattern in enumerate(distinct):
            if b"*" in pattern:
                self._others.append((number, matcher(pattern)))
            elif pattern.endswith(b"$"):
                self._wholes[pattern[:-1]] = number
            else:
                self._beginnings[pattern] = number
        self._lengths = sorted({len(beginning) for beginning in self._beginnings})

    def under(self, path: bytes) -> Under:
        """The numbers of those that a comparable path falls under."""
        found = []
        for length in self._lengths:
            if length > len(path):
                break
            if (number := self._beginnings.get(path[:length])) is not None:
                found.append(number)
        if (number := self._wholes.get(path)) is not None:
            found.append(number)
        found += [number for number, matches in self._others if matches(path)]
        return tuple(found)
