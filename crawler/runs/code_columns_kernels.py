"""The compiled unpacking of the codes of texts: the same answers as by numpy, imported only where it pays.

Codes begin at any byte of a column. Bytes that are put together to a word are read as that word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from registry.core.fingerprints.kernels import compiled

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]


@compiled
def passages(
    data: Bytes, begins: Places, counts: Places, window: np.uint32, values: NDArray[np.uint64], odd: Flags
) -> None:
    """The values of records of passages one after the other, and which codes have positions too far apart."""
    to = uint64(0)
    for code in range(uint64(len(begins))):
        at, before, wrong = uint64(begins[code]), uint32(0xFFFFFFFF), np.bool_(False)
        for _ in range(uint64(counts[code])):
            position = _word(data, at)
            values[to] = uint64(_word(data, at + uint64(4))) | uint64(_word(data, at + uint64(8))) << uint64(
                32
            )
            wrong |= uint32(position - before - uint32(1)) >= window
            before = position
            at += uint64(12)
            to += uint64(1)
        odd[code] = wrong


@compiled
def signatures(data: Bytes, begins: Places, header: Bytes, values: NDArray[np.uint32], odd: Flags) -> None:
    """The (N, 128) values of signatures, and which have another header or a value that says that there was no text."""
    for code in range(uint64(len(begins))):
        at, wrong = uint64(begins[code]), np.bool_(False)
        for i in range(uint64(len(header))):
            wrong |= data[at + i] != header[i]
        at += uint64(len(header))
        for i in range(values.shape[1]):
            word = _word(data, at + uint64(4) * uint64(i))
            values[code, i] = word
            wrong |= word == uint32(0xFFFFFFFF)
        odd[code] = wrong


@compiled
def _word(data: Bytes, at: np.uint64) -> Any:
    """Four bytes, the least first."""
    low = uint32(data[at]) | uint32(data[at + uint64(1)]) << uint32(8)
    high = uint32(data[at + uint64(2)]) | uint32(data[at + uint64(3)]) << uint32(8)
    return low | high << uint32(16)
