"""All evidence about one item becomes what `registry.core.decisions.decide` takes: signals, and perhaps a gap.

1. Within a family, a statement of higher rank replaces lower ones (TDMRep: file, then header, then page, then the
   publication itself); a statement that says nothing replaces none.
2. Any refusal of anything inside the purpose refuses the purpose (AIPREF vocabulary, on combining preferences).
3. A permission counts if every purpose inside is permitted by some statement and refused by none.
4. Whatever could not be read or fetched leaves a gap, so that the item is not kept.

The reading of a contradiction is thus the strict one, and each contradiction is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.core.decisions import Gap, Purpose, Signal, inside
from registry.core.signals.model import Answer, Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """What all evidence together says about one purpose."""

    signals: tuple[Signal, ...] = ()
    """For `decide`, sorted by name, each family once."""
    gap: Gap | None = None
    denying: tuple[Evidence, ...] = ()
    allowing: tuple[Evidence, ...] = ()
    """Also where a refusal outweighs them."""
    replaced: tuple[Evidence, ...] = ()
    """Statements that a higher one of their family replaces."""
    acquire: Answer = Answer.UNKNOWN
    """Whether the item may be fetched."""

    @property
    def answer(self) -> Answer:
        """In one word; a gap is `unknown` unless something denies."""
        if self.denying:
            return Answer.DENY
        return Answer.ALLOW if self.signals and self.gap is None else Answer.UNKNOWN

    @property
    def conflict(self) -> bool:
        """Whether statements contradict each other, across families or within one."""
        return bool(self.denying) and bool(self.allowing or self.replaced)


def combine(evidence: Iterable[Evidence], purpose: Purpose) -> Finding:
    """Join the evidence; the order of entry does not matter for the decision."""
    found = list(evidence)
    standing, replaced = _ranked(found)
    parts = inside(purpose)
    denying = [e for e in standing if any(e.about(part) is Answer.DENY for part in parts)]
    allowing = [e for e in standing if any(e.about(part) is Answer.ALLOW for part in parts)]
    permitted = not denying and all(any(e.about(part) is Answer.ALLOW for e in allowing) for part in parts)
    deciding = denying or (allowing if permitted else [])
    errors = sorted({e.signal for e in found if e.error is not None})
    return Finding(
        signals=tuple(Signal(name, not denying) for name in sorted({e.signal for e in deciding})),
        gap=Gap(f"error.signal.{errors[0]}") if errors else None,
        denying=tuple(denying),
        allowing=tuple(allowing),
        replaced=tuple(replaced),
        acquire=_acquisition(found),
    )


def _ranked(evidence: Sequence[Evidence]) -> tuple[list[Evidence], list[Evidence]]:
    """The statements that stand, and those that a higher one of their family replaces."""
    highest: dict[str, int] = {}
    for e in evidence:
        if e.speaks:
            highest[e.signal] = max(highest.get(e.signal, e.rank), e.rank)
    standing: list[Evidence] = []
    replaced: list[Evidence] = []
    for e in evidence:
        (replaced if e.speaks and e.rank < highest[e.signal] else standing).append(e)
    return standing, replaced


def _acquisition(evidence: Iterable[Evidence]) -> Answer:
    said = {e.acquire for e in evidence}
    return next((a for a in (Answer.DENY, Answer.ALLOW) if a in said), Answer.UNKNOWN)
