"""One explained verdict about a target from all its signals; and the evidence of many sites as one file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import orjson

from crawler.durable import replacing
from crawler.fetch.asking import Asker
from crawler.fetch.gathering import Gatherer
from crawler.fetch.kept import Kept
from registry.core.decisions import Decision, Request, decide
from registry.core.errors import InvalidInput, OutputExists
from registry.core.fingerprints.model import Limits
from registry.core.signals import Evidence, Finding, Subject, combine
from registry.core.signals.reading import SITE_FILES, Obtained, read

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


def write_domains(domains: Path, out: Path, asked: Asked) -> int:
    """The evidence of whole sites, a JSON line each, in order of domains; their number.

    What holds for a part of a site is read for its start page; `obtained` keeps the files for those who need more.
    """
    if out.exists():
        raise OutputExists(f"{out} is there already; name another file.")
    names = sorted({line.strip().lower() for line in domains.read_text("utf-8").splitlines() if line.strip()})
    with replacing(out) as rough, rough.open("wb") as file:
        for name in names:
            obtained, subject = asked.gatherer.domain(name, asked.subject)
            file.write(orjson.dumps(domain_line(name, obtained, subject)) + b"\n")
    return len(names)


def domain_line(name: str, obtained: Obtained, subject: Subject) -> dict[str, object]:
    """One site's line."""
    evidence = read(obtained, replace(subject, url=f"https://{name}/"), Limits())
    return {"domain": name, "evidence": [e.as_json() for e in evidence]}
