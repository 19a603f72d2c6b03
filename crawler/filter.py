"""From items to verdicts, without touching a file: samples -> fingerprints -> matches -> decisions.

`read` learns from an item what can be learnt without the registry; `Judge` asks the registry's snapshot. The two
halves are apart because the first costs a decoding and the second almost nothing: `vorbehalt verify` repeats only
the second, from the stored codes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Protocol

from crawler.modes import Mode, in_mode
from crawler.sources.base import Part, Sample
from registry.core import errors
from registry.core.decisions import Decision, Gap, Grade, MatchedWork, Request, Terms, Verdict, decide
from registry.core.fingerprints import Fingerprint, Limits, fingerprint_bytes, fingerprint_text
from registry.core.fingerprints.algorithms import MD5, SHA256, SOURCE_URL
from registry.core.matching import Match
from registry.core.records.claims import How

DIGESTS = frozenset({SHA256, MD5})
"""A match by one of these is the very file."""

_FIRST = frozenset({SHA256, SOURCE_URL})
_TOO_SHORT = "unchecked.too-short"
_GAPS: tuple[tuple[type[errors.InvalidInput], str], ...] = (
    (errors.Undecodable, "error.undecodable"),
    (errors.UnsupportedMedia, "error.unsupported"),
    (errors.TooLarge, "error.too-large"),
    (errors.TooShort, _TOO_SHORT),
    (errors.InvalidInput, "error.invalid"),
)

_LOW_QUALITY = "image.low-quality"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an item is, before the registry is asked."""

    media: str | None
    """`image`, `text`; `None` where it could not be told."""
    sha256: str | None
    """Of the item's bytes, or of its text's UTF-8 where only a column counts; `None` if there were no bytes.
    Of an item with several parts: of the first picture, else of the first part that has codes."""
    fingerprints: tuple[Fingerprint, ...] = ()
    """Of an item with several parts: part by part, each beginning with its SHA-256."""
    gap: str | None = None
    """Why it could not be checked in full."""


@dataclass(frozen=True, slots=True)
class Use:
    """A work that is used under a licence of the asking licensee, and must be reported for it."""

    work: str
    licence: str
    tariff: str | None
    how: How
    """Whether the very file or a copy of the work was used."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision about one item, with every registered work that it resembles, surest first."""

    decision: Decision
    matches: tuple[tuple[str, Match], ...] = ()
    """Pairs of a work's id and how it was matched."""
    uses: tuple[Use, ...] = ()

    @property
    def deciding(self) -> tuple[str, Match] | None:
        """The surest match among those that decided."""
        return next((found for found in self.matches if found[0] in self.decision.works), None)

    @property
    def trace(self) -> tuple[str, Match] | None:
        """The longest passage that was too short to decide, if nothing decided."""
        return next((found for found in self.matches if found[1].grade is Grade.TRACE), None)


class Registered(Protocol):
    """What an opened snapshot answers about a work row."""

    def work_id(self, row: int) -> str:
        """The work's public id."""

    def terms(self, row: int) -> Terms:
        """What anyone may do with it."""

    def personal(self, row: int) -> Terms:
        """What the asking licensee may do beyond that."""


class Matching(Protocol):
    """The part of `registry.core.matching.Matcher` that judging needs."""

    def match(self, items: Sequence[Sequence[Fingerprint]]) -> list[tuple[Match, ...]]:
        """Per item the best match per work, surest first."""


def read(sample: Sample, limits: Limits, *, deep: bool = False) -> Reading:
    """Fingerprint one item, with `deep` the parts of pictures too.

    Whatever is wrong with it becomes its gap; nothing is raised for bad content.
    """
    if sample.stated is not None:
        return Reading(None, _stated_sha256(sample.stated), sample.stated, sample.gap)
    if sample.gap is not None:
        raw = sample.raw if sample.text is None else sample.text.encode("utf-8")
        digest = sample.sha256 or (hashlib.sha256(raw).hexdigest() if raw else None)
        return Reading(None, digest, gap=sample.gap)
    if sample.parts:
        return _together([_read_part(part, limits, deep) for part in sample.parts])
    data = sample.raw if sample.text is None else sample.text.encode("utf-8")
    return _read_part(Part(data, sample.text), limits, deep)


def _stated_sha256(codes: Sequence[Fingerprint]) -> str | None:
    return next((f.code.hex() for f in codes if f.algorithm == SHA256), None)


