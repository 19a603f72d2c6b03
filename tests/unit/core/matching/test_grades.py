"""The table from distance to grade, at its edges."""

from dataclasses import replace

import pytest

from registry.core.decisions import Grade
from registry.core.fingerprints import ALGORITHMS
from registry.core.matching import GRADES, colours_agree, grade, radius
from registry.core.matching.anchors import Agreement
from registry.core.matching.grades import anchored, outlines_agree
from registry.core.matching.likeness import centres
from registry.core.matching.overlay import Overlay

ALIKE = Overlay(recurring=1, contained=1, aside=0, breadth=0.2, cells=centres(16))
"""As a crop lies upon its original."""
CERTAIN, MATCH, REVIEW = Grade.CERTAIN, Grade.MATCH, Grade.REVIEW


@pytest.mark.parametrize(
    ("algorithm", "kind", "distance", "expected"),
    [
        ("digest.sha256.v1", "whole", 0, CERTAIN),
        ("digest.md5.v1", "whole", 0, CERTAIN),
        ("digest.sha256.v1", "whole", 1, None),
        ("image.phash256.v1", "full", 0, CERTAIN),
        ("image.phash256.v1", "full", 31, CERTAIN),
        ("image.phash256.v1", "full", 32, MATCH),
        ("image.phash256.v1", "trimmed", 31, CERTAIN),
        ("image.phash256.v1", "trimmed", 33, MATCH),
        ("image.phash256.v1", "full", 48, None),
        ("text.minhash128.v1", "whole", 128 - 103, CERTAIN),
        ("text.minhash128.v1", "whole", 128 - 102, MATCH),
        ("text.minhash128.v1", "whole", 128 - 64, MATCH),
        ("text.minhash128.v1", "whole", 128 - 63, None),
        ("source.url.v1", "whole", 0, MATCH),
        ("source.url.v1", "whole", 1, None),
        ("source.domain.v1", "whole", 0, MATCH),
        ("image.phash64.v1", "full", 2, Grade.REVIEW),
        ("image.phash64.v1", "trimmed", 0, Grade.REVIEW),
        ("image.phash64.v1", "full", 3, None),
        ("image.colour42.v1", "full", 0, None),
        ("image.phash256.v1", "window", 0, None),
        ("no.such.v1", "full", 0, None),
    ],
)
def test_edges(algorithm: str, kind: str, distance: int, expected: Grade | None) -> None:
    for agree in (False, True):
        assert grade(algorithm, kind, distance, seconded=agree) is expected


@pytest.mark.parametrize("kind", ["full", "trimmed"])
def test_symmetric_pictures_need_a_second_opinion(kind: str) -> None:
    for distance in (0, 14):
        assert grade("image.dhash256.v1", kind, distance, seconded=True) is MATCH
        assert grade("image.dhash256.v1", kind, distance) is REVIEW
    assert grade("image.dhash256.v1", kind, 15, seconded=True) is None


@pytest.mark.parametrize("kind", ["full", "trimmed"])
def test_beyond_the_match_radius_the_outlines_must_agree(kind: str) -> None:
    for distance in (37, 47):
        assert grade("image.phash256.v1", kind, distance, seconded=True) is MATCH
        assert grade("image.phash256.v1", kind, distance) is None


@pytest.mark.parametrize(
    ("confirmed", "span", "expected"),
    [
        (0, 0.9, None),
        (1, 0.149, REVIEW),
        (15, 0.149, REVIEW),
        (1, 0.15, MATCH),
        (2, 0.9, MATCH),
        (3, 0.249, MATCH),
        (3, 0.25, CERTAIN),
    ],
)
def test_anchors_need_company_and_room(confirmed: int, span: float, expected: Grade | None) -> None:
    """A seed alone says nothing; a small part may be shared by right; several anchors far apart are the picture."""
    for distance in (0, 31):
        assert anchored(Agreement(distance, confirmed, span, ()), ALIKE, whole=True) is expected


@pytest.mark.parametrize(
    ("recurring", "breadth", "expected"),
    [
        (0.249, 0.2, REVIEW),
        (0.25, 0.2, MATCH),
        (0.399, 0.2, MATCH),
        (0.4, 0.2, CERTAIN),
        (1, 0.029, MATCH),
        (1, 0.03, CERTAIN),
    ],
)
def test_what_ought_to_recur_must_and_words_are_not_certain(
    recurring: float, breadth: float, expected: Grade
) -> None:
    lying = replace(ALIKE, recurring=recurring, breadth=breadth)
    for whole in (True, False):
        assert anchored(Agreement(0, 5, 0.5, ()), lying, whole=whole) is expected


@pytest.mark.parametrize(
    ("apart", "expected"), [(None, CERTAIN), (0, CERTAIN), (72, CERTAIN), (73, REVIEW), (128, REVIEW)]
)
def test_two_whole_pictures_that_would_cover_each_other_must_be_alike_as_a_whole(
    apart: int | None, expected: Grade
) -> None:
    assert anchored(Agreement(0, 9, 0.9, ()), ALIKE, whole=True, frames_apart=apart) is expected


@pytest.mark.parametrize(
    ("confirmed", "contained", "whole", "expected"),
    [
        (3, 0.949, True, REVIEW),
        (3, 0.95, True, CERTAIN),
        (4, 0.5, True, CERTAIN),
        (3, 0.5, False, CERTAIN),
        (1, 0.5, True, REVIEW),
    ],
)
def test_few_anchors_are_not_enough_where_neither_picture_lies_in_the_other(
    confirmed: int, contained: float, whole: bool, expected: Grade
) -> None:
    """A crop lies in its original, and an original on a page; a part of a page that is looked at may cut both."""
    lying = replace(ALIKE, contained=contained)
    assert anchored(Agreement(0, confirmed, 0.5, ()), lying, whole=whole) is expected


