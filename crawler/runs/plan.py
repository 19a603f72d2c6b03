"""What a run is, before it begins. Equal plans give equal results, so only the same plan may go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import registry
from crawler.modes import Mode
from crawler.runs.rereading import request_of
from crawler.sites.evidence import Sites
from crawler.sources.base import Source
from registry.core.decisions import Request
from registry.core.errors import InvalidInput
from registry.core.fingerprints.model import DEFAULT_LIMITS, Limits
from registry.core.matching import passages_search
from registry.core.matching.grades import GRADES
from registry.core.records.canonical import canonical, parse
from registry.core.records.runs import RunManifest
from registry.core.records.shapes import relative_uri
from registry.core.signals.families import WITH_ITEMS
from registry.core.snapshots import Snapshot

ITEMS_PER_SHARD = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides the outcome besides the inputs and the snapshot."""

    request: Request
    column: str | None = None
    """Of tables and JSON lines, and extensions in a tar; `None` for what each format does then."""
    metadata_only: bool = False
    """Nothing was opened: only what each row states of an item elsewhere was compared."""
    deep: bool = False
    """The parts of pictures were looked for as well, for collages and pages."""
    mode: Mode = Mode.DROP
    dry_run: bool = False
    """Everything but the data is written."""
    limit: int | None = None
    """Only so many items of each input were read."""
    exact_decode: bool = False
    """JPEGs were decoded in full, as at registration, and not at reduced scale."""
    items_per_shard: int = ITEMS_PER_SHARD
    limits: Limits = DEFAULT_LIMITS
    min_words: int = passages_search.MIN_WORDS
    """A passage of fewer words that is not half of the registered text counts for nothing."""
    lazy_signatures: bool = False
    """Texts were compared as a whole only if they met a work by another code. Not in a deep search."""
    sites: Sites | None = None
    """What the sites say on which the items were found, if that was asked."""

    def parameters(self, snapshot: Snapshot) -> dict[str, Any]:
        """As they stand in the manifest, beside purpose, policy, territory and date."""
        licences = snapshot.standing.licences
        return {
            "column": self.column,
            "deep": self.deep,
            "exact_decode": self.exact_decode or self.deep,
            "grades": {
                f"{algorithm}/{kind}": [step.as_json() for step in steps]
                for (algorithm, kind), steps in GRADES.items()
            },
            "dry_run": self.dry_run,
            "items_per_shard": self.items_per_shard,
            "lazy_signatures": self.lazy_signatures and not self.deep,
            "limit": self.limit,
            "limits": {
                "max_file_bytes": self.limits.max_file_bytes,
                "max_pixels": self.limits.max_pixels,
                "max_text_bytes": self.limits.max_text_bytes,
            },
            "metadata_only": self.metadata_only,
            "min_words": self.min_words,
            "research": self.request.research,
            "signals": dict(WITH_ITEMS),
            "sites": self.sites.as_json() if self.sites else None,
            "passages": dict(passages_search.PARAMETERS),
            "mode": self.mode.value,
            "licences_sha256": sha256(licences.to_bytes()).hexdigest() if licences else None,
        }


def settings_of(manifest: RunManifest, *, at: int, sites: Sites | None = None) -> Settings:
    """The settings by which a run was made, for another date; `InvalidInput` if its papers do not state them all.

    `sites` is the file of sites by which it was judged, if there is one: papers do not say where that lies.
    """
    stated = manifest.parameters
    if stated.get("sites") != (sites.as_json() if sites else None):
        raise InvalidInput(
            "The run was not judged by this file of sites, or by one and none was named; say which with "
            "--domain-signals."
        )
    try:
        return Settings(
            request=request_of(manifest, at),
            column=stated["column"],
            metadata_only=stated["metadata_only"],
            deep=stated["deep"],
            mode=Mode(stated["mode"]),
            dry_run=stated["dry_run"],
            limit=stated["limit"],
            exact_decode=stated["exact_decode"],
            items_per_shard=stated["items_per_shard"],
            limits=replace(DEFAULT_LIMITS, **stated["limits"]),
            min_words=stated["min_words"],
            lazy_signatures=stated["lazy_signatures"],
            sites=sites,
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise InvalidInput(f"The run's papers do not state all of its settings ({problem}).") from problem


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that could begin: its canonical description, and the size of what lies ahead."""

    text: bytes
    total_bytes: int

    @property
    def sha256(self) -> str:
        """By which a resumed run is recognised."""
        return sha256(self.text).hexdigest()

    def continues(self, begun: bytes) -> bool:
        """Whether this is the run of the plan `begun`, or the same that now has a reason to use an expired edition."""
        if begun == self.text:
            return True
        before, now = parse(begun, "plan.json"), parse(self.text, "plan.json")
        return bool(now["stale_override"] is not None and before == now | {"stale_override": None})


@dataclass(frozen=True, slots=True)
class Looked:
    """The inputs of a run, as far as they are known without reading: names, sizes and times of change."""

    inputs: tuple[dict[str, str], ...]
    total_bytes: int


def look(sources: Sequence[Source], settings: Settings) -> Looked:
    """Look at all inputs."""
    total, inputs = 0, []
    for source in sources:
        digest = sha256()
        for shard in source.shards(settings.items_per_shard):
            digest.update(shard.state().encode())
            total += shard.size
        name = relative_uri(source.name, "The input's name")
        inputs.append({"format": source.format, "name": name, "state": digest.hexdigest()})
    return Looked(tuple(inputs), total)


def make_plan(looked: Looked, snapshot: Snapshot, settings: Settings) -> Plan:
    """What these inputs, edition and settings make."""
    request = settings.request
    description = {
        "at": request.at,
        "inputs": list(looked.inputs),
        "licensee": licensee_of(snapshot),
        "parameters": settings.parameters(snapshot),
        "policy": request.policy.value,
        "purpose": request.purpose.value,
        "snapshot": {"sequence": snapshot.sequence, "works_root": snapshot.works_root.hex()},
        "stale_override": snapshot.standing.stale_override,
        "territory": request.territory,
        "version": registry.__version__,
    }
    return Plan(canonical(description), looked.total_bytes)


def licensee_of(snapshot: Snapshot) -> str | None:
    """Public id of the lab in whose name the edition was opened, if any."""
    licences = snapshot.standing.licences
    return licences.licensee if licences else None
