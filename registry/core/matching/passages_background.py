"""Make the background list of common phrases from any texts, which are not needed afterwards.

    python -m registry.core.matching.passages_background --out FILE [--packages FOLDER] [--and LIST] TEXT...

`--packages` takes what `passages_sources` finds in unpacked packages; a TEXT that is a folder stands for all files in
it that are UTF-8; `--and` adds all that another list has. docs/reference/matching.md says what the shipped one was made
of.

A phrase in a page lies among other words, on which its fingerprints at either end depend. The list has all that can
come of it: the fingerprints of the whole text; and of each phrase, and each sentence in it, every gram that is the
least of some window that reaches into it. What lies within is in the list then, whatever stands around it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.minhash import gram_hashes
from registry.core.fingerprints.text_engines import text_codes
from registry.core.fingerprints.text_normal import normalise
from registry.core.fingerprints.winnow_records import GRAM, WINDOW
from registry.core.matching.passages_common import KEPT_BITS, MASK, packed_values, read_values
from registry.core.matching.passages_sources import Source, sources

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def background(texts: Iterable[Source]) -> NDArray[np.uint64]:
    """(N,) the lower 40 bits of all fingerprints that these texts can have in any other, each once, ascending."""
    found = [np.empty(0, np.uint64)]
    for text in texts:
        together = ["\n".join(text.phrases)] if text.is_one_text else text.phrases
        found += [text_codes(part).fingerprints.values & MASK for part in together]
        phrases = {*text.phrases, *(part for phrase in text.phrases for part in _SENTENCE.split(phrase))}
        found += [_ends(phrase) & MASK for phrase in phrases]
    return np.unique(np.concatenate(found))


def _ends(phrase: str) -> NDArray[np.uint64]:
    """What windows choose that reach into a phrase from before or behind it: minima of its beginnings and its ends."""
    hashes = gram_hashes(normalise(phrase), GRAM)
    first, last = hashes[:WINDOW], hashes[::-1][:WINDOW]
    return np.concatenate([np.minimum.accumulate(first), np.minimum.accumulate(last)])


def _texts(paths: Iterable[Path]) -> Iterator[Source]:
    """Files as texts, of which each paragraph is a phrase."""
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            try:
                yield Source(file.name, _paragraphs(file.read_text("utf-8")), is_one_text=True)
            except UnicodeDecodeError:
                print(f"left out, no UTF-8: {file}")


def _paragraphs(text: str) -> Sequence[str]:
    return re.split(r"\n\s*\n", text)


def main() -> None:
    """Write the list, and print the digest that `passages_common` expects."""
    options = argparse.ArgumentParser(description="The background list of common phrases")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--packages", type=Path)
    options.add_argument("--and", dest="others", type=Path, action="append", default=[], metavar="LIST")
    options.add_argument("texts", nargs="*", type=Path)
    asked = options.parse_args()
    parts = [background(_texts(asked.texts)), *(read_values(other) for other in asked.others)]
    if asked.packages is not None:
        parts.append(background(sources(asked.packages)))
    values = np.unique(np.concatenate(parts))
    np.savez_compressed(asked.out, gaps=packed_values(values))
    print(
        f"{len(values):,} fingerprints of {KEPT_BITS} bits, SHA-256 {hashlib.sha256(values.tobytes()).hexdigest()}"
    )


if __name__ == "__main__":
    main()
