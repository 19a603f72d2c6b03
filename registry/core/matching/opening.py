"""The index that suits a list of codes: none for a short one, tables for a long one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from registry.core.matching.chain import WIDE, ChainIndex, Layout
from registry.core.matching.chain import folder as folders
from registry.core.matching.codes import CodeIndex

KEPT: Final = 1 << 18
"""Codes from which on tables are worth a folder: there, a query by brute force takes 20 microseconds, by tables 5."""

HELD: Final = 1 << 21
"""Codes from which on tables are worth their memory, 130 bytes a code in each process, if there is no folder."""


def open_index(
    codes: NDArray[np.uint8], folder: Path | None = None, *, layout: Layout = WIDE, verify: bool = True
) -> CodeIndex | ChainIndex:
    """Search over (N, 32) codes: opened from the folder, else built there (once, by one process), else in memory.

    The folder belongs to these codes; `Corrupt` if it is damaged or has tables of others. `verify=False` skips the
    digests, for further processes after one has checked. A folder that cannot be written to costs time and memory,
    not answers.
    """
    if len(codes) < KEPT or sys.byteorder == "big":  # the tables are little-endian
        return CodeIndex(codes)
    if folder is not None:
        try:
            if folders.exists(folder):
                return ChainIndex.open(folder, codes=codes, verify=verify)
            return ChainIndex.build(codes, folder, layout=layout)
        except OSError:
            pass
    return CodeIndex(codes) if len(codes) < HELD else ChainIndex.build(codes, layout=layout)
