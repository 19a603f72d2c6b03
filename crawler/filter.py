"""From items to verdicts, without touching a file: samples -> fingerprints -> matches -> decisions.

`read` learns from an item what can be learnt without the registry; `Judge` asks the registry's snapshot. The two
halves are apart because the first costs a decoding and the second almost nothing: `vorbehalt verify` repeats only
the second, from the stored codes.

What costs most, the search for parts of pictures, is left for last and left out where the item is denied for good by
then. It is not left out for a picture that is certainly a licensed one: somebody else's, reserved, may be part of it.
With lazy signatures, a text is signed only if it has met anything on record by its other codes.
Nor does a code that is there but was not asked for decide anything, so that all codes give the verdicts that the
codes which a run has made give.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crawler.modes import Mode, in_mode
from crawler.sources.base import Part, Sample
from registry.core import errors
from registry.core.decisions import (
    Decision,
    Gap,
    Grade,
    MatchedWork,
    Request,
    Terms,
    Verdict,
    decide,
    denied_for_good,
)
from registry.core.decisions.terms import WORLD
from registry.core.fingerprints import (
    Fingerprint,
    Later,
    LaterSignature,
    Limits,
    look_up_bytes,
    look_up_texts,
    signature_of,
)
from registry.core.fingerprints.algorithms import (
    ANCHORS256,
    DEEP256,
    DHASH256,
    MD5,
    MINHASH128,
    SHA256,
    SOURCE_URL,
)
from registry.core.fingerprints.text_disguises import DISGUISED, are_disguised
from registry.core.matching import Match
from registry.core.records.claims import How
from registry.core.signals import Media, Subject, embedded
from registry.core.signals.reading import Obtained, media_of
from registry.core.signals.reading import read as read_signals
from registry.core.signals.summary import Said, summarise, weigh

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

_LAST = frozenset({ANCHORS256, DEEP256})
"""Codes of parts of pictures: the dearest to make and to search for."""
_Codes = Sequence[Fingerprint]
_NOTES = {"image.low-quality": "unchecked.low-quality", DISGUISED.code: "unchecked.disguised"}
"""What is said of an item's codes that makes it a gap that nothing is found by them."""


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
    signals: tuple[Said, ...] = ()
    """What opt-out signals in or beside the item say, by family."""
    later: tuple[tuple[int, Later], ...] = field(default=(), compare=False, repr=False)
    """Codes that are not made yet, each with the number of codes after which they stand."""

    def completed(self, *, colours: bool = False, signature: bool = False) -> Reading:
        """With the codes that were left for later; colours and signatures only if they are wanted."""
        if not self.later:
            return self
        codes = list(self.fingerprints)
        try:
            for end, later in reversed(self.later):
                signed = later.signature() if signature else ()
                codes[end:end] = [*(later.colours() if colours else ()), *signed, *later.anchors()]
        except errors.InvalidInput as error:
            return replace(self, gap=self.gap or _gap(error), later=())
        return replace(self, fingerprints=tuple(codes), later=())


_NOTHING = Reading(None, None)


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
    reading: Reading = _NOTHING
    """What it rests on: the reading with the codes that were asked for."""

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

    def match(
        self, items: Sequence[Sequence[Fingerprint]], only: Collection[str] | None = None
    ) -> list[tuple[Match, ...]]:
        """Per item the best match per work, surest first, by codes of these algorithms."""

    def match_codes(self, algorithm: str, codes: NDArray[np.uint8]) -> Mapping[int, tuple[Match, ...]]:
        """The same for single codes, only of those that match anything."""


def read(sample: Sample, limits: Limits, *, deep: bool = False, exact_decode: bool = False) -> Reading:
    """Fingerprint one item; see `read_all`."""
    (reading,) = read_all([sample], limits, deep=deep, exact_decode=exact_decode)
    return reading


