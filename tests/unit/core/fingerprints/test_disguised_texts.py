"""Letters of other alphabets within words, and invisible ones, are told; what people write is not taken for it."""

from __future__ import annotations

import pytest

from registry.core.fingerprints import fingerprint_text
from registry.core.fingerprints.text_disguises import DISGUISED, PLACES, are_disguised, is_disguised

GERMAN = (
    "Nun saß der alte Kapitän wieder am Fenster, schaute über das graue Wasser und erzählte leise von den Schiffen, "
    "die niemals zurückgekommen waren, von ihren Mannschaften, von Häfen und von dem Sturm, der alles verändert hatte. "
)
RUSSIAN = (
    "Все люди рождаются свободными и равными в своём достоинстве. Скачать PDF, Wi-Fi и USB-кабель (HTML). "
)
LOOK_ALIKE = str.maketrans("aeopcx", "аеорсх")
CAPITALS = str.maketrans("AEOTKM", "АЕОТКМ")
FILLERS = "\u115f\u1160\u3164\uffa0"


def mixed(letter: str, every: int) -> str:
    """With this letter behind so many others, over and over."""
    words = GERMAN * 4
    return letter.join(words[i : i + every] for i in range(0, len(words), every))


@pytest.mark.parametrize(
    "text",
    [
        GERMAN.translate(LOOK_ALIKE),
        GERMAN.upper().translate(CAPITALS),
        mixed("а", 30),
        mixed("ο", 30),  # Greek
        (RUSSIAN * 4).translate(str.maketrans("аеорсх", "aeopcx")),
        *(mixed(letter, 30) for letter in FILLERS),
        f"{GERMAN * 30}{GERMAN.translate(LOOK_ALIKE)}{GERMAN * 30}",
    ],
)
def test_words_of_two_alphabets_are_told(text: str) -> None:
    assert is_disguised(text.encode())
    assert fingerprint_text(text).notes == (DISGUISED,)


@pytest.mark.parametrize(
    "text",
    [
        GERMAN,
        RUSSIAN * 20,
        f"{GERMAN} {RUSSIAN}" * 20,
        "Скачать для WindowsСкачать для macOSСкачать для LinuxСкачать для AndroidСкачать. " * 2,
        "Aus Δx und λi folgt nΔt = kα + βy, also xν und μm, wenn aρ und bσ klein gegen cτ und dφ sind. " * 20,
        "すべての人間はiPhoneを持って生まれながらにしてUSBケーブルとWiFiで自由であり、平等である。" * 20,
        "모든 인간은 IT는 PDF를 태어날 때부터 자유로우며 존엄과 권리에 있어 동등하다. " * 20,
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια (PDF). " * 20,
        "यह iPhone है। كل الناس PDF يولدون أحرارا. ทุกคนiPhoneเกิดมา. " * 20,
        "zero\u200bwidth and so\u00adft hy\u00adphens, a\u0301ccents " * 40,
    ],
)
def test_what_people_write_is_not(text: str) -> None:
    assert not is_disguised(text.encode())
    assert fingerprint_text(text).notes == ()


def test_a_few_such_letters_leave_enough_to_be_found() -> None:
    few = "а".join("wxyz" * PLACES)
    assert is_disguised(f"{GERMAN} {few[: 2 * PLACES]}".encode())
    assert not is_disguised(f"{GERMAN} {few[: 2 * PLACES - 1]}".encode())
    assert not is_disguised(mixed("а", 70).encode())


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_text_may_end_anywhere_and_have_halves_of_pairs(cut: int) -> None:
    text = "\ud800" + ("xа" * 20)[: 2 * PLACES + cut]
    assert is_disguised(text.encode("utf-8", "surrogatepass"))


def test_of_many_texts_each_is_told_as_alone() -> None:
    plain, russian, disguised = (text.encode() for text in (GERMAN, RUSSIAN * 20, mixed("а", 30)))
    assert are_disguised([plain, disguised, russian, plain]) == [False, True, False, False]
    assert are_disguised([plain, plain]) == [False, False]
    assert are_disguised([]) == []
