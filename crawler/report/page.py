"""From a run's papers to one HTML page that needs nothing else: no script, no request, a strict content policy.

Names and texts in a dataset come from strangers. The template escapes every one of them, and even a tag that got
through could load nothing and run nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from crawler import durable
from crawler.modes import Mode, mode_of
from crawler.report.facts import Facts, Part, gather
from crawler.report.pairs import Pair, make_pairs, samples_at
from crawler.report.signals import signal_rows, site_sentences
from crawler.report.texts import Texts
from crawler.runs.layout import REPORT
from crawler.runs.signing import check_signature
from crawler.sources.base import Source
from registry.core.decisions import Terms, Verdict
from registry.core.errors import VerificationFailed
from registry.core.fingerprints import MINHASH128, PHASH256
from registry.core.histograms import Histogram, histogram
from registry.core.matching.grades import radius
from registry.core.records.runs import RunManifest
from registry.core.snapshots import Snapshot

_MOST_REASONS: Final = 24
_LONGEST_NAME: Final = 96
_CHARTS: Final = ((PHASH256, "full", "close-phash"), (MINHASH128, "whole", "close-minhash"))
_SWITCHES: Final = ("dry_run", "metadata_only", "deep", "exact_decode", "lazy_signatures")
_VALUES: Final = ("column", "limit", "min_words")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel."""

    name: str
    number: int
    less: str = ""
    before: int | None = None
    """How many there were a step earlier; `None` if this step takes none away."""


def write_report(
    run: Path, *, language: str = "en", edition: Snapshot | None = None, sources: Sequence[Source] = ()
) -> Path:
    """Write `report.html` into a complete run, in the place of an older one.

    Thumbnails need the inputs, drawings of registered codes and what their makers permit the edition; without them
    there is less to see. All figures come from the papers alone.
    """
    facts = gather(run)
    places = [(row["shard"], row["row"]) for row in facts.places]
    samples = samples_at(sources, facts.manifest.parameters["items_per_shard"], places) if sources else {}
    pairs = make_pairs(run, facts.places, edition, samples)
    page = render(facts, pairs, edition, Texts(language), signed_by=_signed_by(run, facts.manifest))
    path = run / REPORT
    durable.replace_file(path, page.encode())
    return path


def render(
    facts: Facts, pairs: Sequence[Pair], edition: Snapshot | None, texts: Texts, *, signed_by: str | None
) -> str:
    """The page."""
    manifest = facts.manifest
    style = _part("report.css")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_part("report.html"))
    return template.render(
        t=texts,
        manifest=manifest,
        facts=facts,
        style=Markup(style),  # noqa: S704 - our own file, no part of it from outside
        style_sha256=base64.b64encode(sha256(style.encode()).digest()).decode(),
        headline=_headline(manifest, texts),
        lead=_lead(manifest, texts),
        funnel=_funnel(facts, texts),
        reasons=_reasons(facts, texts),
        signals=signal_rows(facts),
        sites=list(site_sentences(facts, texts)),
        charts=_charts(facts, texts),
        pairs=pairs,
        has_edition=edition is not None,
        shards=max((part.last for part in facts.parts), default=-1) + 1,
        name_of=lambda part: _name_of(part, manifest, texts),
        verdict=lambda number: Verdict(number).name.lower(),
        terms=lambda terms: _terms(terms, texts),
        clip=_clip,
        to_verify=_to_verify(manifest, texts, signed_by),
    )


def _part(name: str) -> str:
    return resources.files("crawler.report").joinpath(name).read_text("utf-8")


def _signed_by(run: Path, manifest: RunManifest) -> str | None:
    try:
        key = check_signature(run, manifest.run_id)
    except VerificationFailed:
        return None
    return None if key is None else str(key)


def _clip(name: str) -> str:
    """A name that may be as long as a path can be, with its end, which tells most."""
    return name if len(name) <= _LONGEST_NAME else "…" + name[-_LONGEST_NAME:]


def _headline(manifest: RunManifest, texts: Texts) -> str:
    annotates = mode_of(manifest) is Mode.ANNOTATE
    key = "would-be-kept" if manifest.parameters.get("dry_run") else "may-be-used" if annotates else "kept"
    counts = manifest.counts
    return texts(key, kept=texts.number(counts.kept), seen=texts.number(counts.seen))


def _lead(manifest: RunManifest, texts: Texts) -> str:
    names = [_clip(used.uri) for used in manifest.inputs]
    inputs = (
        ", ".join(names)
        if len(names) <= 3
        else texts("more-inputs", first=names[0], n=texts.number(len(names) - 1))
    )
    return texts(
        "lead",
        inputs=inputs,
        purpose=manifest.purpose,
        policy=manifest.policy,
        sequence=texts.number(manifest.snapshot.sequence),
        at=texts.time(manifest.at),
    )


