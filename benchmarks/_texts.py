"""Texts for benchmarks: read from files of your own, cut into excerpts and pages, edited as copies are."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LONG = 5_000
"""Words from which a text is a book, of which excerpts are taken."""
_LINE = 60


@dataclass(frozen=True)
class Text:
    """One text with its words as they stand, without the white space between them."""

    name: str
    language: str
    words: Sequence[str] = field(repr=False)

    @property
    def text(self) -> str:
        """All of it, in one line."""
        return " ".join(self.words)

    @property
    def long(self) -> bool:
        """Whether it is a book."""
        return len(self.words) >= LONG


def read_texts(path: Path) -> list[Text]:
    """From JSON lines with `id`, `lang` and `text` (also packed by gzip), or a folder `LANGUAGE/NAME.txt`."""
    files = sorted(path.rglob("*.jsonl*")) if path.is_dir() else [path]
    found = [text for file in files for text in _lines(file)]
    if path.is_dir():
        found += [
            Text(file.stem, file.parent.name, file.read_text("utf-8").split())
            for file in sorted(path.glob("*/*.txt"))
        ]
    if not found:
        raise SystemExit(f"There is no text in {path}: give JSON lines or a folder with LANGUAGE/NAME.txt.")
    return found


def _lines(file: Path) -> Iterator[Text]:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    for line in data.splitlines():
        record = json.loads(line)
        yield Text(record["id"], record["lang"], record["text"].split())


# -- what copies look like ---------------------------------------------------------------------------------
Edit = Callable[[str, Sequence[str], np.random.Generator], str]
"""Text, words of other texts in this language, chance -> the edited text."""

_CONFUSED: Mapping[str, str] = {
    "a": "o", "b": "h", "c": "e", "d": "cl", "e": "c", "f": "t", "g": "q", "h": "b", "i": "l", "k": "h", "l": "1",
    "m": "rn", "n": "u", "o": "0", "p": "n", "r": "n", "s": "f", "t": "f", "u": "n", "v": "y", "w": "vv",
}  # fmt: skip


def clean(text: str, words: Sequence[str], chance: np.random.Generator) -> str:
    """As it is."""
    del words, chance
    return text


def restyled(text: str, words: Sequence[str], chance: np.random.Generator) -> str:
    """Another typesetter: capitals, decomposed letters, other quotation marks, hyphenated lines, no full stops."""
    del words
    text = unicodedata.normalize("NFD", text.upper() if chance.random() < 0.5 else text)
    text = text.replace('"', "»").replace("'", "’").replace(".", " …").replace("-", "‑").replace("ß", "ss")
    lines = [text[i : i + _LINE] for i in range(0, len(text), _LINE)]
    return "-\n".join(lines)


def recognised(share: float) -> Edit:
    """Printed and read by a machine that gets this share of all characters wrong.

    A letter becomes one that looks alike, is lost, or gets a neighbour; a space is lost; a mark becomes a full stop.
    """

    def edit(text: str, words: Sequence[str], chance: np.random.Generator) -> str:
        del words
        letters = list(text)
        for place in np.flatnonzero(chance.random(len(letters)) < share):
            kind = chance.random()
            letter = letters[place]
            wrong = "" if letter == " " else _CONFUSED.get(letter.lower(), "i" if letter.isalnum() else ".")
            letters[place] = wrong if kind < 0.7 else "" if kind < 0.85 else letter + wrong
        return "".join(letters)

    return edit


def reworded(share: float) -> Edit:
    """With this share of the words replaced by others of the language."""

    def edit(text: str, words: Sequence[str], chance: np.random.Generator) -> str:
        own = text.split()
        for place in np.flatnonzero(chance.random(len(own)) < share):
            own[place] = words[int(chance.integers(len(words)))]
        return " ".join(own)

    return edit


EDITS: Mapping[str, Edit] = {
    "clean": clean,
    "restyled": restyled,
    "OCR 1 %": recognised(0.01),
    "OCR 2 %": recognised(0.02),
    "OCR 5 %": recognised(0.05),
    "words 5 %": reworded(0.05),
    "words 10 %": reworded(0.10),
    "words 20 %": reworded(0.20),
}


# -- pages -------------------------------------------------------------------------------------------------
def excerpt(text: Text, words: int, chance: np.random.Generator) -> str:
    """So many words in a row from anywhere in the text."""
    begin = int(chance.integers(len(text.words) - words + 1))
    return " ".join(text.words[begin : begin + words])


def page_around(passage: str, host: Text, words: int, chance: np.random.Generator) -> str:
    """The passage somewhere between so many words of another text."""
    begin = int(chance.integers(len(host.words) - words + 1))
    before = int(chance.integers(words + 1))
    around = host.words[begin : begin + words]
    return " ".join([*around[:before], passage, *around[before:]])
