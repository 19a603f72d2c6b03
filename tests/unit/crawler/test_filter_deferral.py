"""Codes that are left for later: made only where they can matter, and the verdict is what it is with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from PIL import Image, ImageDraw
from skimage import data

from crawler.filter import Judge, Judgement, Reading, read
from crawler.sources.base import Part, Sample
from registry.core.decisions import Grant, Policy, Purpose, Request, Terms, Verdict
from registry.core.errors import Undecodable
from registry.core.fingerprints import (
    ANCHORS256,
    COLOUR42,
    DHASH256,
    PHASH256,
    SHA256,
    Fingerprint,
    fingerprint_bytes,
)
from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.matching import Matcher
from tests.support.lists import lists_of
from tests.unit.core.fingerprints.pictures import encoded, symmetric

REQUEST = Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, at=1_000)
OPEN = Terms(grants=(Grant(Purpose.TRAIN_GENAI, ("world",), 0, None, 0, "offer_1@1", None),))


def shipped(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


ASTRONAUT, CHELSEA, COFFEE = shipped("astronaut"), shipped("chelsea"), shipped("coffee")
COLLAGE = Image.new("RGB", (1030, 520), "white")
COLLAGE.paste(ASTRONAUT.resize((510, 510)), (0, 5))
COLLAGE.paste(CHELSEA.resize((510, 510)), (520, 5))
ORNAMENT = symmetric(3)
WORKS = [fingerprint_bytes(encoded(work)).fingerprints for work in (ASTRONAUT, COLLAGE, ORNAMENT, CHELSEA)]
"""In rows 0 to 3."""


def spotted(picture: Image.Image) -> Image.Image:
    """With a white spot: no longer symmetric, but nearly."""
    copy = picture.copy()
    ImageDraw.Draw(copy).ellipse((60, 40, 75, 55), fill="white")
    return copy


PICTURES = {
    "copy": ASTRONAUT,
    "crop": ASTRONAUT.crop((60, 40, 500, 470)),
    "collage": COLLAGE,
    "ornament": ORNAMENT,
    "spotted ornament": spotted(ORNAMENT),
    "stranger": COFFEE,
    "dull": Image.new("RGB", (200, 200), "navy"),
}
FILES = {name: encoded(picture, "JPEG", quality=90) for name, picture in PICTURES.items()}


@dataclass
class Registry:
    """Works of which some are open to anyone."""

    open_rows: frozenset[int]

    def work_id(self, row: int) -> str:
        return f"work_{row}"

    def terms(self, row: int) -> Terms:
        return OPEN if row in self.open_rows else Terms()

    def personal(self, row: int) -> Terms:
        return Terms()


MATCHER = Matcher(lists_of(WORKS))


def judge(readings: Sequence[Reading], *open_rows: int) -> list[Judgement]:
    return Judge(MATCHER, Registry(frozenset(open_rows)), REQUEST).judge(readings)


def looked_up(file: bytes) -> Reading:
    return read(Sample(0, "key", file, len(file)), DEFAULT_LIMITS)


@dataclass
class Watched:
    """Codes for later that remember what was asked for."""

    asked: list[str] = field(default_factory=list)
    places: tuple[Fingerprint, ...] = ()

    def anchors(self) -> tuple[Fingerprint, ...]:
        self.asked.append("anchors")
        return self.places

    def colours(self) -> tuple[Fingerprint, ...]:
        self.asked.append("colours")
        return (Fingerprint(COLOUR42, "full", bytes(8)),)

    def signature(self) -> tuple[Fingerprint, ...]:
        return ()


def watched(file: bytes) -> tuple[Reading, Watched]:
    """Its codes, with those that can wait replaced by a watcher."""
    codes = fingerprint_bytes(file).fingerprints
    first = tuple(f for f in codes if f.algorithm not in (ANCHORS256, COLOUR42))
    later = Watched(places=tuple(f for f in codes if f.algorithm == ANCHORS256))
    return Reading("image", "00", first, later=((len(first), later),)), later


# -- when ----------------------------------------------------------------------------------------------------------
def test_what_is_denied_by_its_frame_is_not_looked_at_more_closely() -> None:
    reading, later = watched(FILES["copy"])
    (judged,) = judge([reading])
    assert (judged.decision.verdict, judged.reading.fingerprints) == (Verdict.DENY, reading.fingerprints)
    assert later.asked == []


@pytest.mark.parametrize(("name", "open_rows"), [("copy", (0,)), ("stranger", ()), ("crop", ())])
def test_whatever_could_be_kept_is_searched_for_parts(name: str, open_rows: tuple[int, ...]) -> None:
    reading, later = watched(FILES[name])
    (judged,) = judge([reading], *open_rows)
    assert later.asked == ["anchors"]
    assert judged.reading.fingerprints == (*reading.fingerprints, *later.places)


def test_an_open_collage_does_not_open_the_reserved_picture_in_it() -> None:
    """Its frame is certainly that of an open work; what is in it is somebody else's."""
    (alone,) = judge([looked_up(FILES["collage"])], 0, 1, 3)
    assert alone.decision.verdict is Verdict.ALLOW
    (judged,) = judge([looked_up(FILES["collage"])], 1)
    assert judged.decision.verdict is Verdict.DENY
    assert set(judged.decision.works) <= {"work_0", "work_3"}
    assert ANCHORS256 in {f.algorithm for f in judged.reading.fingerprints}