def read_all(
    samples: Sequence[Sample],
    limits: Limits,
    *,
    deep: bool = False,
    exact_decode: bool = False,
    lazy_signatures: bool = False,
    territory: str = WORLD,
) -> list[Reading]:
    """Fingerprint items, with `deep` the parts of pictures too, with `exact_decode` from all pixels.

    With `lazy_signatures` those of texts are left for later. Whatever is wrong with an item becomes its gap; nothing is
    raised for bad content. All texts are coded together. `territory` is where they are to be used, which some opt-out
    signals ask.
    """
    parts = [_parts(sample) for sample in samples]
    texts = [_utf8(p, sample) for sample, own in zip(samples, parts, strict=True) for p in own if _is_text(p)]
    coded = look_up_texts(texts, limits=limits, lazy_signatures=lazy_signatures)
    disguised = are_disguised([text for text, _ in texts])
    made_texts = (
        _of_text(codes, *text, is_hidden, lazy_signatures)
        for codes, text, is_hidden in zip(coded, texts, disguised, strict=True)
    )

    def of_part(part: Part) -> Reading:
        if _is_text(part):
            return next(made_texts)
        reading = _read_part(part, limits, deep, exact_decode)
        return _with_lazy_signature(reading) if lazy_signatures else reading

    readings = []
    for sample, own in zip(samples, parts, strict=True):
        made = [of_part(part) for part in own]
        reading = _together(made) if sample.parts and made else made[0] if made else _unread(sample)
        said = _signals(sample, own, limits, territory)
        readings.append(replace(reading, signals=said) if said else reading)
    return readings


def _signals(sample: Sample, parts: Sequence[Part], limits: Limits, territory: str) -> tuple[Said, ...]:
    """What the item says about its use: in the answer in which it was captured, or in its own bytes."""
    if sample.answer is not None and parts:
        subject = Subject(sample.answer.url, media_of(sample.answer), territory=territory)
        return summarise(read_signals(Obtained(sample.answer), subject, limits))
    files = [part.data for part in parts if part.data and part.text is None]
    if not files:
        return ()
    subject = Subject(media=Media.IMAGE, territory=territory)
    return summarise(chain.from_iterable(embedded.read(data, subject, limits) for data in files))


def _parts(sample: Sample) -> Sequence[Part]:
    """What of an item is looked at: nothing if all is said beside it, or it is no good as a whole."""
    if sample.stated is not None or sample.gap is not None:
        return ()
    if sample.parts:
        return sample.parts
    return (Part(sample.raw if sample.text is None else sample.text.encode("utf-8"), sample.text),)


def _is_text(part: Part) -> bool:
    return part.text is not None and part.gap is None


def _utf8(part: Part, sample: Sample) -> tuple[bytes, bytes]:
    """A text as UTF-8, and its bytes: the same where it is all of its item."""
    if part.text is None or not sample.parts:
        return part.data, part.data
    return part.text.encode("utf-8", "surrogatepass"), part.data


def _unread(sample: Sample) -> Reading:
    if sample.stated is not None:
        return Reading(None, _sha256_of(sample.stated), sample.stated, sample.gap)
    raw = sample.raw if sample.text is None else sample.text.encode("utf-8")
    return Reading(None, sample.sha256 or (hashlib.sha256(raw).hexdigest() if raw else None), gap=sample.gap)


def _sha256_of(codes: Sequence[Fingerprint]) -> str | None:
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
        later=tuple(_later_together(readings)),
    )


def _later_together(readings: Sequence[Reading]) -> Iterator[tuple[int, Later]]:
    before = 0
    for reading in readings:
        yield from ((before + end, later) for end, later in reading.later)
        before += len(reading.fingerprints)


def split_parts(fingerprints: Sequence[Fingerprint]) -> list[Sequence[Fingerprint]]:
    """The codes of an item by the part that they were made from: each part's begin with its SHA-256 or its address.

    Codes of different pictures must not meet: whether a frame has one code tells how its others are used. Nor must
    those of different addresses: what is said of one page goes before what is said of the whole site for it alone.
    """
    starts = [i for i, f in enumerate(fingerprints) if f.algorithm in _FIRST and i]
    if not starts:
        return [fingerprints]
    return [fingerprints[a:b] for a, b in pairwise([0, *starts, len(fingerprints)])]


