"""HTTP headers as the families read them: names without case, every value of a repeated name, in order.

Peers lose refusals here: HTTP/2 writes names in lower case, servers repeat a name, proxies fold repetitions into one
value with commas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Headers:
    """The headers of one answer; from pairs, or from a mapping whose values may be lists."""

    def __init__(self, pairs: Iterable[tuple[str, str]] | Mapping[str, str | Iterable[str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
            kept = self._values.setdefault(name.strip().lower(), [])
            kept.extend([value] if isinstance(value, str) else value)

    def all(self, name: str) -> list[str]:
        """Each value of this name, as it was sent, without blanks around it."""
        return [value.strip() for value in self._values.get(name.lower(), ())]

    def joined(self, name: str) -> str | None:
        """All values as one list (RFC 9110, section 5.3); `None` if the name is missing."""
        values = self.all(name)
        return ", ".join(values) if values else None
