"""Two independent German texts share one set phrase: how often that accuses, with the shipped list and without it.

    python benchmarks/text_phrases.py --packages FOLDER --texts FILE_OR_DIR [--most 300] [--without LIST]

The phrases are those that the list was made of (docs/reference/matching.md, "Common phrases", says how to get the
packages), of 63 normalised bytes or more: shorter ones accuse nobody anyway. Each stands among words of a novel that is
registered, and among words of another. *Half* is one half of the phrase, cut wherever that falls: a quotation that
begins or ends inside a sentence. Lastly, of all fingerprints of the texts, how many are taken for common. `--without`
compares with another list instead of with none.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._measuring import machine
from benchmarks._texts import Text, page_around, read_texts
from registry.core.decisions import Grade
from registry.core.fingerprints import WINNOW32, Fingerprint, fingerprint_text
from registry.core.fingerprints.text_engines import text_codes
from registry.core.fingerprints.text_normal import normalise
from registry.core.fingerprints.winnow_records import GUARANTEED
from registry.core.matching import ListColumns, Matcher, by_algorithm, lists_of
from registry.core.matching.passages import COMMON
from registry.core.matching.passages_common import MASK, is_background, read_values
from registry.core.matching.passages_sources import Source, sources

AROUND = 300
"""Words of a novel around a phrase."""
_GERMAN: Mapping[str, str] = {
    "Elberfelder": "verses of the Bible",
    "Universal Declaration of Human Rights, deu": "human rights",
    "CC-BY-3.0-DE": "a licence",
    "D-FSL": "a licence",
    "GPL in German": "a licence",
    "fortunes-de": "proverbs and classics",
    "mediawiki de": "messages of web pages",
    "wordpress-l10n de": "messages of web pages",
    "privacy-policy-text": "statements on privacy",
    "tarteaucitronjs tarteaucitron.de": "statements on privacy",
}
"""By how a source's name begins, what it is."""
Known = Callable[[NDArray[np.uint64]], NDArray[np.bool_]]


def german_phrases(found: Sequence[Source], most: int) -> dict[str, list[str]]:
    """By kind, at most so many phrases that a page would share a fingerprint by."""
    kinds: dict[str, list[str]] = {}
    for source in found:
        for begin, kind in _GERMAN.items():
            if source.name.startswith(begin):
                long = (p for p in source.phrases if len(normalise(p)) >= GUARANTEED and _is_german(p))
                kinds.setdefault(kind, []).extend(long)
    chance = np.random.default_rng(1)
    return {kind: [str(p) for p in chance.permutation(phrases)[:most]] for kind, phrases in kinds.items()}


def _is_german(text: str) -> bool:
    return bool({"der", "die", "das", "und", "ist", "nicht", "zu", "ein"} & set(text.lower().split()))


def half(phrase: str) -> str:
    """The longer half of its words, the first or the second."""
    words = phrase.split()
    cut = len(words) // 2
    return max(" ".join(words[:cut]), " ".join(words[cut:]), key=len)


def accused(phrases: Sequence[str], novels: Sequence[Text], known: Known | None) -> int:
    """How many pages share enough with the work that has the same phrase. `known`: what is common; nothing if None."""
    chance = np.random.default_rng(2)
    hits = 0
    for phrase in phrases:
        first, second = chance.permutation(len(novels))[:2]
        work, page = (page_around(phrase, novels[n], AROUND, chance) for n in (first, second))
        lists = lists_of(by_algorithm([(0, 0, WINNOW32, "whole", code.code, 0) for code in _codes(work)]))
        matcher = Matcher({WINNOW32: _marked(lists[WINNOW32], known)})
        hits += any(match.grade >= Grade.MATCH for match in matcher.match([_codes(page)])[0])
    return hits


def _codes(text: str) -> list[Fingerprint]:
    return [code for code in fingerprint_text(text).fingerprints if code.algorithm == WINNOW32]


def _marked(columns: ListColumns, known: Known | None) -> ListColumns:
    values = columns.codes.reshape(-1).view("<u8")
    common = np.zeros(len(values), np.bool_) if known is None else known(values)
    return replace(columns, aux=np.where(common, columns.aux | COMMON, columns.aux & ~COMMON))


def other_list(file: Path | None) -> Known | None:
    """What another list has."""
    if file is None:
        return None
    values = read_values(file)
    return lambda asked: np.isin(asked & MASK, values)


def main() -> None:
    """Print one line a kind of phrase, and what the list takes of the texts themselves."""
    options = argparse.ArgumentParser(description="Set phrases that two independent texts share")
    data = os.environ.get("VORBEHALT_TEST_DATA")
    options.add_argument("--packages", type=Path)
    options.add_argument("--texts", type=Path, default=Path(data) / "texts" if data else None)
    options.add_argument("--most", type=int, default=300)
    options.add_argument("--without", type=Path)
    asked = options.parse_args()
    if asked.texts is None or asked.packages is None:
        print(
            "Left out: give --packages FOLDER, and --texts FILE_OR_DIR or VORBEHALT_TEST_DATA with `texts` in it."
        )
        return
    texts = read_texts(asked.texts)
    novels = [text for text in texts if text.long and text.language == "de"]
    before = other_list(asked.without)
    print(f"machine    {machine()}")
    print("accused wrongly, of all         before        now   half: before        now")
    for kind, phrases in german_phrases(list(sources(asked.packages)), asked.most).items():
        halves = [h for h in map(half, phrases) if len(normalise(h)) >= GUARANTEED]
        counts = [
            accused(part, novels, known) for part in (phrases, halves) for known in (before, is_background)
        ]
        of = (len(phrases), len(phrases), len(halves), len(halves))
        print(f"{kind:<24}" + "".join(f"{n:>8} of {all_:<4}" for n, all_ in zip(counts, of, strict=True)))
    for language in sorted({text.language for text in texts}):
        values = np.concatenate(
            [text_codes(t.text).fingerprints.values for t in texts if t.language == language]
        )
        missed = 0 if before is None else int(before(values).sum())
        print(
            f"of {len(values):,} fingerprints of the texts in {language}, common before {missed}, "
            f"now {int(is_background(values).sum())}"
        )


if __name__ == "__main__":
    main()
