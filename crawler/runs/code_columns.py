"""Columns of codes, and which of them no algorithm can have made: `check_code`, a hundred times as fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.core.fingerprints import ALGORITHMS, ANCHORS256, DEEP256, MINHASH128, WINNOW32
from registry.core.fingerprints.algorithms import LEAN_HEADER, LEAN_SCHEME, LEAN_SEED, LEAN_VALUES
from registry.core.fingerprints.anchors_records import MOST as MOST_ANCHORS
from registry.core.fingerprints.anchors_records import RECORD as ANCHOR
from registry.core.fingerprints.winnow_records import RECORD as FINGERPRINT
from registry.core.fingerprints.winnow_records import WINDOW

_HEADER = np.frombuffer(LEAN_HEADER.pack(LEAN_SEED, -LEAN_VALUES, LEAN_SCHEME), np.uint8)
_EMPTY = np.uint32(0xFFFFFFFF)
_DIGITS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""The two hexadecimal digits of each byte."""


@dataclass(frozen=True, slots=True)
class Flat:
    """The bytes of codes, one after the other."""

    data: NDArray[np.uint8]
    sizes: NDArray[np.int64]

    def table(self, width: int) -> NDArray[np.uint8]:
        """(N, width): codes of which all have so many bytes."""
        return self.data.reshape(-1, width)


def flat(codes: pa.BinaryArray) -> Flat:
    """Without a copy."""
    ends = np.frombuffer(codes.buffers()[1], np.int32)[codes.offset : codes.offset + len(codes) + 1]
    data = np.frombuffer(codes.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    return Flat(data, np.diff(ends).astype(np.int64))


def hexadecimal(codes: pa.BinaryArray) -> pa.StringArray:
    """Each code as `bytes.hex` has it."""
    data = flat(codes)
    digits = _DIGITS[data.data]
    offsets = np.concatenate([[0], np.cumsum(2 * data.sizes)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(codes), pa.py_buffer(offsets), pa.py_buffer(digits))


def odd_codes(algorithm: str, kinds: pa.DictionaryArray, codes: pa.BinaryArray) -> NDArray[np.bool_]:
    """Which of these codes of one algorithm `check_code` would refuse."""
    if (known := ALGORITHMS.get(algorithm)) is None:
        return np.ones(len(codes), np.bool_)
    among = np.array([kind in known.kinds for kind in kinds.dictionary.to_pylist()], np.bool_)
    odd: NDArray[np.bool_] = ~among[kinds.indices.to_numpy()]
    own = flat(codes)
    if algorithm in (ANCHORS256, DEEP256):
        return odd | _odd_anchors(own)
    if algorithm == WINNOW32:
        return odd | _odd_passages(own)
    wrong = own.sizes != known.code_bytes
    if algorithm == MINHASH128:
        wrong = np.ones_like(odd) if wrong.any() else _odd_signatures(own.table(known.code_bytes))
    return np.asarray(odd | wrong)


def _odd_signatures(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    foreign = (codes[:, : len(_HEADER)] != _HEADER).any(axis=1)
    values = np.ascontiguousarray(codes[:, len(_HEADER) :]).view("<u4")
    return np.asarray(foreign | (values == _EMPTY).any(axis=1))


def _odd_anchors(own: Flat) -> NDArray[np.bool_]:
    counts, rest = np.divmod(own.sizes, ANCHOR.size)
    odd: NDArray[np.bool_] = (rest != 0) | (counts < 1) | (counts > MOST_ANCHORS)
    if odd.any():
        return np.ones_like(odd)  # where records begin cannot be told by columns
    marked = own.table(ANCHOR.size)[:, 32] != 0
    odd[np.repeat(np.arange(len(counts)), counts)[marked]] = True
    return odd


def _odd_passages(own: Flat) -> NDArray[np.bool_]:
    counts, rest = np.divmod(own.sizes, FINGERPRINT.itemsize)
    odd: NDArray[np.bool_] = (rest != 0) | (counts < 1)
    if odd.any() or not len(counts):
        return np.ones_like(odd)
    positions = np.ascontiguousarray(own.data.view(FINGERPRINT)["position"])
    firsts = np.cumsum(counts) - counts
    before = np.empty_like(
        positions
    )  # a position less than the one before wraps around, and so is far behind it
    before[1:] = positions[1:] - positions[:-1]
    before[firsts] = positions[firsts] + np.uint32(1)
    broken = np.flatnonzero(before - np.uint32(1) >= np.uint32(WINDOW))
    odd[np.searchsorted(firsts, broken, side="right") - 1] = True
    return odd