def _of_text(
    codes: tuple[Fingerprint, ...] | errors.InvalidInput,
    text: bytes,
    data: bytes,
    disguised: bool,
    lazy: bool,
) -> Reading:
    if isinstance(codes, errors.InvalidInput):
        return Reading(None, hashlib.sha256(data).hexdigest(), gap=_gap(codes))
    later = ((len(codes), LaterSignature(partial(signature_of, text))),) if lazy else ()
    gap = _NOTES[DISGUISED.code] if disguised else None
    return Reading("text", codes[0].code.hex(), codes, gap, later=later)


def _with_lazy_signature(reading: Reading) -> Reading:
    """Of a text that came as a file: its signature is made, but counts only where that of another text would."""
    codes = tuple(f for f in reading.fingerprints if f.algorithm != MINHASH128)
    made = [f for f in reading.fingerprints if f.algorithm == MINHASH128]
    if reading.later or not made:
        return reading
    return replace(reading, fingerprints=codes, later=((len(codes), LaterSignature(made.pop)),))


def _read_part(part: Part, limits: Limits, deep: bool, exact_decode: bool) -> Reading:
    if part.stated:
        return Reading(None, None, part.stated, part.gap)
    if part.gap is not None:
        return Reading(None, hashlib.sha256(part.data).hexdigest() if part.data else None, gap=part.gap)
    try:
        found = look_up_bytes(part.data, limits=limits, deep=deep, exact_decode=exact_decode)
    except errors.InvalidInput as error:
        return Reading(None, hashlib.sha256(part.data).hexdigest(), gap=_gap(error))
    gap = next((_NOTES[note.code] for note in found.notes if note.code in _NOTES), None)
    later = ((len(found.fingerprints), found.later),) if found.later else ()
    return Reading(found.media, _sha256_of(found.fingerprints), found.fingerprints, gap, later=later)


def _gap(error: errors.InvalidInput) -> str:
    """Why an item cannot be checked, as a reason code."""
    return next(gap for kind, gap in _GAPS if isinstance(error, kind))


def _surest(matches: Sequence[tuple[Match, ...]]) -> tuple[Match, ...]:
    """The matches of an item's parts as one list: each work once, as its surest part matched it."""
    if len(matches) == 1:
        return matches[0]
    best: dict[int, Match] = {}
    for match in sorted(chain.from_iterable(matches), key=lambda match: match.order):
        best.setdefault(match.work_row, match)
    return tuple(best.values())


def _wants_colours(match: Match) -> bool:
    """Whether the outlines are those of a symmetric picture, and only its colours can tell whether it is that one."""
    return match.algorithm == DHASH256 and match.grade is Grade.TRACE


def _is_signed_later(before: Reading, after: Reading) -> bool:
    """Whether a signature was left for later and has been made."""
    return len(after.fingerprints) > len(before.fingerprints) and any(
        f.algorithm == MINHASH128 for f in after.fingerprints
    )


def _has_last(reading: Reading) -> bool:
    """Whether there are codes that are compared last."""
    return not _LAST.isdisjoint([f.algorithm for f in reading.fingerprints])


def _but_last(reading: Reading) -> list[_Codes]:
    """The codes of each part, but those that are compared last."""
    parts = split_parts(reading.fingerprints)
    if not _has_last(reading):
        return parts
    return [[f for f in part if f.algorithm not in _LAST] for part in parts]


def _last(reading: Reading) -> list[_Codes]:
    """The parts that have codes that are compared last."""
    parts = split_parts(reading.fingerprints)
    return [part for part in parts if any(f.algorithm in _LAST for f in part)]