@pytest.mark.parametrize(
    ("alike", "expected"), [(-1, REVIEW), (0.18, REVIEW), (0.2, CERTAIN), (1, CERTAIN), (None, CERTAIN)]
)
def test_pictures_that_are_not_alike_where_they_overlap_accuse_nobody(
    alike: float | None, expected: Grade
) -> None:
    """Beside places that lie wide apart, all of which recur, little likeness is enough."""
    assert anchored(Agreement(0, 9, 0.9, ()), ALIKE, whole=True, alike=alike) is expected


def test_letters_in_a_line_need_more_likeness() -> None:
    line = replace(ALIKE, breadth=0, recurring=0.5)
    found = [anchored(Agreement(0, 9, 0.9, ()), line, whole=True, alike=alike) for alike in (0.38, 0.4)]
    assert found == [REVIEW, MATCH]


@pytest.mark.parametrize(("alike", "expected"), [(None, REVIEW), (0.44, REVIEW), (0.6, MATCH), (1, MATCH)])
def test_likeness_outweighs_a_doubt_but_makes_nothing_certain(alike: float | None, expected: Grade) -> None:
    doubts = (
        (0.1, ALIKE, None),
        (0.9, replace(ALIKE, recurring=0.2), None),
        (0.9, ALIKE, 73),
    )
    for span, lying, apart in doubts:
        found = Agreement(0, 9, span, ())
        assert anchored(found, lying, whole=True, frames_apart=apart, alike=alike) is expected


@pytest.mark.parametrize(
    ("taken", "alike", "expected"),
    [
        (1, 0.38, REVIEW),
        (1, 0.4, MATCH),
        (0.3, 0.38, REVIEW),
        (0.3, 0.4, MATCH),
        (0.15, 0.25, REVIEW),
        (0.15, 0.27, MATCH),
        (0.03, 0.08, REVIEW),
        (0.03, 0.1, MATCH),
        (0.03, None, MATCH),
    ],
)
def test_what_takes_up_little_of_an_item_need_be_less_like_itself(
    taken: float, alike: float | None, expected: Grade
) -> None:
    line = replace(ALIKE, breadth=0, recurring=0.5)
    assert anchored(Agreement(0, 9, 0.9, ()), line, whole=False, alike=alike, taken=taken) is expected


@pytest.mark.parametrize(
    ("confirmed", "breadth", "expected"), [(4, 0.05, CERTAIN), (3, 0.05, REVIEW), (4, 0.049, REVIEW)]
)
def test_in_a_collage_several_places_in_no_line_need_no_likeness(
    confirmed: int, breadth: float, expected: Grade
) -> None:
    lying = replace(ALIKE, breadth=breadth)
    found = Agreement(0, confirmed, 0.9, ())
    assert anchored(found, lying, whole=False, alike=-0.5, taken=0.1) is expected
    assert anchored(found, lying, whole=False, alike=-0.5, taken=0.5) is REVIEW


def test_likeness_outweighs_no_doubt_about_what_takes_up_little() -> None:
    doubted = Agreement(0, 9, 0.1, ())
    found = [anchored(doubted, ALIKE, whole=False, alike=1, taken=share) for share in (0.29, 0.3)]
    assert found == [REVIEW, MATCH]


@pytest.mark.parametrize(("bits", "expected"), [(0, True), (16, True), (17, False), (64, False)])
def test_outlines_agree_in_three_quarters_of_the_sample(bits: int, expected: bool) -> None:
    for outlines in (1 << 63, 0x0123_4567_89AB_CDEF):
        assert outlines_agree(outlines ^ ((1 << bits) - 1), outlines) is expected


def test_no_sample_agrees_with_none() -> None:
    """Lists that were made without samples have zero there."""
    assert not outlines_agree(0, 0)


def test_a_code_that_nothing_can_second_reaches_as_far_as_it_means_something_alone() -> None:
    for algorithm, kind in GRADES:
        if any(step.alone for step in GRADES[algorithm, kind]):
            reach = radius(algorithm, alone=True)
            assert grade(algorithm, kind, reach) is not None
            assert grade(algorithm, kind, reach + 1) is None


def test_the_radius_is_where_the_last_grade_ends() -> None:
    radii = {algorithm: radius(algorithm) for algorithm, _ in GRADES}
    assert radii == {
        "digest.sha256.v1": 0,
        "digest.md5.v1": 0,
        "image.phash256.v1": 47,
        "image.anchors256.v1": 31,
        "image.deep256.v1": 47,
        "image.dhash256.v1": 14,
        "text.minhash128.v1": 64,
        "text.winnow32.v1": 65_535,
        "image.phash64.v1": 2,
        "source.url.v1": 0,
        "source.domain.v1": 0,
    }


def test_the_table_is_about_known_codes_and_gets_less_sure_with_distance() -> None:
    for (algorithm, kind), steps in GRADES.items():
        assert (
            kind in ALGORITHMS["image.anchors256.v1" if algorithm == "image.deep256.v1" else algorithm].kinds
        )
        assert [s.furthest for s in steps] == sorted({s.furthest for s in steps})
        assert [s.reached for s in steps] == sorted((s.reached for s in steps), reverse=True)
        assert all(s.alone is None or s.alone <= s.reached for s in steps)


@pytest.mark.parametrize(("bits", "expected"), [(0, True), (0b11, True), (1 << 41 | 1, True), (0b111, False)])
def test_colours_agree_in_all_but_two_bits(bits: int, expected: bool) -> None:
    for colour in (0, 2**42 - 1, 0x155_5555_5555):
        assert colours_agree(colour, colour ^ bits) is expected
        assert colours_agree(colour ^ bits, colour) is expected
