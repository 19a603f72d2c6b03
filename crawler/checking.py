"""One file, or one code: is it on record, and what may be done with it? Asked of a snapshot or of a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.client import Client
from crawler.filter import Judge, Reading, read
from crawler.fingerprinting import read_file
from crawler.sources.base import Sample
from registry.core.decisions import Request, Verdict
from registry.core.errors import InvalidInput, NetworkFailed
from registry.core.fingerprints import (
    ALGORITHMS,
    ANCHORS256,
    DEEP256,
    DHASH256,
    MD5,
    MINHASH128,
    PHASH64,
    PHASH256,
    SHA256,
    WINNOW32,
    Fingerprint,
    check_code,
)
from registry.core.fingerprints.model import DEFAULT_LIMITS, Limits
from registry.core.matching import Match, Matcher
from registry.core.matching.passages_search import MIN_WORDS
from registry.core.snapshots import Snapshot

_ASKED = (SHA256, PHASH256, DHASH256, ANCHORS256, DEEP256, MINHASH128, WINNOW32)
"""What a server is asked about; the digests' MD5 says nothing that SHA-256 does not."""
_AT_ONCE = 10_000
_BYTES_AT_ONCE = 400_000
"""Of codes, twice as many in hexadecimal; the fingerprints of a novel alone are 300,000."""
_STRONGEST = (Verdict.DENY, Verdict.LICENSED, Verdict.ALLOW, Verdict.REVIEW, Verdict.UNKNOWN)
"""Where several codes of one item were asked about separately, the first of these that any of them got holds."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to check, by a name to show."""

    name: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Found:
    """A registered work that an item resembles."""

    work: str
    grade: str
    algorithm: str
    variant: str
    distance: int
    shared: tuple[int, int, int] | None = None
    """Of a passage: about how many words, and where in the item it begins and ends; see `words.passage`."""

    @classmethod
    def of(cls, work: str, match: Match) -> Found:
        """As the matcher found it."""
        passage = match.passage
        shared = (passage.words, passage.begin, passage.end) if passage else None
        return cls(work, match.grade.name.lower(), match.algorithm, match.variant, match.distance, shared)

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Found:
        """As a server told it."""
        passage = told.get("passage")
        shared = (passage["words"], passage["begin"], passage["end"]) if passage else None
        return cls(told["work"], told["grade"], told["algorithm"], told["variant"], told["distance"], shared)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about one item."""

    name: str
    verdict: Verdict
    reason: str
    kept: bool
    found: tuple[Found, ...] = ()
    licences: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the item could not be checked."""
        return self.verdict is Verdict.UNKNOWN and self.reason != "none-found"


def file_item(
    path: Path, limits: Limits = DEFAULT_LIMITS, *, deep: bool = False, exact_decode: bool = False
) -> Item:
    """A file as an item; what is wrong with its content becomes its reading's gap."""
    try:
        raw = read_file(path, limits)
    except InvalidInput as problem:
        gap = "error.too-large" if "size" in problem.details else "error.unreadable"
        return Item(str(path), Reading(None, None, gap=gap))
    sample = Sample(0, str(path), raw, len(raw))
    return Item(str(path), read(sample, limits, deep=deep, exact_decode=exact_decode))


def code_item(text: str, algorithm: str | None) -> Item:
    """A code in hexadecimal, of this algorithm or of all whose codes are so long; `InvalidInput` if it is none."""
    try:
        code = bytes.fromhex(text)
    except ValueError:
        raise InvalidInput(f"“{text[:80]}” is not hexadecimal.") from None
    if algorithm is None:
        fitting = [SHA256, PHASH256] if len(code) == 32 else [MD5] if len(code) == 16 else []
        if not fitting:
            raise InvalidInput(
                f"A code of {len(code)} bytes could be anything; say of which algorithm with --algorithm."
            )
    elif algorithm == PHASH64:
        raise InvalidInput(
            f"{PHASH64} is for exchange only: strangers share it, so none is checked by itself. Tables that state it "
            "are filtered with `vorbehalt filter --metadata-only`."
        )
    else:
        fitting = [algorithm]
    codes = []
    for name in fitting:
        kind = ALGORITHMS[name].kinds[0] if name in ALGORITHMS else ""
        check_code(name, kind, code)
        codes.append(Fingerprint(name, kind, code))
    return Item(text, Reading(None, None, tuple(codes)))


