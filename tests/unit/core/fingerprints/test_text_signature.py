"""The text signature: reference, numpy, numba and datasketch agree, and normal forms make no difference."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np
import pytest
from datasketch import LeanMinHash, MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import Corrupt, TooLarge, TooShort, Undecodable
from registry.core.fingerprints import (
    MINHASH128,
    Fingerprint,
    Limits,
    check_code,
    fingerprint_text,
    from_lean,
    metering,
    reference,
    tables,
    to_lean,
)
from registry.core.fingerprints import text_engines as engines
from registry.core.fingerprints.minhash import Signature, signature_by_numpy
from registry.core.fingerprints.text_engines import ManyCodes, codes_by_kernels
from registry.core.fingerprints.text_normal import normalise

FOX = (
    "The quick brown fox jumps over the lazy dog; the quick brown fox sleeps — "
    "once upon a midnight dreary, while I pondered, weak and weary."
)
GOETHE = (
    "Über allen Gipfeln\nIst Ruh',\nIn allen Wipfeln\nSpürest du\nKaum einen Hauch; "
    "Die Vögelein schweigen im Walde.\nWarte nur, balde\nRuhest du auch."
)
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=300)  # surrogates and unassigned included


def by_reference(normalised: bytes) -> list[int]:
    frozen = tables.text_tables()
    return reference.signature(
        reference.gram_hashes(normalised), frozen.multipliers.tolist(), frozen.increments.tolist()
    )


def by_datasketch(normalised: bytes) -> MinHash:
    theirs = MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=int)
    theirs.update_batch([h & 0xFFFFFFFF for h in reference.gram_hashes(normalised)])
    return theirs


def code_of(text: str) -> Fingerprint:
    (found,) = (f for f in fingerprint_text(text).fingerprints if f.algorithm == MINHASH128)
    return found


def signature_in_code(text: str) -> Signature:
    return from_lean(code_of(text).code)


def compiled_signature(text: str) -> tuple[Signature, int]:
    (codes,) = codes_by_kernels([text.encode("utf-8", "surrogatepass")])
    return codes.signature, codes.length


# -- equal to the reference and to datasketch --------------------------------------------------------------
@settings(max_examples=150)
@given(ANY_TEXT)
def test_reference_numpy_numba_and_datasketch_agree_on_any_text(text: str) -> None:
    normalised = normalise(text)
    ours = signature_by_numpy(normalised)
    compiled, length = compiled_signature(text)
    assert length == len(normalised)
    assert ours.tolist() == compiled.tolist() == by_reference(normalised)
    theirs = by_datasketch(normalised)
    assert ours.tolist() == theirs.hashvalues.tolist()


@given(st.text(min_size=1, max_size=40), st.integers(200, 700))
def test_engines_agree_over_several_blocks(text: str, times: int) -> None:
    """A text of more than 4,096 grams, which the kernels take in blocks."""
    long = text * times
    normalised = normalise(long)
    compiled, length = compiled_signature(long)
    assert length == len(normalised)
    assert np.array_equal(signature_by_numpy(normalised), compiled)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4095 + 15, 4096 + 15, 4097 + 15, 8192 + 15])
def test_engines_agree_at_the_ends_of_blocks(size: int) -> None:
    letters = "".join(chr(97 + x) for x in np.random.default_rng(size).integers(0, 26, size))
    compiled, length = compiled_signature(letters)
    assert length == size
    assert np.array_equal(signature_by_numpy(letters.encode()), compiled)
    assert (compiled == 0xFFFFFFFF).all() == (size < 16)


def test_the_code_is_datasketchs_own_serialisation() -> None:
    code = code_of(FOX)
    theirs = LeanMinHash(by_datasketch(normalise(FOX)))
    buffer = bytearray(theirs.bytesize("<"))
    theirs.serialize(buffer, "<")
    assert bytes(buffer) == code.code
    assert LeanMinHash.deserialize(code.code, "<").jaccard(theirs) == 1.0


def test_permutations_are_datasketchs() -> None:
    theirs = MinHash(num_perm=128, seed=1, scheme="affine32")
    frozen = tables.text_tables()
    ours = np.array([frozen.multipliers, frozen.increments])
    assert np.array_equal(np.array(theirs.permutations), ours)
    assert ours[:, :3].tolist() == [[3582191691, 4270784983, 1892572953], [214548472, 3287733501, 2301657549]]


@pytest.mark.parametrize(
    ("text", "length", "normalised", "gram", "first", "code"),
    [
        ("", 0, "e3b0c44298fc1c14", None, [0xFFFFFFFF] * 4, "30efcb22069645d7"),
        (FOX, 106, "50119ba86bd6a3f5", 0x17D47C51DC1CF7E2, [40527966, 49754103, 23560744, 19803784],
         "0bbd3ea7774e3c82"),
        (GOETHE, 111, "7725a712c0478b9b", 0x3EEFB60978A533F8, [75069229, 11664925, 37279778, 25416125],
         "c7bfb1f90b9d1beb"),
    ],
)  # fmt: skip
def test_published_vectors(
    text: str, length: int, normalised: str, gram: int | None, first: list[int], code: str
) -> None:
    got = normalise(text)
    assert (len(got), hashlib.sha256(got).hexdigest()[:16]) == (length, normalised)
    if gram is not None:
        assert reference.gram_hashes(got, 32)[0] == gram
    signature = signature_by_numpy(got)
    assert signature[:4].tolist() == first
    assert hashlib.sha256(to_lean(signature)).hexdigest()[:16] == code


def test_byte_values_are_splitmix64() -> None:
    assert [reference.splitmix64(c) for c in range(3)] == [
        0xE220A8397B1DCDAF, 0x910A2DEC89025CC1, 0x975835DE1C9756CE,
    ]  # fmt: skip


# -- normalisation -----------------------------------------------------------------------------------------
@settings(max_examples=300)
@given(ANY_TEXT)
def test_all_normal_forms_of_a_text_are_one(text: str) -> None:
    text = "".join(c for c in text if unicodedata.ucd_3_2_0.category(c) != "Cn")  # known to all Pythons alike
    forms = {normalise(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert forms == {normalise(text)}


@given(ANY_TEXT, ANY_TEXT)
def test_normalisation_knows_no_context_and_is_done_once(one: str, other: str) -> None:
    assert normalise(one + other) == normalise(one) + normalise(other)
    once = normalise(one)
    assert normalise(once.decode()) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Käse – GROSS ﬁne", "kasegrossfine"),
        ("KÄSE groß\u00adFINE", "kasegrossfine"),
        ("Ka\u0308se\u200bgross\u200dﬁne", "kasegrossfine"),
        ("Ｋäse gross fine", "kasegrossfine"),
        ("½ ① ²", "1212"),
        ("漢字かな", "漢字かな"),
        ("\ud800 \U000e0041 \uffff", ""),
    ],
)
def test_normalisation_by_example(text: str, expected: str) -> None:
    assert normalise(text).decode() == expected


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="the table is of Unicode 14.0 (Python 3.11)"
)
def test_the_shipped_table_is_the_rule_applied_to_every_code_point() -> None:
    frozen = tables.text_tables()
    output = frozen.output.tobytes()
    stops = frozen.offsets.tolist()
    for start in (0, 0xAC00, 0xF900, 0x10000, 0x1D400, 0x1F100, 0x2F800, 0xE0000):
        for point in range(start, start + 4000):
            if 0xD800 <= point <= 0xDFFF:
                continue
            expected = reference.normalised_character(chr(point)).encode()
            assert output[stops[point] : stops[point + 1]] == expected, hex(point)


def test_a_damaged_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables._SHA256, "output", "00" * 32)
    tables.text_tables.cache_clear()
    with pytest.raises(Corrupt, match="Install the package again"):
        tables.text_tables()
    monkeypatch.undo()
    tables.text_tables.cache_clear()
    assert tables.text_tables()


# -- whole texts -------------------------------------------------------------------------------------------
def test_layout_case_and_punctuation_do_not_matter() -> None:
    original = signature_in_code(GOETHE)
    rewrapped = " ".join(GOETHE.upper().replace(",", "").split())
    assert np.array_equal(signature_in_code(rewrapped), original)


def test_edited_texts_stay_near_and_others_far() -> None:
    words = (GOETHE + " " + FOX).split()
    original = signature_in_code(" ".join(words))
    edited = words.copy()
    edited[11] = "anders"
    assert int((signature_in_code(" ".join(edited)) == original).sum()) >= 64
    assert int((signature_in_code(FOX[:100]) == signature_in_code(GOETHE)).sum()) <= 5


def test_facts_and_digests_of_a_text() -> None:
    result = fingerprint_text(GOETHE)
    assert (result.media, result.media_type, result.size) == ("text", "text/plain", len(GOETHE.encode()))
    assert dict(result.facts) == {"characters": len(GOETHE), "normalised_bytes": 111}
    sha256, md5, signature, _ = result.fingerprints
    assert sha256.code == hashlib.sha256(GOETHE.encode()).digest()
    assert md5.code == hashlib.md5(GOETHE.encode()).digest()
    check_code(signature.algorithm, signature.kind, signature.code)
    raw = GOETHE.encode("utf-16")
    assert fingerprint_text(GOETHE, raw).fingerprints[0].code == hashlib.sha256(raw).digest()


def test_sixty_three_normalised_bytes_are_enough_and_one_less_is_not() -> None:
    fingerprint_text("ä" * 63)
    with pytest.raises(TooShort, match="14 words") as refusal:
        fingerprint_text("ä, " * 62)
    assert refusal.value.details == {"normalised_bytes": 62}
    with pytest.raises(TooShort):
        fingerprint_text("")


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(Undecodable, match="position 200"):
        fingerprint_text("a" * 200 + "\ud83d")


def test_a_text_above_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge, match="chapters"):
        fingerprint_text(FOX, limits=Limits(max_text_bytes=100))


def test_a_long_text_goes_to_the_kernels_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def spy(texts: Sequence[bytes], *, signed: bool) -> ManyCodes:
        used.append(len(texts[0]))
        return codes_by_kernels(texts, signed=signed)

    monkeypatch.setattr(engines, "codes_by_kernels", spy)
    monkeypatch.setattr(metering, "TEXT_BYTES", metering.Meter(1000))
    short = fingerprint_text(FOX)
    assert not used
    long = signature_in_code(FOX * 20)
    assert used == [len((FOX * 20).encode())]
    assert np.array_equal(long, signature_by_numpy(normalise(FOX * 20)))
    assert fingerprint_text(FOX) == short