def test_colours_are_asked_for_only_where_the_outlines_are_those_of_a_symmetric_work() -> None:
    reading, later = watched(FILES["spotted ornament"])
    assert {PHASH256, DHASH256} <= {f.algorithm for f in reading.fingerprints}
    judge([reading])
    assert later.asked == ["colours", "anchors"]
    (judged,) = judge([looked_up(FILES["spotted ornament"])])
    assert not judged.decision.kept
    assert COLOUR42 in {f.algorithm for f in judged.reading.fingerprints}


# -- the same verdict ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("open_rows", [(), (0,), (1,), (0, 1, 2, 3)], ids=str)
def test_verdicts_are_those_that_all_codes_give(open_rows: tuple[int, ...]) -> None:
    readings = [looked_up(file) for file in FILES.values()]
    complete = [reading.completed(colours=True) for reading in readings]
    again = [judged.reading for judged in judge(readings, *open_rows)]  # as the papers of a run keep them
    decided = [judged.decision for judged in judge(readings, *open_rows)]
    for codes in (complete, again):
        assert [judged.decision for judged in judge(codes, *open_rows)] == decided
    expected = {(): Verdict.DENY, (0, 1, 2, 3): Verdict.ALLOW}.get(open_rows, Verdict.UNKNOWN)
    assert expected in {d.verdict for d in decided}


def test_codes_of_parts_stay_with_their_part() -> None:
    parts = tuple(Part(FILES[name]) for name in ("stranger", "dull", "crop"))
    together = read(Sample(0, "key", b"parts", 5, parts=parts), DEFAULT_LIMITS).completed(colours=True)
    expected = [f for part in parts for f in looked_up(part.data).completed(colours=True).fingerprints]
    assert list(together.fingerprints) == expected
    starts = [n for n, f in enumerate(expected) if f.algorithm == SHA256]
    assert len(starts) == 3
    (judged,) = judge([read(Sample(0, "key", b"parts", 5, parts=parts), DEFAULT_LIMITS)])
    assert "work_0" in judged.decision.works


# -- refusals ------------------------------------------------------------------------------------------------------
class Broken:
    """A file that was there a moment ago."""

    def anchors(self) -> tuple[Fingerprint, ...]:
        raise Undecodable("The file is gone.")

    def colours(self) -> tuple[Fingerprint, ...]:
        return ()

    def signature(self) -> tuple[Fingerprint, ...]:
        return ()


def test_what_cannot_be_made_later_is_a_gap_and_never_a_permission() -> None:
    codes = fingerprint_bytes(FILES["copy"]).fingerprints[:3]
    reading = Reading("image", "00", codes, later=((3, Broken()),))
    (judged,) = judge([reading], 0)
    assert (judged.decision.verdict, judged.decision.reason) == (Verdict.UNKNOWN, "error.undecodable")
    assert not judged.decision.kept
    assert judged.reading.gap == "error.undecodable"
    assert judge([reading])[0].decision.verdict is Verdict.DENY
