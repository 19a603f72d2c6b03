"""Normalising by blocks of 64 bytes, and signing by sixteen grams, wherever in them a character or an end may fall."""

from __future__ import annotations

import random

import numpy as np
import pytest

from registry.core.fingerprints import tables
from registry.core.fingerprints import text_kernels as kernels
from registry.core.fingerprints.text_engines import codes_by_kernels, codes_by_numpy
from registry.core.fingerprints.text_normal import normalise, short_points

SORTS = (
    "abc XYZ019,.\0\x7f",
    "äöüßÄé",
    "ŉȺև½\x80ߺ",  # some of which more than two bytes are left
    "абвГДЯ",
    "αβγΐ",
    "“”—…‿",
    "‼⁴ⁿ€⁀",  # begin like common punctuation, or nearly so
    "漢字かなﷺ",
    "\U0001d400\U0001f600",
    "\ud800\udfff",
)


def by_kernel(source: bytes, begin: int = 0, *, margin: int = kernels.MARGIN) -> bytes:
    """source[begin:] as the kernel normalises it, with so many bytes to spare before and behind."""
    frozen = tables.text_tables()
    readable = np.frombuffer(source + b"\xff" * margin, np.uint8)
    out = np.empty(kernels.MOST_GROWTH * (len(source) - begin) + max(margin, 1), np.uint8)
    length = kernels.normalise(
        readable, begin, len(source), out, *short_points(), frozen.offsets, frozen.output
    )
    return out[:length].tobytes()


@pytest.mark.parametrize("margin", [0, kernels.MARGIN])
def test_every_character_of_one_and_two_bytes_at_every_place_of_a_block(margin: int) -> None:
    points = [chr(point) for point in range(0x800)]
    random.Random(1).shuffle(points)
    for text in ("".join(map(chr, range(0x800))), "".join(points)):
        for shift in range(64):
            moved = "a" * shift + text
            assert by_kernel(moved.encode(), margin=margin) == normalise(moved)


@pytest.mark.parametrize("rare", ["“", "€", "漢", "ŉ", "ﷺ", "\U0001d400", "\ud800"])
def test_a_long_character_at_every_place_of_a_block(rare: str) -> None:
    for common in ("a", "ä", "я "):
        for place in range(66):
            text = common * place + rare + common * (100 - place)
            assert by_kernel(text.encode("utf-8", "surrogatepass")) == normalise(text)


def test_a_text_is_read_from_where_it_begins_to_where_it_ends() -> None:
    before, text = "ÄÖÜ漢", "Grüße, “Welt” aus 漢字 und Ελλάδα! " * 5
    source = (before + text).encode()
    assert by_kernel(source, len(before.encode())) == normalise(text)
    assert by_kernel(source, len(source)) == b""


def test_nothing_is_left_of_common_punctuation() -> None:
    """Which is passed over without a look at the table."""
    frozen = tables.text_tables()
    assert frozen.offsets[0x2000] == frozen.offsets[0x2040]


def test_engines_agree_on_many_texts_of_mixed_scripts_in_one_call() -> None:
    chance = random.Random(7)
    sizes = (0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 62, 63, 64, 65, 80, 127, 128, 129, 250, 600)
    texts = []
    for number in range(400):
        sorts = chance.sample(SORTS, chance.randint(1, 4))
        shares = [10 ** chance.uniform(-2, 1) for _ in sorts]
        chosen = chance.choices(sorts, shares, k=sizes[number % len(sizes)])
        texts.append("".join(map(chance.choice, chosen)).encode("utf-8", "surrogatepass"))
    ours, theirs = codes_by_kernels(texts), codes_by_numpy(texts)
    assert ours.lengths == theirs.lengths
    assert np.array_equal(ours.signatures, theirs.signatures)
    assert np.array_equal(ours.ends, theirs.ends)
    assert np.array_equal(ours.fingerprints.positions, theirs.fingerprints.positions)
    assert np.array_equal(ours.fingerprints.values, theirs.fingerprints.values)


def test_signatures_of_texts_that_end_anywhere_in_a_step() -> None:
    letters = bytes(97 + x for x in np.random.default_rng(1).integers(0, 26, 100).tolist())
    texts = [letters[:size] for size in range(14, 100)]
    assert np.array_equal(codes_by_kernels(texts).signatures, codes_by_numpy(texts).signatures)
