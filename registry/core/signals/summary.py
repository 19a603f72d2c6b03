"""What evidence says, in a few bytes a family: enough to decide again later for any purpose, without the evidence.

A run keeps these beside an item's codes, as one more kind of code: `signal.<family>.v1`, three bytes: the refused and
the allowed purposes as bits in the order of `Purpose`, and whether something could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from registry.core.decisions import Gap, Purpose, Signal, inside
from registry.core.errors import Corrupt
from registry.core.signals import tdmrep
from registry.core.signals.combine import combine
from registry.core.signals.model import Answer, Evidence

_PURPOSES: tuple[Purpose, ...] = tuple(p for p in Purpose if p is not Purpose.ALL)
_BIT: dict[Purpose, int] = {purpose: 1 << i for i, purpose in enumerate(_PURPOSES)}
_MASKS: Final = {purpose: sum(_BIT[part] for part in inside(purpose)) for purpose in Purpose}
_PREFIX, _SUFFIX = "signal.", ".v1"
KIND: Final = "signal"
SITE: Final = "site."
"""Before the name of a family where the files of a whole site say it, and not the item or its own answer."""
_REPLACING: Final = frozenset({tdmrep.SIGNAL})
"""Families in which what an item says itself replaces what the files of its site say."""


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """What one family says about one item."""

    signal: str
    denied: int = 0
    """Purposes as bits."""
    allowed: int = 0
    unreadable: bool = False

    @property
    def algorithm(self) -> str:
        """As the table of codes names it."""
        return f"{_PREFIX}{self.signal}{_SUFFIX}"

    @property
    def kind(self) -> str:
        """As the table of codes has it."""
        return KIND

    @property
    def code(self) -> bytes:
        """As the table of codes keeps it."""
        return bytes([self.denied, self.allowed, self.unreadable])


def purposes_in(bits: int) -> tuple[Purpose, ...]:
    """The purposes that bits of a `Said` stand for."""
    return tuple(purpose for purpose in _PURPOSES if bits & _BIT[purpose])


def is_signal(algorithm: str) -> bool:
    """Whether a line in a table of codes is about a signal."""
    return algorithm.startswith(_PREFIX)


def signal_of(algorithm: str) -> str:
    """The family that a line is about."""
    return algorithm.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def said_from(algorithm: str, code: bytes) -> Said:
    """A line of a table of codes; `Corrupt` for one that we did not write."""
    name = signal_of(algorithm)
    if algorithm != f"{_PREFIX}{name}{_SUFFIX}" or len(code) != 3 or code[2] > 1 or not name:
        raise Corrupt(f"A signal of the run cannot be read ({algorithm[:60]}); filter its input again.")
    return Said(name, code[0], code[1], bool(code[2]))


def summarise(evidence: Iterable[Evidence]) -> tuple[Said, ...]:
    """Each family that says anything or could not be read, sorted, without what other statements replace."""
    found = list(evidence)
    replaced = combine(found, Purpose.TDM).replaced
    families: dict[str, Said] = {}
    for e in found:
        if not (e.speaks or e.error):
            continue
        known = families.get(e.signal, Said(e.signal))
        stands = not any(e is other for other in replaced)
        denied = known.denied | (_bits(e, Answer.DENY) if stands else 0)
        allowed = (known.allowed | (_bits(e, Answer.ALLOW) if stands else 0)) & ~denied
        families[e.signal] = Said(e.signal, denied, allowed, known.unreadable or e.error is not None)
    return tuple(sorted(said for said in families.values() if said.denied or said.allowed or said.unreadable))


def of_a_site(said: Iterable[Said]) -> tuple[Said, ...]:
    """The same, as said by the files of a site."""
    return tuple(replace(one, signal=SITE + one.signal) for one in said)


def with_site(own: Sequence[Said], site: Sequence[Said]) -> tuple[Said, ...]:
    """What an item says and what its site says, sorted; as `summarise` of all evidence together, but told apart.

    What could not be read stays a gap, also where the item's own word replaces it.
    """
    if not site:
        return tuple(own)
    speaking = {s.signal for s in own if s.denied or s.allowed} & _REPLACING
    standing = (
        replace(s, denied=0, allowed=0) if s.signal.removeprefix(SITE) in speaking else s for s in site
    )
    return tuple(sorted([*own, *(s for s in standing if s.denied or s.allowed or s.unreadable)]))


def weigh(said: Sequence[Said], purpose: Purpose) -> tuple[tuple[Signal, ...], Gap | None]:
    """The signals and the gap for one purpose, as `combine` gives them for the evidence itself."""
    if not said:
        return (), None
    mask = _MASKS[purpose]
    denying = [s.signal for s in said if s.denied & mask]
    allowing = [s for s in said if s.allowed & mask]
    permitted = not denying and mask & ~_union(allowing) == 0
    names = denying or ([s.signal for s in allowing] if permitted else [])
    unreadable = next((s.signal for s in said if s.unreadable), None)
    gap = None if unreadable is None else Gap(f"error.signal.{unreadable}")
    return tuple(Signal(name, not denying) for name in names), gap


def _union(said: Iterable[Said]) -> int:
    bits = 0
    for one in said:
        bits |= one.allowed
    return bits


def _bits(evidence: Evidence, wanted: Answer) -> int:
    return sum(_BIT[purpose] for purpose, answer in evidence.answers if answer is wanted)