def _funnel(facts: Facts, texts: Texts) -> list[Step]:
    left = facts.manifest.counts.seen
    steps = [Step(texts("read"), left)]
    for name, lost, less in (
        ("checked", facts.unchecked, "less-unchecked"),
        ("not-reserved", facts.denied, "less-denied"),
        ("sure", facts.review, "less-review"),
        ("end-kept", facts.otherwise, "less-otherwise"),
    ):
        before, left = left, left - lost
        if lost or name in ("checked", "end-kept"):
            steps.append(Step(texts(name), left, texts(less, n=texts.number(lost)) if lost else "", before))
    if facts.licensed:
        steps.append(Step(texts("of-these"), facts.licensed))
    return steps


def _reasons(facts: Facts, texts: Texts) -> list[tuple[str, str, int]]:
    """In words, the code, and how many; the most frequent first."""
    found = sorted(facts.left_out.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [(texts.reason(code), code, number) for code, number in found[:_MOST_REASONS]]
    if rest := found[_MOST_REASONS:]:
        rows.append((texts("more-reasons", n=len(rest)), "", sum(number for _, number in rest)))
    return rows


def _charts(facts: Facts, texts: Texts) -> list[tuple[str, Histogram]]:
    grades = facts.manifest.parameters.get("grades", {})
    return [
        (texts(name), histogram(facts.distances[algorithm], grades[f"{algorithm}/{kind}"], radius(algorithm)))
        for algorithm, kind, name in _CHARTS
        if algorithm in facts.distances and f"{algorithm}/{kind}" in grades
    ]


def _name_of(part: Part, manifest: RunManifest, texts: Texts) -> str:
    """The input, where each is one shard; else the number."""
    inputs = manifest.inputs
    if part.first == part.last:
        if all(used.format != "folder" for used in inputs) and part.first < len(inputs):
            return _clip(inputs[part.first].uri)
        return texts.number(part.first)
    return f"{texts.number(part.first)}–{texts.number(part.last)}"


def _terms(terms: Terms, texts: Texts) -> str:
    """What anyone may do with a work, in a sentence."""
    if terms.contested_since is not None:
        return texts("contested")
    if not terms.grants:
        return texts("closed")
    uses = sorted({f"{grant.purpose} ({', '.join(grant.territories)})" for grant in terms.grants})
    return texts("open", uses=", ".join(uses))


_Row = tuple[str, Any, bool]
"""Name, value, and whether it is to be read letter by letter."""


def _to_verify(manifest: RunManifest, texts: Texts, signed_by: str | None) -> list[_Row]:
    """What somebody needs who does not believe the page: which run, by which edition, asked what and how."""
    return [
        (texts("verify-command"), "vorbehalt verify RUN", True),
        (texts("explain-command"), "vorbehalt explain RUN KEY", True),
        (texts("run-id"), manifest.run_id, True),
        (texts("signature"), signed_by or texts("not-signed"), signed_by is not None),
        *_edition_rows(manifest, texts),
        *_request_rows(manifest, texts),
        *_setting_rows(manifest, texts),
    ]


def _edition_rows(manifest: RunManifest, texts: Texts) -> list[_Row]:
    snapshot = manifest.snapshot
    edition = texts(
        "edition-value",
        sequence=texts.number(snapshot.sequence),
        created=texts.time(snapshot.created),
        age=texts.age(manifest.at - snapshot.created),
    )
    log = texts("log-value", size=texts.number(snapshot.log_size), root=snapshot.log_root)
    return [
        (texts("edition"), edition, False),
        (texts("works-root"), snapshot.works_root, True),
        (texts("log"), log, True),
    ]


def _request_rows(manifest: RunManifest, texts: Texts) -> list[_Row]:
    asked = texts(
        "asked-value", purpose=manifest.purpose, territory=manifest.territory, at=texts.time(manifest.at)
    )
    return [
        (texts("asked-for"), asked, False),
        (texts("in-the-name"), manifest.licensee or texts("nobody"), manifest.licensee is not None),
        (texts("policy"), f"{manifest.policy}, {mode_of(manifest)}", True),
    ]


def _setting_rows(manifest: RunManifest, texts: Texts) -> list[_Row]:
    stated = manifest.parameters
    settings = [name for name in _SWITCHES if stated.get(name)]
    settings += [f"{name}={stated[name]}" for name in _VALUES if stated.get(name) is not None]
    steps = stated.get("grades", {}).get(f"{PHASH256}/full", [])
    reach = {grade: at for at, grade, *_ in steps}  # of one that has several steps, the furthest
    tools = [(manifest.tool.name, manifest.tool.version), *sorted(manifest.decoders.items())]
    return [
        (texts("settings"), ", ".join(settings) or "–", True),
        *([(texts("sites-file"), stated["sites"]["sha256"], True)] if stated.get("sites") else []),
        (
            texts("thresholds"),
            ", ".join(f"{texts('grade.' + grade)} ≤ {at}" for grade, at in reach.items()),
            False,
        ),
        (texts("tool"), ", ".join(f"{name} {version}" for name, version in tools), True),
    ]
