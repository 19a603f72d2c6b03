"""The index over a list: opened from its folder, else built there, else in memory.

An index is derived from the list, so one that another version of this program wrote is built anew. A damaged one is
not: it says that the disk cannot be trusted, and somebody should know.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.core.fingerprints import MINHASH128, PHASH64, WINNOW32
from registry.core.matching import storage
from registry.core.matching.bands import BandIndex
from registry.core.matching.chain import WIDE, ChainIndex, Layout
from registry.core.matching.chain import folder as folders
from registry.core.matching.codes import CodeIndex
from registry.core.matching.lists import ListColumns
from registry.core.matching.passages import PassageIndex
from registry.core.matching.short_codes import ShortCodeIndex

KEPT: Final = 1 << 16
"""Codes from which on tables are worth a folder: there, a picture in nine variants takes 40 to 140 microseconds by
brute force, 10 to 43 by tables."""

HELD: Final = 1 << 21
"""Codes from which on tables are worth their memory, 130 bytes a code in each process, if there is no folder."""


def open_index(
    codes: NDArray[np.uint8], folder: Path | None = None, *, layout: Layout = WIDE, verify: bool = True
) -> CodeIndex | ChainIndex:
    """Search over (N, 32) codes: opened from the folder, else built there (once, by one process), else in memory.

    A short list needs no index, a long one has tables. The folder belongs to these codes; `Corrupt` if it is damaged or
    has tables of others. `verify=False` skips the digests, for further processes after one has checked. A folder that
    cannot be written to costs time and memory, not answers.
    """
    if len(codes) < KEPT or sys.byteorder == "big":  # the tables are little-endian
        return CodeIndex(codes)
    if folder is not None:
        try:
            if folders.exists(folder):
                with suppress(storage.OtherFormat):
                    return ChainIndex.open(folder, codes=codes, verify=verify)
                storage.discard(folder)
            return ChainIndex.build(codes, folder, layout=layout)
        except OSError:
            pass
    return CodeIndex(codes) if len(codes) < HELD else ChainIndex.build(codes, layout=layout)


def open_signatures(
    signatures: NDArray[np.uint32], folder: Path | None = None, *, verify: bool = True
) -> BandIndex:
    """Search over (N, 128) values of text signatures; `folder` has the indexes of one edition, each under its name."""
    return _opened(BandIndex, signatures, folder and folder / MINHASH128, verify)


def open_passages(columns: ListColumns, folder: Path | None = None, *, verify: bool = True) -> PassageIndex:
    """The same over the fingerprints of texts."""
    return _opened(PassageIndex, columns, folder and folder / WINNOW32, verify)


def open_short_codes(
    codes: NDArray[np.uint8], folder: Path | None = None, *, verify: bool = True
) -> ShortCodeIndex:
    """The same over (N, 8) codes."""
    return _opened(ShortCodeIndex, codes, folder and folder / PHASH64, verify)


Of = TypeVar("Of", contravariant=True)
Index = TypeVar("Index", covariant=True)


class _Kind(Protocol[Of, Index]):
    """What the classes of indexes that lie in one folder each have in common."""

    def build(self, of: Of, folder: Path | None = None, /) -> Index: ...

    def open(self, folder: Path, of: Of, /, *, verify: bool = True) -> Index: ...


def _opened(kind: _Kind[Of, Index], of: Of, folder: Path | None, verify: bool) -> Index:
    if folder is not None:
        try:
            if folder.exists():
                with suppress(storage.OtherFormat):
                    return kind.open(folder, of, verify=verify)
                storage.discard(folder)
            return kind.build(of, folder)
        except OSError:
            pass
    return kind.build(of)
