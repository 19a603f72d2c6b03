# ruff: noqa: ARG001 (an intrinsic's own arguments are types; the values come to its code generator)
"""The inner loop of the code search, compiled by numba on first use and cached on disk.

Numba does not vectorise a loop over a population count by itself (0.7 instead of 10 to 14 thousand million codes
a second on one AVX-512 core), so the comparison of 32 codes is written as LLVM vector instructions. LLVM lowers them to
what the processor has: `vpopcntq` with AVX-512, byte shuffles with AVX2, `cnt` on ARM.

Everything that the kernel calls lives in this file, because numba's disk cache notices changes of this file only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, njit, types
from numba.core import cgutils

LANES = 32
"""Codes compared at once: four AVX-512 registers a word."""

BLOCK = 1024
"""Codes whose first words are kept at hand (8 KiB a word, in a level 1 cache) while all queries pass by."""

intrinsic: Any = extending.intrinsic
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_declared: Any = cgutils.get_or_insert_function
_WORDS = ir.VectorType(_I64, LANES)


def compiled(function: Callable[..., Any]) -> Any:
    """`njit` without the global interpreter lock, cached on disk wherever numba finds a place for it.

    Numba looks beside this file, then in the user's cache folder (or `NUMBA_CACHE_DIR`). Where nothing is
    writable, as in a container with a read-only root, each process compiles anew (a quarter of a second).
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


def _splat(builder: Any, value: Any) -> Any:
    """A vector with this 64-bit value in every lane."""
    undefined = ir.Constant(_WORDS, ir.Undefined)
    single = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


def _near(columns: int) -> Any:
    """A comparison of 32 codes in their first 1, 2, 3 or 4 words."""

    @intrinsic
    def near(_typing: Any, words: Any, start: Any, query: Any, radius: Any) -> Any:
        """Bit x is set if the words `words[k, start + x]` differ from the query in at most `radius` bits.

        `words` is (4, BLOCK), `query` a tuple of four words.
        """

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            counter = ir.FunctionType(_WORDS, [_WORDS])
            ctpop = _declared(builder.module, counter, f"llvm.ctpop.v{LANES}i64")
            array = context.make_array(signature.args[0])(context, builder, args[0])
            total = None
            for k in range(columns):
                place = builder.add(args[1], _I64(k * BLOCK))
                pointer = builder.bitcast(builder.gep(array.data, [place]), _WORDS.as_pointer())
                loaded = builder.load(pointer)
                loaded.align = 8
                asked = _splat(builder, builder.extract_value(args[2], k))
                apart = builder.call(ctpop, [builder.xor(loaded, asked)])
                total = apart if total is None else builder.add(total, apart)
            within = builder.icmp_unsigned("<=", total, _splat(builder, args[3]))
            return builder.zext(builder.bitcast(within, _I32), _I64)

        return types.uint64(words, types.int64, query, types.uint64), generate

    return near


_near_1, _near_2, _near_3, _near_4 = (_near(columns) for columns in (1, 2, 3, 4))


@intrinsic
def ones(_typing: Any, word: Any) -> Any:
    """Number of set bits."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), generate


@intrinsic
def lowest(_typing: Any, word: Any) -> Any:
    """Position of the lowest set bit of a word that is not zero."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@njit(nogil=True, forceinline=True)
def _near_in(columns, words, lane, query, radius):  # type: ignore[no-untyped-def]
    if columns == 1:
        return _near_1(words, lane, query, radius)
    if columns == 2:
        return _near_2(words, lane, query, radius)
    if columns == 3:
        return _near_3(words, lane, query, radius)
    return _near_4(words, lane, query, radius)


@compiled
def within_radius(codes, queries, radius, columns, out_query, out_row, out_distance):  # type: ignore[no-untyped-def]
    """Write all pairs of `codes` (N, 4) and `queries` (Q, 4), both uint64, at most `radius` bits apart.

    Returns how many there are; what does not fit into the three output columns is counted and not written.

    A block of codes meets all queries before the next is read, so the codes stream through memory once. The
    first `columns` words decide: pairs that are further apart there are looked at no more.
    """
    count = codes.shape[0]
    found = 0
    words = np.zeros((4, BLOCK), np.uint64)
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        for i in range(size):
            for k in range(columns):
                words[k, i] = codes[begin + i, k]
        for q in range(queries.shape[0]):
            a, b, c, d = queries[q, 0], queries[q, 1], queries[q, 2], queries[q, 3]
            for lane in range(0, size, LANES):
                mask = _near_in(columns, words, lane, (a, b, c, d), radius)
                while mask:
                    row = begin + lane + lowest(mask)
                    mask &= mask - np.uint64(1)
                    if row >= count:  # left over from the block before
                        break
                    distance = (
                        ones(codes[row, 0] ^ a)
                        + ones(codes[row, 1] ^ b)
                        + ones(codes[row, 2] ^ c)
                        + ones(codes[row, 3] ^ d)
                    )
                    if distance <= radius:
                        if found < out_row.shape[0]:
                            out_query[found] = q
                            out_row[found] = row
                            out_distance[found] = distance
                        found += 1
    return found