def _together(readings: Sequence[Reading]) -> Reading:
    """Parts as one item, which is checked in full only if each of them is.

    A text too short to compare is no gap beside a part that was compared: no text so short can be registered.
    """
    compared = sorted((r for r in readings if r.fingerprints), key=lambda r: r.media != "image")
    first = compared[0] if compared else readings[0]
    gaps = [r.gap for r in readings if r.gap is not None and not (compared and r.gap == _TOO_SHORT)]
    return Reading(
        first.media,
        first.sha256,
        tuple(chain.from_iterable(r.fingerprints for r in readings)),
        min(gaps, key=lambda gap: not gap.startswith("error."), default=None),
    )


def split_parts(fingerprints: Sequence[Fingerprint]) -> list[Sequence[Fingerprint]]:
    """The codes of an item by the part that they were made from: each part's begin with its SHA-256 or its address.

    Codes of different pictures must not meet: whether a frame has one code tells how its others are used. Nor must
    those of different addresses: what is said of one page goes before what is said of the whole site for it alone.
    """
    starts = [0, *(i for i, f in enumerate(fingerprints) if f.algorithm in _FIRST and i)]
    return [fingerprints[a:b] for a, b in pairwise([*starts, len(fingerprints)])]


def _read_part(part: Part, limits: Limits, deep: bool) -> Reading:
    if part.stated:
        return Reading(None, None, part.stated, part.gap)
    digest = hashlib.sha256(part.data).hexdigest() if part.data or part.gap is None else None
    if part.gap is not None:
        return Reading(None, digest, gap=part.gap)
    try:
        found = (
            fingerprint_bytes(part.data, limits=limits, deep=deep)
            if part.text is None
            else fingerprint_text(part.text, part.data, limits=limits)
        )
    except errors.InvalidInput as error:
        return Reading(None, digest, gap=next(gap for kind, gap in _GAPS if isinstance(error, kind)))
    faint = any(note.code == _LOW_QUALITY for note in found.notes)
    return Reading(found.media, digest, found.fingerprints, "unchecked.low-quality" if faint else None)


def _surest(matches: Sequence[tuple[Match, ...]]) -> tuple[Match, ...]:
    """The matches of an item's parts as one list: each work once, as its surest part matched it."""
    if len(matches) == 1:
        return matches[0]
    best: dict[int, Match] = {}
    for match in sorted(chain.from_iterable(matches), key=_order):
        best.setdefault(match.work_row, match)
    return tuple(best.values())


def _order(match: Match) -> tuple[int, bool, int, int]:
    """As the matcher orders: of equal grades, what was recognised goes before where it was found."""
    return -match.grade, match.by_address, match.distance, match.work_row


class Judge:
    """Decides about readings by one snapshot and one request, as a run's mode carries it out."""

    def __init__(
        self, matcher: Matching, registered: Registered, request: Request, mode: Mode = Mode.DROP
    ) -> None:
        self._matcher = matcher
        self._registered = registered
        self._request = request
        self._mode = mode

    def judge(self, readings: Sequence[Reading]) -> list[Judgement]:
        """One judgement per reading, in order."""
        parts = [split_parts(reading.fingerprints) for reading in readings]
        found = iter(self._matcher.match(list(chain.from_iterable(parts))))
        return [
            self._one(reading, _surest(list(islice(found, len(own)))))
            for reading, own in zip(readings, parts, strict=True)
        ]

    def _one(self, reading: Reading, matches: tuple[Match, ...]) -> Judgement:
        found = tuple((self._registered.work_id(match.work_row), match) for match in matches)
        asked = [
            MatchedWork(
                work,
                match.grade,
                self._registered.terms(match.work_row),
                self._registered.personal(match.work_row),
                match.by_address,
            )
            for work, match in found
        ]
        decision = decide(self._request, asked, gap=None if reading.gap is None else Gap(reading.gap))
        decision = in_mode(decision, self._mode)
        licensed = decision.verdict is Verdict.LICENSED and decision.kept
        deciding = [match for match in asked if match.work in decision.works]
        return Judgement(decision, found, tuple(self._uses(deciding, dict(found))) if licensed else ())

    def _uses(self, deciding: Iterable[MatchedWork], matched: Mapping[str, Match]) -> Iterator[Use]:
        """Every personal grant relied on, beside the work that it covers. Open licences need no report.

        A contested title has none of its own: where it stepped back, the older title's licence is reported. Nor has
        a place that did not count, because the item itself was recognised and is licensed.
        """
        request = self._request
        for match in sorted(deciding, key=lambda m: m.work):
            if match.terms.contested_since is not None:
                continue
            exact = matched[match.work].algorithm in DIGESTS
            for grant in match.personal.permitting(request.purpose, request.territory, request.at):
                yield Use(match.work, grant.licence, grant.tariff, How.EXACT if exact else How.NEAR)
