"""Columns of codes, and which of them no algorithm can have made: `check_code`, a hundred times as fast.

The codes of texts are by far the most bytes, and lie between others in their column. They are unpacked where they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.core.fingerprints import ALGORITHMS, ANCHORS256, DEEP256, MINHASH128, WINNOW32
from registry.core.fingerprints.algorithms import LEAN_HEADER, LEAN_SCHEME, LEAN_SEED, LEAN_VALUES
from registry.core.fingerprints.anchors_records import MOST as MOST_ANCHORS
from registry.core.fingerprints.anchors_records import RECORD as ANCHOR
from registry.core.fingerprints.metering import Meter
from registry.core.fingerprints.winnow_records import RECORD as FINGERPRINT
from registry.core.fingerprints.winnow_records import WINDOW

_HEADER = np.frombuffer(LEAN_HEADER.pack(LEAN_SEED, -LEAN_VALUES, LEAN_SCHEME), np.uint8)
SIGNATURE = len(_HEADER) + 4 * LEAN_VALUES
"""Bytes of the code of a text as a whole."""
_EMPTY = np.uint32(0xFFFFFFFF)
_DIGITS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""The two hexadecimal digits of each byte."""
UNPACKED = Meter(2_000_000)
"""Bytes of codes unpacked by numpy before loading the compiled unpacking pays."""


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
    ends = _offsets(codes)
    data = np.frombuffer(codes.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    return Flat(data, np.diff(ends).astype(np.int64))


def _offsets(codes: pa.BinaryArray) -> NDArray[np.int32]:
    """Where each code begins, and the last one ends."""
    return np.frombuffer(codes.buffers()[1], np.int32)[codes.offset : codes.offset + len(codes) + 1]


def hexadecimal(data: Flat) -> pa.StringArray:
    """Each code as `bytes.hex` has it."""
    digits = _DIGITS[data.data]
    offsets = np.concatenate([[0], np.cumsum(2 * data.sizes)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(data.sizes), pa.py_buffer(offsets), pa.py_buffer(digits))


@dataclass(frozen=True, slots=True)
class Passages:
    """The fingerprints of texts."""

    values: NDArray[np.uint64]
    """Of all codes, one after the other."""
    odd: NDArray[np.bool_]
    """Which codes no text can have."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures of texts."""

    values: NDArray[np.uint32]
    """(N, 128)"""
    odd: NDArray[np.bool_]
    """Which codes no text can have."""


@dataclass(frozen=True)
class Chosen:
    """Some codes of a column, all by one algorithm."""

    column: pa.BinaryArray
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def flat(self) -> Flat:
        """Their bytes, copied."""
        return flat(self.column.take(pa.array(self.rows)))

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Of each."""
        return self._ends[self.rows + 1] - self._begins

    @cached_property
    def passages(self) -> Passages:
        """Of codes that are records of passages, at least one each."""
        counts = self.sizes // FINGERPRINT.itemsize
        if not self._compiled_pays():
            return _passages(self.flat.data, counts)
        from crawler.runs import code_columns_kernels as kernels  # numba only where it pays

        values, odd = np.empty(counts.sum(), np.uint64), np.empty(len(self), np.bool_)
        kernels.passages(self._data, self._begins, counts, np.uint32(WINDOW), values, odd)
        return Passages(values, odd)

    @cached_property
    def signatures(self) -> Signatures:
        """Of codes of a signature's size; `ValueError` if one has another."""
        if (self.sizes != SIGNATURE).any():
            raise ValueError("A signature has another size.")
        if not self._compiled_pays():
            return _signatures(self.flat.table(SIGNATURE))
        from crawler.runs import code_columns_kernels as kernels  # numba only where it pays

        values, odd = np.empty((len(self), LEAN_VALUES), np.uint32), np.empty(len(self), np.bool_)
        kernels.signatures(self._data, self._begins, _HEADER, values, odd)
        return Signatures(values, odd)

    def _compiled_pays(self) -> bool:
        return UNPACKED.compiled_pays(int(self.sizes.sum()))

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return _offsets(self.column).astype(np.int64)

    @cached_property
    def _begins(self) -> NDArray[np.int64]:
        return self._ends[self.rows]

    @property
    def _data(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.column.buffers()[2] or b"", np.uint8)


def odd_codes(algorithm: str, kinds: pa.DictionaryArray, codes: Chosen) -> NDArray[np.bool_]:
    """Which of these codes of one algorithm `check_code` would refuse."""
    if (known := ALGORITHMS.get(algorithm)) is None:
        return np.ones(len(codes), np.bool_)
    among = np.array([kind in known.kinds for kind in kinds.dictionary.to_pylist()], np.bool_)
    odd: NDArray[np.bool_] = ~among[kinds.indices.to_numpy()]
    if algorithm in (ANCHORS256, DEEP256):
        return odd | _odd_anchors(codes.flat)
    if algorithm == WINNOW32:
        whole = not (codes.sizes % FINGERPRINT.itemsize).any() and codes.sizes.all()
        return odd | codes.passages.odd if whole else np.ones_like(odd)
    wrong = codes.sizes != known.code_bytes
    if algorithm == MINHASH128:
        wrong = np.ones_like(odd) if wrong.any() else codes.signatures.odd
    return np.asarray(odd | wrong)


def _signatures(codes: NDArray[np.uint8]) -> Signatures:
    """From (N, 524) bytes."""
    foreign = (codes[:, : len(_HEADER)] != _HEADER).any(axis=1)
    values = np.ascontiguousarray(codes[:, len(_HEADER) :]).view("<u4")
    return Signatures(values, np.asarray(foreign | (values == _EMPTY).any(axis=1)))


def _odd_anchors(own: Flat) -> NDArray[np.bool_]:
    counts, rest = np.divmod(own.sizes, ANCHOR.size)
    odd: NDArray[np.bool_] = (rest != 0) | (counts < 1) | (counts > MOST_ANCHORS)
    if odd.any():
        return np.ones_like(odd)  # where records begin cannot be told by columns
    marked = own.table(ANCHOR.size)[:, 32] != 0
    odd[np.repeat(np.arange(len(counts)), counts)[marked]] = True
    return odd


def _passages(data: NDArray[np.uint8], counts: NDArray[np.int64]) -> Passages:
    """From all records, and how many each code has."""
    records = data.view(FINGERPRINT)
    positions, odd = records["position"], np.zeros(len(counts), np.bool_)
    firsts = np.cumsum(counts) - counts
    before = np.empty(len(positions), np.uint32)
    before[1:] = positions[1:] - positions[:-1]
    before[firsts] = positions[firsts] + np.uint32(1)
    # a position less than the one before wraps around, and so is far behind it
    broken = np.flatnonzero(before - np.uint32(1) >= np.uint32(WINDOW))
    odd[np.searchsorted(firsts, broken, side="right") - 1] = True
    return Passages(np.ascontiguousarray(records["value"]), odd)
