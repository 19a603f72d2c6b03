"""What the entries of a log say, taken together: what must rise rises, and nothing is of an unknown kind.

Each entry is looked at once, in order; what later ones are compared with is small and kept between audits.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from registry.core.errors import InvalidInput
from registry.core.records.leaves import AnyLeaf, KeyLeaf, OptOutLeaf, SettlementLeaf, TariffLeaf, parse_leaf

_SHOWN = 5
_KEPT = 100
_EDITIONS = 200
"""So many of the newest editions' roots are kept, to compare snapshots with."""
_AHEAD = 600
"""Seconds that the registry's clock may go before ours."""


@dataclass
class Facts:
    """What was read so far. A fault stays: the log cannot take it back."""

    kinds: Counter[str] = field(default_factory=Counter)
    editions: dict[int, str] = field(default_factory=dict)
    """Works root, by the number of the edition."""
    change_seq: int = 0
    tariffs: dict[str, int] = field(default_factory=dict)
    """Newest version of each."""
    keys: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By role, each key that was named, and whether it is in force."""
    faults: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def read(self, index: int, entry: bytes, now: int) -> None:
        """Take in the next entry; `now` in POSIX seconds."""
        try:
            leaf = parse_leaf(entry)
        except InvalidInput as problem:
            self._fault(self.unreadable, index, problem.message)
            return
        self.kinds[leaf.TYPE] += 1
        if leaf.at > now + _AHEAD:
            self._fault(self.faults, index, "states a time that has not come yet")
        self._compare(index, leaf)

    def _compare(self, index: int, leaf: AnyLeaf) -> None:
        if isinstance(leaf, OptOutLeaf):
            if leaf.sequence <= max(self.editions, default=0) or leaf.change_seq < self.change_seq:
                self._fault(self.faults, index, f"edition {leaf.sequence} goes behind the one before it")
            self.editions[leaf.sequence] = leaf.root
            self.change_seq = max(self.change_seq, leaf.change_seq)
            for old in sorted(self.editions)[:-_EDITIONS]:
                del self.editions[old]
        elif isinstance(leaf, TariffLeaf):
            before = self.tariffs.get(leaf.tariff, 0)
            if leaf.version != before + 1:
                self._fault(
                    self.faults, index, f"version {leaf.version} of {leaf.tariff} follows version {before}"
                )
            self.tariffs[leaf.tariff] = max(before, leaf.version)
        elif isinstance(leaf, KeyLeaf):
            self._key(index, leaf)
        elif isinstance(leaf, SettlementLeaf) and not leaf.from_index <= leaf.to_index <= index:
            self._fault(self.faults, index, "a settlement rests on entries that come after it")

    def _key(self, index: int, leaf: KeyLeaf) -> None:
        """Begins once, ends once."""
        named = self.keys.setdefault(leaf.role, {})
        begins = leaf.act == "begin"
        if begins and leaf.key in named:
            self._fault(self.faults, index, f"the {leaf.role} key {leaf.key} comes back")
        elif not begins and not named.get(leaf.key):
            self._fault(self.faults, index, f"the {leaf.role} key {leaf.key} ends, but is not in force")
        else:
            named[leaf.key] = begins

    @staticmethod
    def _fault(kept: list[str], index: int, text: str) -> None:
        if len(kept) < _KEPT:
            kept.append(f"entry {index}: {text}")

    def as_json(self) -> dict[str, Any]:
        """What later audits need."""
        return {
            "kinds": dict(sorted(self.kinds.items())),
            "editions": [[number, root] for number, root in sorted(self.editions.items())],
            "change_seq": self.change_seq,
            "tariffs": self.tariffs,
            "keys": self.keys,
            "faults": self.faults,
            "unreadable": self.unreadable,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Facts:
        """Inverse of `as_json`."""
        return cls(
            Counter(data["kinds"]),
            {int(number): str(root) for number, root in data["editions"]},
            int(data["change_seq"]),
            {str(name): int(version) for name, version in data["tariffs"].items()},
            {
                str(role): {str(key): bool(in_force) for key, in_force in named.items()}
                for role, named in data.get("keys", {}).items()  # older programs knew no such entries
            },
            [str(fault) for fault in data["faults"]],
            [str(fault) for fault in data["unreadable"]],
        )


def first_few(faults: list[str]) -> str:
    """A list as a sentence."""
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more