def check_in_snapshot(
    items: Sequence[Item], snapshot: Snapshot, request: Request, min_words: int = MIN_WORDS
) -> list[Answer]:
    """Ask an opened edition: nothing leaves this machine."""
    matcher = Matcher(snapshot.lists, snapshot.path / "index", min_words=min_words)
    judge = Judge(matcher, snapshot, request)
    return [
        Answer(
            item.name,
            judged.decision.verdict,
            judged.decision.reason,
            judged.decision.kept,
            tuple(Found.of(work, match) for work, match in judged.matches),
            tuple(grant.licence for grant in judged.decision.grants),
        )
        for item, judged in zip(items, judge.judge([item.reading for item in items]), strict=True)
    ]


def check_at_server(
    items: Sequence[Item], client: Client, request: Request, min_words: int = MIN_WORDS
) -> list[Answer]:
    """Ask a registry: only codes travel. It also knows the works that are in no snapshot."""
    items = [Item(item.name, item.reading.completed(signature=True)) for item in items]
    answers: list[list[Answer]] = [[] for _ in items]
    for algorithm in (*_ASKED, MD5):
        asked = [(n, code) for n, item in enumerate(items) for code in _codes(item.reading, algorithm)]
        for part in _portions(asked):
            answered = _ask(client, algorithm, [code for _, code in part], request, min_words)
            for (number, _), answer in zip(part, answered, strict=True):
                answers[number].append(answer)
    return [_together(item, found) for item, found in zip(items, answers, strict=True)]


def _portions(asked: Sequence[tuple[int, bytes]]) -> Iterator[Sequence[tuple[int, bytes]]]:
    """As many as one request may have, by number and by size; at least one."""
    start = held = 0
    for end, (_, code) in enumerate(asked):
        held += len(code)
        if end > start and (end - start == _AT_ONCE or held > _BYTES_AT_ONCE):
            yield asked[start:end]
            start, held = end, len(code)
    if asked[start:]:
        yield asked[start:]


def _codes(reading: Reading, algorithm: str) -> Iterator[bytes]:
    """The item's codes that a matcher would use: of frames that have no phash256, the dhash256."""
    plain = {f.kind for f in reading.fingerprints if f.algorithm == PHASH256}
    alone = len(reading.fingerprints) == 1
    for f in reading.fingerprints:
        needless = (f.algorithm == DHASH256 and f.kind in plain) or (f.algorithm == MD5 and not alone)
        if f.algorithm == algorithm and not needless:
            yield f.code


def _ask(
    client: Client, algorithm: str, codes: Sequence[bytes], request: Request, min_words: int
) -> list[Answer]:
    """One request; an answer per code."""
    body: dict[str, Any] = {
        "algorithm": algorithm,
        "hashes": [code.hex() for code in codes],
        "purpose": request.purpose.value,
        "policy": request.policy.value,
        "territory": request.territory,
    }
    if algorithm == WINNOW32 and min_words != MIN_WORDS:
        body["min_words"] = min_words
    document = client.post("/v1/check", body, repeatable=True)
    try:
        verdicts = [Verdict(int(digit)) for digit in document["verdicts"]]
        kept = [digit == "1" for digit in document["kept"]]
        matches: list[list[Mapping[str, Any]]] = [[] for _ in codes]
        for match in document["matches"]:
            matches[match["i"]].append(match)
        return [
            Answer(
                "",
                verdict,
                str(found[0]["reason"]) if found else "none-found",
                keep,
                tuple(Found.parse(m) for m in found),
                tuple(str(licence) for m in found[:1] for licence in m["licences"]),
            )
            for verdict, keep, found in zip(verdicts, kept, matches, strict=True)  # as many as codes
        ]
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise NetworkFailed(f"The server's answer cannot be understood: {problem}.") from problem


def _together(item: Item, answers: Sequence[Answer]) -> Answer:
    """One answer from those about the item's codes; a work that several found is named once, as surest."""
    strongest = min(answers, key=lambda a: _STRONGEST.index(a.verdict), default=None)
    gap = item.reading.gap or (None if answers else "unchecked.no-fingerprint")
    if strongest is None or (gap is not None and strongest.verdict is not Verdict.DENY):
        return Answer(item.name, Verdict.UNKNOWN, gap or "none-found", kept=False)
    by_work: dict[str, Found] = {}
    for found in sorted((f for a in answers for f in a.found), key=lambda f: f.distance):
        by_work.setdefault(found.work, found)
    kept = strongest.kept and all(a.kept or a.verdict is Verdict.UNKNOWN for a in answers)
    return Answer(
        item.name, strongest.verdict, strongest.reason, kept, tuple(by_work.values()), strongest.licences
    )
