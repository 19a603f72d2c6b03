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
"""Codes compared by one call of `near`: four AVX-512 registers for each of the two words."""

BLOCK = 1024
"""Codes whose first halves are kept at hand (16 KiB, half of a level 1 cache) while all queries pass by."""

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


@intrinsic
def near(_typing: Any, word0: Any, word1: Any, start: Any, query0: Any, query1: Any, radius: Any) -> Any:
    """Bit x is set if word0[start + x] and word1[start + x] differ from the query in at most `radius` bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        counter = ir.FunctionType(_WORDS, [_WORDS])
        ctpop = _declared(builder.module, counter, f"llvm.ctpop.v{LANES}i64")
        counts = []
        for k in (0, 1):
            array = context.make_array(signature.args[k])(context, builder, args[k])
            pointer = builder.bitcast(builder.gep(array.data, [args[2]]), _WORDS.as_pointer())
            words = builder.load(pointer)
            words.align = 8
            counts.append(builder.call(ctpop, [builder.xor(words, _splat(builder, args[3 + k]))]))
        within = builder.icmp_unsigned("<=", builder.add(*counts), _splat(builder, args[5]))
        return builder.zext(builder.bitcast(within, _I32), _I64)

    return types.uint64(word0, word1, types.int64, types.uint64, types.uint64, types.uint64), generate


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


@compiled
def within_radius(codes, queries, radius, out_query, out_row, out_distance):  # type: ignore[no-untyped-def]
    """Write all pairs of `codes` (N, 4) and `queries` (Q, 4), both uint64, at most `radius` bits apart.

    Returns how many there are; what does not fit into the three output columns is counted and not written.

    A block of codes meets all queries before the next is read, so the codes stream through memory once. The
    first 128 bits decide: at radius 31 all but 3 in 10^9 random pairs are already further apart.
    """
    count = codes.shape[0]
    found = 0
    word0 = np.zeros(BLOCK, np.uint64)
    word1 = np.zeros(BLOCK, np.uint64)
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        for i in range(size):
            word0[i] = codes[begin + i, 0]
            word1[i] = codes[begin + i, 1]
        for q in range(queries.shape[0]):
            a, b, c, d = queries[q, 0], queries[q, 1], queries[q, 2], queries[q, 3]
            for lane in range(0, size, LANES):
                mask = near(word0, word1, lane, a, b, radius)
                while mask:
                    i = lane + lowest(mask)
                    mask &= mask - np.uint64(1)
                    if i >= size:  # left over from the block before
                        break
                    row = begin + i
                    distance = (
                        ones(word0[i] ^ a)
                        + ones(word1[i] ^ b)
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