class Judge:
    """Decides about readings by one snapshot and one request, as a run's mode carries it out."""

    def __init__(
        self, matcher: Matching, registered: Registered, request: Request, mode: Mode = Mode.DROP
    ) -> None:
        self._matcher = matcher
        self._registered = registered
        self._request = request
        self._mode = mode
        self._without_match: dict[tuple[str | None, tuple[Said, ...]], Decision] = {}

    def judge(self, readings: Sequence[Reading]) -> list[Judgement]:
        """One judgement per reading, in order."""
        found = self._match([_but_last(reading) for reading in readings])
        read = list(readings)
        open_ = [i for i, matches in enumerate(found) if not (matches and self._is_denied(matches))]
        coloured = [i for i in open_ if any(map(_wants_colours, found[i]))]
        for i in open_:
            if readings[i].later and (found[i] or readings[i].media != "text"):  # else nothing is wanted
                read[i] = readings[i].completed(colours=i in coloured, signature=bool(found[i]))
        anew = [i for i in open_ if i in coloured or (found[i] and _is_signed_later(readings[i], read[i]))]
        again = self._match([_but_last(read[i]) for i in anew])
        for i, matches in zip(anew, again, strict=True):
            found[i] = matches
        settled = {i for i in anew if self._is_denied(found[i])}
        open_ = [i for i in open_ if i not in settled and (found[i] or _has_last(read[i]))]
        for i, matches in zip(open_, self._match([_last(read[i]) for i in open_], _LAST), strict=True):
            found[i] = _surest([found[i], matches])
        return [self._one(reading, matches) for reading, matches in zip(read, found, strict=True)]

    def matching(self, algorithm: str, codes: NDArray[np.uint8]) -> list[int]:
        """Which of these codes, (N, width), match anything; what that means, `judge` says about their items."""
        return list(self._matcher.match_codes(algorithm, codes))

    def _match(
        self, items: Sequence[Sequence[_Codes]], only: Collection[str] | None = None
    ) -> list[tuple[Match, ...]]:
        """The matches of items that are given as the codes of their parts."""
        parts = list(chain.from_iterable(items))
        found = iter(self._matcher.match(parts, only) if parts else ())
        return [_surest(list(islice(found, len(own)))) for own in items]

    def _asked(self, matches: Iterable[Match]) -> list[MatchedWork]:
        """These matches, with what may be done with the works."""
        return [
            MatchedWork(
                self._registered.work_id(match.work_row),
                match.grade,
                self._registered.terms(match.work_row),
                self._registered.personal(match.work_row),
                match.by_address,
            )
            for match in matches
        ]

    def _is_denied(self, matches: Sequence[Match]) -> bool:
        return denied_for_good(self._request, self._asked(matches))

    def _one(self, reading: Reading, matches: tuple[Match, ...]) -> Judgement:
        counting = tuple(m for m in matches if not _wants_colours(m)) if matches else ()
        if not counting:
            return Judgement(self._unmatched(reading), reading=reading)
        return self._matched(reading, counting)

    def _unmatched(self, reading: Reading) -> Decision:
        """What is said of every item that matches nothing."""
        case = (reading.gap, reading.signals)
        if (known := self._without_match.get(case)) is None:
            known = self._without_match[case] = self._decide(reading, ())
        return known

    def _decide(self, reading: Reading, asked: Sequence[MatchedWork]) -> Decision:
        said, gap = weigh(reading.signals, self._request.purpose)
        gap = gap if reading.gap is None else Gap(reading.gap)
        return in_mode(decide(self._request, asked, said, gap), self._mode)

    def _matched(self, reading: Reading, matches: tuple[Match, ...]) -> Judgement:
        asked = self._asked(matches)
        found = tuple((work.work, match) for work, match in zip(asked, matches, strict=True))
        decision = self._decide(reading, asked)
        licensed = decision.verdict is Verdict.LICENSED and decision.kept
        deciding = [match for match in asked if match.work in decision.works]
        uses = tuple(self._uses(deciding, dict(found))) if licensed else ()
        return Judgement(decision, found, uses, reading)

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
