"""German as it is printed and typed: what is the same text to a fingerprint, and what is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest

from registry.core import matching
from registry.core.decisions import Grade
from registry.core.fingerprints import WINNOW32, Fingerprint, fingerprint_bytes, fingerprint_text
from registry.core.fingerprints.text_normal import normalise
from registry.core.matching import Matcher

TEXT = (
    "„Größere Übel“, sagte der Müller, »hat’s wohl gegeben – doch süße Äpfel für 1.200 Gäste, das heißt für "
    "sämtliche Bürger der Straße, müssen am 3. März früh um 5 Uhr im Schloßhof stehen!« Die Köchin, die das hörte, "
    "schüttelte bloß den Kopf. Zwölf Körbe trug sie hinüber, äußerst mürrisch, und fluchte über Öfen, Tür und Gänge, "
    "daß es durch die schmalen Höfe hallte."
)


def changed(**replaced: str) -> str:
    """The text with some letters replaced."""
    return TEXT.translate({ord(letter): other for letter, other in replaced.items()})


SAME: dict[str, Callable[[], str]] = {
    "letters and their dots apart": lambda: unicodedata.normalize("NFD", TEXT),
    "compatibility characters": lambda: unicodedata.normalize("NFKD", TEXT),
    "in capitals, where ß is SS": lambda: TEXT.upper(),
    "with the capital ẞ": lambda: changed(ß="ẞ"),
    "ss for ß": lambda: changed(ß="ss"),
    "dots lost": lambda: changed(ä="a", ö="o", ü="u", Ä="A", Ö="O", Ü="U"),
    "a small e above, as in Fraktur": lambda: changed(ä="aͤ", ö="oͤ", ü="uͤ"),
    "long s": lambda: TEXT.replace("sa", "ſa").replace("sü", "ſü").replace("sc", "ſc"),
    "ligatures": lambda: TEXT.replace("st", "ﬆ").replace("ff", "ﬀ").replace("fl", "ﬂ"),
    "soft hyphens": lambda: "\N{SOFT HYPHEN}".join(TEXT),
    "divided at line ends": lambda: (
        TEXT.replace("mt", "m-\nt").replace("lt", "l‐\r\nt").replace("rb", "r⸗\n    b")
    ),
    "the sign for division of old programs": lambda: TEXT.replace("mt", "m¬\nt"),
    "English quotation marks": lambda: changed(
        **{"„": "“", "“": "”", "»": '"', "«": '"', "’": "'", "–": "-"}
    ),
    "no marks at all": lambda: "".join(c for c in TEXT if c.isalnum() or c == " "),
    "a star among letters": lambda: TEXT.replace("Bürger", "Bür*ger"),
    "numbers without points": lambda: TEXT.replace("1.200", "1200"),
    "numbers with thin spaces": lambda: TEXT.replace("1.200", "1\N{NARROW NO-BREAK SPACE}200"),
}
OTHER: dict[str, Callable[[], str]] = {
    "ae, oe, ue for umlauts": lambda: changed(ä="ae", ö="oe", ü="ue", Ä="Ae", Ö="Oe", Ü="Ue"),
    "UTF-8 read as Latin-1": lambda: TEXT.encode().decode("latin-1"),
    "entities left in plain text": lambda: changed(ü="&uuml;"),
    "old spelling": lambda: TEXT.replace("Tür", "Thür"),
    "numbers in words": lambda: TEXT.replace("1.200", "tausendzweihundert"),
    "k-k for a divided ck": lambda: TEXT.replace("Köchin", "Kök-\nkin"),
    "f for a long s": lambda: TEXT.replace("sa", "fa").replace("sü", "fü").replace("sc", "fc"),
}


@pytest.mark.parametrize("variant", SAME.values(), ids=SAME)
def test_it_is_the_same_text(variant: Callable[[], str]) -> None:
    assert variant() != TEXT
    assert normalise(variant()) == normalise(TEXT)


@pytest.mark.parametrize("variant", OTHER.values(), ids=OTHER)
def test_it_is_another_text_where_it_occurs(variant: Callable[[], str]) -> None:
    assert normalise(variant()) != normalise(TEXT)


def test_words_that_differ_in_dots_alone_are_the_same() -> None:
    """The price of it."""
    assert normalise("schwül drückt") == normalise("schwul druckt")


def test_entities_and_soft_hyphens_of_a_page_are_read() -> None:
    page = (
        TEXT.replace("ü", "&uuml;").replace("ß", "&szlig;").replace("mt", "m&shy;t").replace("ä", "a&#776;")
    )
    written = fingerprint_bytes(f"<!doctype html><html><body><p>{page}</p></body></html>".encode())
    codes = {f.algorithm: f.code for f in written.fingerprints}
    assert codes[WINNOW32] == code(TEXT).code


def code(text: str) -> Fingerprint:
    (found,) = (f for f in fingerprint_text(text).fingerprints if f.algorithm == WINNOW32)
    return found


def found(registered: str, page: str) -> bool:
    rows = [(0, 0, WINNOW32, "whole", code(registered).code, 0)]
    (matches,) = Matcher(matching.lists_of(matching.by_algorithm(rows))).match([[code(page)]])
    return any(match.grade >= Grade.MATCH for match in matches)


def test_an_excerpt_with_ae_oe_ue_is_found_by_what_lies_between_them() -> None:
    """The text above has an umlaut every 20 letters, more than any other; other texts have one every 65 or so."""
    ordinary = (
        "Als der Zug hielt, stieg niemand aus. Der Vorsteher trat unter das Dach, sah nach der Uhr und nickte dem "
        "Lokführer zu, der sich den Ruß von den Händen wischte. Es roch nach Kohle und nach nassem Holz; irgendwo "
        "hinter den Schuppen bellte ein Hund. Dann fuhr der Zug weiter, und der Bahnhof lag wieder so still wie an "
        "allen anderen Abenden des langen Winters."
    )
    typed = ordinary.replace("ü", "ue").replace("ä", "ae").replace("ö", "oe").replace("ß", "ss")
    assert found(ordinary, typed)
    assert not found(TEXT, OTHER["ae, oe, ue for umlauts"]())
