"""One explained verdict about a target from all its signals; and the evidence of many sites as one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from crawler.durable import replacing
from crawler.fetch.asking import Asker
from crawler.fetch.gathering import Gatherer
from crawler.fetch.kept import Kept
from crawler.fetch.several import in_order
from crawler.sites.lines import Head, Tail, oldest, site_line
from crawler.sites.origins import listed_origin
from registry.core.decisions import Decision, Request, decide
from registry.core.errors import InvalidInput, OutputExists
from registry.core.fingerprints.model import Limits
from registry.core.signals import Evidence, Finding, Subject, combine
from registry.core.signals.families import FAMILIES
from registry.core.signals.reading import SITE_FILES, read

AT_ONCE: Final = 8
"""Sites that are asked at the same time unless somebody says otherwise."""
_IN_FILES: Final = ("iptc", "c2pa", "tdmrep", "rsl")
_AT_ADDRESSES: Final = ("x-robots-tag", "content-usage", "content-signal", "payment")


@dataclass
class Asked:
    """What is asked about every target, and how it is obtained."""

    request: Request
    subject: Subject
    evidence: Path | None = None
    refresh: bool = False
    asker: Asker = field(default_factory=Asker)

    @cached_property
    def gatherer(self) -> Gatherer:
        """One for all targets, so that each site is asked once."""
        kept = None if self.evidence is None else Kept(self.evidence)
        return Gatherer(self.asker, kept, refresh=self.refresh)


@dataclass(frozen=True)
class Told:
    """The verdict about one target and all that it rests on."""

    target: str
    evidence: tuple[Evidence, ...]
    finding: Finding
    decision: Decision
    checked: tuple[str, ...]
    """The places and families that were looked at."""

    @property
    def gap(self) -> bool:
        """Whether something could not be read or fetched."""
        return self.finding.gap is not None


def tell(target: str, asked: Asked) -> Told:
    """The verdict about an address or a file; `InvalidInput` if it is neither."""
    if "://" in target:
        obtained, subject = asked.gatherer.address(target, asked.subject)
        checked: tuple[str, ...] = (*SITE_FILES, *_AT_ADDRESSES, *_IN_FILES)
    else:
        path = Path(target)
        if not path.is_file():
            raise InvalidInput(
                f"“{target[:200]}” is neither an address (https://…) nor a file that is there."
            )
        obtained, subject = asked.gatherer.file(path, asked.subject)
        checked = _IN_FILES
    evidence = read(obtained, subject, Limits())
    finding = combine(evidence, asked.request.purpose)
    decision = decide(asked.request, signals=finding.signals, gap=finding.gap)
    return Told(target, tuple(evidence), finding, decision, checked)


def write_sites(
    listed: Path,
    out: Path,
    asked: Asked,
    at_once: int = AT_ONCE,
    told: Callable[[int, int], None] | None = None,
) -> int:
    """Ask the sites of a list, one a line, and write what they answered (`crawler.sites.lines`); their number.

    A line that is no site is refused before anybody is asked. So many sites are asked at once, each host by one
    question at a time; that changes nothing in the file. `told` learns how many are done, and of how many. What holds
    for parts of a site is found in the answers by whoever reads them.
    """
    if out.exists():
        raise OutputExists(f"{out} is there already; name another file.")
    origins = _listed(listed)
    subject, clock = asked.subject, asked.asker.clock
    head = Head(int(clock()), subject.agent, subject.any_ai_agent, subject.strict, dict(FAMILIES))
    first: int | None = None
    gatherer = asked.gatherer

    def ask(origin: str) -> tuple[bytes, int]:
        obtained = gatherer.site(origin, subject)
        return site_line(origin, obtained), oldest(obtained)

    with replacing(out) as rough, rough.open("wb") as file:
        file.write(head.to_line())
        for done, (line, found) in enumerate(in_order(ask, origins, at_once), 1):
            first = found if first is None else min(first, found)
            file.write(line)
            if told is not None:
                told(done, len(origins))
        file.write(Tail(len(origins), first or 0, int(clock())).to_line())
    return len(origins)


def _listed(path: Path) -> list[str]:
    """The origins that a file lists, each once, in ascending order."""
    found = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if text := line.strip():
            try:
                found.add(listed_origin(text))
            except InvalidInput as problem:
                raise InvalidInput(f"{path}, line {number}: {problem.message}") from None
    return sorted(found)
