"""The table from distance to grade, at its edges."""

import pytest

from registry.core.decisions import Grade
from registry.core.fingerprints import ALGORITHMS
from registry.core.matching import GRADES, colours_agree, grade, radius

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
        ("image.phash256.v1", "trimmed", 36, MATCH),
        ("image.phash256.v1", "full", 37, None),
        ("text.minhash128.v1", "whole", 128 - 103, CERTAIN),
        ("text.minhash128.v1", "whole", 128 - 102, MATCH),
        ("text.minhash128.v1", "whole", 128 - 64, MATCH),
        ("text.minhash128.v1", "whole", 128 - 63, None),
        ("source.url.v1", "whole", 0, MATCH),
        ("source.url.v1", "whole", 1, None),
        ("source.domain.v1", "whole", 0, MATCH),
        ("image.phash64.v1", "full", 0, None),
        ("image.colour42.v1", "full", 0, None),
        ("image.phash256.v1", "window", 0, None),
        ("no.such.v1", "full", 0, None),
    ],
)
def test_edges(algorithm: str, kind: str, distance: int, expected: Grade | None) -> None:
    for agree in (False, True):
        assert grade(algorithm, kind, distance, colours_agree=agree) is expected


@pytest.mark.parametrize("kind", ["full", "trimmed"])
def test_symmetric_pictures_need_a_second_opinion(kind: str) -> None:
    for distance in (0, 14):
        assert grade("image.dhash256.v1", kind, distance, colours_agree=True) is MATCH
        assert grade("image.dhash256.v1", kind, distance) is REVIEW
    assert grade("image.dhash256.v1", kind, 15, colours_agree=True) is None


def test_the_radius_is_where_the_last_grade_ends() -> None:
    radii = {algorithm: radius(algorithm) for algorithm, _ in GRADES}
    assert radii == {
        "digest.sha256.v1": 0,
        "digest.md5.v1": 0,
        "image.phash256.v1": 36,
        "image.dhash256.v1": 14,
        "text.minhash128.v1": 64,
        "source.url.v1": 0,
        "source.domain.v1": 0,
    }


def test_the_table_is_about_known_codes_and_gets_less_sure_with_distance() -> None:
    for (algorithm, kind), steps in GRADES.items():
        assert kind in ALGORITHMS[algorithm].kinds
        assert [s[0] for s in steps] == sorted({s[0] for s in steps})
        assert [s[1] for s in steps] == sorted({s[1] for s in steps}, reverse=True)


@pytest.mark.parametrize(("bits", "expected"), [(0, True), (0b11, True), (1 << 41 | 1, True), (0b111, False)])
def test_colours_agree_in_all_but_two_bits(bits: int, expected: bool) -> None:
    for colour in (0, 2**42 - 1, 0x155_5555_5555):
        assert colours_agree(colour, colour ^ bits) is expected
        assert colours_agree(colour ^ bits, colour) is expected
