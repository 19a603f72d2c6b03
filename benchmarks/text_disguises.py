"""Excerpts that come out of a file damaged, or that somebody disguises: how many are found inside other pages.

    python benchmarks/text_disguises.py --texts FILE_OR_DIR [--trials 1000]

As `text_spellings`, for German and English novels together. What is not a letter or a number is taken away before
anything is compared, so that it can stand between any two letters; a wrong letter breaks the text where it stands.
*Disguised* are the pages of which it is said that they cannot be compared (`unchecked.disguised`).
"""

from __future__ import annotations

import argparse
import html
import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from benchmarks._measuring import machine
from benchmarks._texts import read_texts
from benchmarks.text_spellings import print_found

COLUMN = 38
"""Letters of a line in a page of two columns."""
_LINE = 65
_CYRILLIC = str.maketrans("aceopxyAEKMOTX", "асеорхуАЕКМОТХ")
_DIGITS = str.maketrans("aeiost", "431057")
_BOLD = str.maketrans({n + 97: chr(0x1D41A + n) for n in range(26)})
_FULL = str.maketrans({n: chr(n + 0xFEE0) for n in range(0x21, 0x7F)})
_LIGATURES = (("ffi", "ﬃ"), ("ff", "ﬀ"), ("fi", "ﬁ"), ("fl", "ﬂ"), ("st", "ﬆ"))


def between(mark: str, every: int = 1) -> Callable[[str], str]:
    """With this behind every so many characters."""
    return lambda text: mark.join(text[i : i + every] for i in range(0, len(text), every))


def with_ligatures(text: str) -> str:
    """As a PDF has them."""
    for letters, ligature in _LIGATURES:
        text = text.replace(letters, ligature)
    return text


def divided(text: str) -> str:
    """Lines of 38 letters, each with the beginning of a word and a hyphen at its end, as often as not."""
    return "-\n".join(text[i : i + COLUMN] for i in range(0, len(text), COLUMN))


def numbered(text: str) -> str:
    """Each line with its number, as in statutes and editions of verse."""
    return "\n".join(f"{n} {line}" for n, line in enumerate(textwrap.wrap(text, _LINE), start=1))


def across(text: str) -> str:
    """Of two columns, each line of the one followed by one of the other, in which something else stands."""
    lines = textwrap.wrap(text, COLUMN)
    return "\n".join(f"{line}    {other[::-1]}" for line, other in zip(lines, reversed(lines), strict=True))


def latin_in(share: int) -> Callable[[str], str]:
    """With Cyrillic letters that look alike in one of so many words."""
    return lambda text: " ".join(
        word.translate(_CYRILLIC) if n % share == 0 else word for n, word in enumerate(text.split())
    )


def with_words(every: int) -> Callable[[str], str]:
    """With a word put in behind every so many."""

    def put(text: str) -> str:
        words = text.split()
        return " ".join(f"{word} nun" if n % every == every - 1 else word for n, word in enumerate(words))

    return put


DISGUISES: Mapping[str, Callable[[str], str]] = {
    "columns, with hyphens at the ends of lines": divided,
    "ligatures": with_ligatures,
    "entities left as they are (&uuml;)": lambda text: (
        html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
    ),
    "each line with its number": numbered,
    "line breaks left as \\n": lambda text: "\\n".join(textwrap.wrap(text, _LINE)),
    "as in an address (%C3%BC)": lambda text: quote(text, safe=" "),
    "two columns read across": across,
    "zero-width spaces between all letters": between("\N{ZERO WIDTH SPACE}"),
    "ten accents on each letter": between("\N{COMBINING ACUTE ACCENT}" * 10),
    "all letters spaced or with dots between": between(" ."),
    "emoji behind each word": lambda text: text.replace(" ", " \N{GRINNING FACE} "),
    "bold letters of mathematics": lambda text: text.translate(_BOLD),
    "full-width letters": lambda text: text.translate(_FULL),
    "a word put in behind every twentieth": with_words(20),
    "a word put in behind every tenth": with_words(10),
    "a word put in behind every fifth": with_words(5),
    "Cyrillic letters in every tenth word": latin_in(10),
    "a Cyrillic letter put in behind every seventieth": between("\N{CYRILLIC SMALL LETTER A}", 70),
    "a Cyrillic letter put in behind every fiftieth": between("\N{CYRILLIC SMALL LETTER A}", 50),
    "Cyrillic letters in every word": latin_in(1),
    "digits for letters (h3ll0)": lambda text: text.translate(_DIGITS),
    "an invisible letter (U+3164) between all letters": between("\N{HANGUL FILLER}"),
    "read backwards": lambda text: text[::-1],
}
"""By what is done, the function that does it to an excerpt."""


def main() -> None:
    """Print one line a disguise."""
    options = argparse.ArgumentParser(description="Excerpts that are damaged or disguised")
    data = os.environ.get("VORBEHALT_TEST_DATA")
    options.add_argument("--texts", type=Path, default=Path(data) / "texts" if data else None)
    options.add_argument("--trials", type=int, default=1000)
    asked = options.parse_args()
    if asked.texts is None:
        print(
            "Left out: give --texts FILE_OR_DIR, or set VORBEHALT_TEST_DATA to a folder with `texts` in it."
        )
        return
    novels = [text for text in read_texts(asked.texts) if text.long]
    print(f"machine    {machine()}; {asked.trials} excerpts each, {len(novels)} novels")
    print_found(DISGUISES, novels, asked.trials)


if __name__ == "__main__":
    main()
