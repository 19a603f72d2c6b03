"""Winnowed fingerprints: all engines agree, the guarantee holds, and records say nothing impossible."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.fingerprints import WINNOW32, check_code, fingerprint_text, reference, to_lean
from registry.core.fingerprints.text_engines import TextCodes, codes_by_kernels, codes_by_numpy
from registry.core.fingerprints.text_normal import characters_at, normalise
from registry.core.fingerprints.winnow_records import GUARANTEED, Fingerprints, packed, unpacked

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=300)  # surrogates and unassigned included
FOX = (
    "The quick brown fox jumps over the lazy dog; the quick brown fox sleeps — "
    "once upon a midnight dreary, while I pondered, weak and weary."
)
GOETHE = (
    "Über allen Gipfeln\nIst Ruh',\nIn allen Wipfeln\nSpürest du\nKaum einen Hauch; "
    "Die Vögelein schweigen im Walde.\nWarte nur, balde\nRuhest du auch."
)
Pairs = list[tuple[int, int]]


def pairs(found: Fingerprints) -> Pairs:
    return list(zip(found.positions.tolist(), found.values.tolist(), strict=True))


def by_reference(text: str) -> Pairs:
    return reference.winnow(reference.gram_hashes(normalise(text), 32))


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def compiled(text: str) -> TextCodes:
    (codes,) = codes_by_kernels([raw(text)])
    return codes


def by_kernels(text: str) -> Pairs:
    return pairs(compiled(text).fingerprints)


def by_numpy(text: str) -> Pairs:
    (codes,) = codes_by_numpy([raw(text)])
    return pairs(codes.fingerprints)


def letters(seed: int, size: int, alphabet: int = 26) -> str:
    return "".join(chr(97 + x) for x in np.random.default_rng(seed).integers(0, alphabet, size))


# -- engines -----------------------------------------------------------------------------------------------
@settings(max_examples=150)
@given(ANY_TEXT)
@example("ﷺ" * 40)
def test_reference_numpy_and_numba_agree_on_any_text(text: str) -> None:
    assert by_reference(text) == by_numpy(text) == by_kernels(text)


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=40), st.integers(100, 600))
def test_engines_agree_on_repetitions_over_several_blocks(text: str, times: int) -> None:
    """Where grams repeat, hashes are equal, and it matters which of the equal ones is chosen."""
    assert by_numpy(text * times) == by_kernels(text * times)


@pytest.mark.parametrize("size", [31, 32, 33, 62, 63, 64, 65, 4126, 4127, 4128, 4158, 4159, 4160, 8254, 8255])
def test_engines_agree_at_the_ends_of_windows_and_blocks(size: int) -> None:
    for alphabet in (2, 26):
        text = letters(size, size, alphabet)
        found = by_kernels(text)
        assert found == by_numpy(text)
        assert bool(found) == (size >= 32)


def test_more_fingerprints_than_room_was_made_for_are_all_there() -> None:
    """A text of one byte in ten that grows tenfold: far more normalised bytes than it has itself."""
    text = "ﷺ" * 400
    assert by_kernels(text) == by_reference(text)
    assert compiled(text).length == 400 * len(normalise("ﷺ"))


@settings(max_examples=60)
@given(st.lists(ANY_TEXT, max_size=6), st.integers(0, 40))
@example(["ﷺ" * 400, "", FOX, GOETHE], 0)
def test_many_texts_at_once_have_the_codes_that_each_has_alone(texts: list[str], pad: int) -> None:
    """Wherever in the common buffer they begin, and with more fingerprints than room was made for."""
    texts = ["a" * pad, *texts]
    alone = [compiled(text) for text in texts]
    for engine in (codes_by_kernels, codes_by_numpy):
        together = engine([raw(text) for text in texts])
        assert [codes.length for codes in together] == [codes.length for codes in alone]
        assert [pairs(codes.fingerprints) for codes in together] == [pairs(c.fingerprints) for c in alone]
        passages = [(packed(codes.fingerprints), codes.length) for codes in alone]
        assert list(together.stored_fingerprints()) == passages
        assert list(together.stored_signatures()) == [to_lean(codes.signature) for codes in alone]
        unsigned = engine([raw(text) for text in texts], signed=False)
        assert list(unsigned.stored_fingerprints()) == passages
        assert list(unsigned.stored_signatures()) == []


@given(
    st.lists(
        st.sampled_from(["a", "Z", "ß", "é", "ֆ", "և", "ٵ", "–", "“", "字", "𝔸", " ", "\n", "abcdefgh" * 9])
    )
)
def test_characters_of_any_length_mix_in_the_kernel(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert compiled(text).length == len(normalise(text))
    assert by_kernels(text) == by_reference(text)


def test_hashes_in_falling_order_choose_every_gram() -> None:
    assert reference.winnow(list(range(100, 0, -1)))[:3] == [(31, 69), (32, 68), (33, 67)]
    assert reference.winnow([5] * 40, 32) == [(31, 5)]
    assert reference.winnow([7, 5, 5, 9], 32) == [(2, 5)]
    assert reference.winnow([]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            FOX,
            [(15, 0x02B5D25A32DB9647), (43, 0x01AF7075CDDDA992), (74, 0x009076D85EACA7BA)],
        ),
        (
            GOETHE,
            [(14, 0x145E00793210DD95), (42, 0x1CBB08ED6D15BC69), (49, 0x06FFA30BE61DDF27),
             (72, 0x0255BDE7F0AF5DDA)],
        ),
    ],
)  # fmt: skip
def test_published_vectors(text: str, expected: Pairs) -> None:
    assert by_reference(text) == expected == by_kernels(text)


# -- the guarantee -----------------------------------------------------------------------------------------
@settings(max_examples=200)
@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(0, 400), st.integers(2, 26))
def test_sixty_three_shared_bytes_share_a_fingerprint(
    seed: int, before: int, after: int, alphabet: int
) -> None:
    shared = letters(seed, GUARANTEED, alphabet)
    work = letters(seed + 1, before) + shared + letters(seed + 2, after)
    page = letters(seed + 3, after) + shared + letters(seed + 4, before)
    within = {v for p, v in by_numpy(work) if before <= p <= before + GUARANTEED - 32}
    assert within & {v for _, v in by_numpy(page)}


@given(st.text("abcäß ,.漢", min_size=2, max_size=60), st.integers(32, 90))
def test_every_window_has_a_fingerprint(text: str, times: int) -> None:
    text = text * times
    length = len(normalise(text))
    assume(length >= GUARANTEED)
    positions = [-1, *(p for p, _ in by_reference(text)), length - 31]
    assert all(1 <= b - a <= 32 for a, b in pairwise(positions))


# -- records -----------------------------------------------------------------------------------------------
def test_a_text_has_its_fingerprints_as_one_code() -> None:
    text = letters(1, 500)
    (code,) = (f for f in fingerprint_text(text).fingerprints if f.algorithm == WINNOW32)
    assert pairs(unpacked(code.code)) == by_reference(text)
    position, value = by_reference(text)[0]
    assert code.code[:12] == position.to_bytes(4, "little") + value.to_bytes(8, "little")
    check_code(code.algorithm, code.kind, code.code)
    assert packed(unpacked(code.code)) == code.code


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_whatever_is_accepted_is_written_again_as_it_was(code: bytes) -> None:
    try:
        found = unpacked(code)
    except InvalidInput:
        return
    assert packed(found) == code
    assert len(found.positions) >= 1


# -- back to the text --------------------------------------------------------------------------------------
def test_a_place_in_the_normalised_text_is_found_in_the_text() -> None:
    text = "  «Ähm»,\n— sagte sie: ½ Stunde!"
    normalised = normalise(text)
    assert normalised == b"ahmsagtesie12stunde"
    first, stop = characters_at(text, 3, 11)
    assert text[first:stop] == "sagte sie"
    assert text[slice(*characters_at(text, 11, 13))] == "½"
    assert text[slice(*characters_at(text, 0, len(normalised)))] == "Ähm»,\n— sagte sie: ½ Stunde"


def test_the_value_is_of_the_gram_at_the_position() -> None:
    normalised = normalise(letters(2, 300)).decode()
    for position, value in by_reference(normalised):
        gram = normalised[position : position + 32].encode()
        assert reference.gram_hashes(gram, 32) == [value]
