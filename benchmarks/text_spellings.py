"""German excerpts that are spelled or printed otherwise: how many are found inside other pages.

    python benchmarks/text_spellings.py --texts FILE_OR_DIR [--trials 1000]

Novels are registered as they are; an excerpt of 50, 100 or 300 words is rewritten and put between 500 words of another
novel. What normalisation takes away is found every time; what it leaves breaks the text wherever it occurs.
"""

from __future__ import annotations

import argparse
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks._measuring import machine
from benchmarks._texts import Text, excerpt, page_around, read_texts
from registry.core.decisions import Grade
from registry.core.fingerprints import WINNOW32, Fingerprint, fingerprint_text
from registry.core.fingerprints.text_disguises import DISGUISED
from registry.core.matching import Matcher, by_algorithm, lists_of

AROUND = 500
LENGTHS = (50, 100, 300)
_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_LONG_S = re.compile(r"s(?=\w)")
_SYLLABLE = re.compile(r"(?<=\w{3})(?=\w{3})")


def old_spelling(text: str) -> str:
    """As before 1901: Thal, seyn, giebt, Litteratur."""
    text = re.sub(r"\bT(?=[aeiouäöü])", "Th", text)
    text = re.sub(r"\b([sbz])ei(n?)\b", r"\1ey\2", text)
    return text.replace("gibt", "giebt").replace("Liter", "Litter")


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "letters and marks apart (NFD)": lambda text: unicodedata.normalize("NFD", text),
    "without the dots: a, o, u": lambda text: text.translate(str.maketrans("äöüÄÖÜ", "aouAOU")),
    "ss for ß": lambda text: text.replace("ß", "ss"),
    "long s": lambda text: _LONG_S.sub("ſ", text),
    "soft hyphens": lambda text: _SYLLABLE.sub("\N{SOFT HYPHEN}", text),
    "syllables divided at line ends": lambda text: _SYLLABLE.sub("-\n", text),
    "other quotation marks and dashes": lambda text: text.translate(str.maketrans('"»«-–', "„“”—-")),
    "spelling before 1901": old_spelling,
    "ae, oe, ue": lambda text: text.translate(_LETTERS),
    "UTF-8 read as Latin-1": lambda text: text.encode("utf-8").decode("latin-1"),
}
"""By what is done, the function that does it to an excerpt."""


def main() -> None:
    """Print one line a spelling."""
    options = argparse.ArgumentParser(description="German excerpts that are spelled otherwise")
    data = os.environ.get("VORBEHALT_TEST_DATA")
    options.add_argument("--texts", type=Path, default=Path(data) / "texts" if data else None)
    options.add_argument("--trials", type=int, default=1000)
    asked = options.parse_args()
    if asked.texts is None:
        print(
            "Left out: give --texts FILE_OR_DIR, or set VORBEHALT_TEST_DATA to a folder with `texts` in it."
        )
        return
    novels = [text for text in read_texts(asked.texts) if text.long and text.language == "de"]
    print(f"machine    {machine()}; {asked.trials} excerpts each, {len(novels)} novels")
    print_found(SPELLINGS, novels, asked.trials)


def print_found(rewritten: Mapping[str, Callable[[str], str]], novels: Sequence[Text], trials: int) -> None:
    """How many excerpts are found if one of these things is done to them, a line each; of how many pages notes tell."""
    rows = [(n, n, WINNOW32, "whole", _codes(novel.text)[0].code, 0) for n, novel in enumerate(novels)]
    matcher = Matcher(lists_of(by_algorithm(rows)))
    print(f"{'found, in %':<52}" + "".join(f"{length:>5} words" for length in LENGTHS) + "  disguised")
    for name, rewrite in rewritten.items():
        shares, told = [], 0
        for length in LENGTHS:
            chance = np.random.default_rng(length)
            found = 0
            for _ in range(trials):
                work, host = (int(n) for n in chance.permutation(len(novels))[:2])
                passage = rewrite(excerpt(novels[work], length, chance))
                page = page_around(passage, novels[host], AROUND, chance)
                codes, is_told = _codes(page)
                (matches,) = matcher.match([[codes]])
                told += is_told
                found += any(m.work_row == work and m.grade >= Grade.MATCH for m in matches)
            shares.append(100 * found / trials)
        shares.append(100 * told / trials / len(LENGTHS))
        print(f"{name:<52}" + "".join(f"{share:>11.1f}" for share in shares), flush=True)


def _codes(text: str) -> tuple[Fingerprint, bool]:
    """The fingerprints of a text, and whether it is said that they mean little."""
    found = fingerprint_text(text)
    (code,) = (f for f in found.fingerprints if f.algorithm == WINNOW32)
    return code, DISGUISED in found.notes


if __name__ == "__main__":
    main()
