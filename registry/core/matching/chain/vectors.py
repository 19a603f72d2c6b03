# ruff: noqa: ARG001 (an intrinsic's own arguments are types; the values come to its code generator)
"""What the search kernels are made of: vector instructions and the decorators that compile.

As in `registry.core.matching.kernels`, instructions are LLVM's, which it lowers to what the processor has. After a
change here delete the caches of the kernels: numba notices changes of their own file only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from registry.core.matching.chain.arguments import LANES
from registry.core.matching.kernels import intrinsic

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_BYTE_POINTER = ir.IntType(8).as_pointer()
_BLOCK = ir.VectorType(_I16, LANES)
_declared: Any = cgutils.get_or_insert_function
_njit: Any = njit

_COUNT_NOTHING: Final = {"nogil": True, "_nrt": False}
"""Numba counts references whenever an array is taken out of a tuple, by atomic instructions that would make up nine
tenths of a search. A function that allocates nothing needs no such runtime."""


def inlined(function: Callable[..., Any]) -> Any:
    """Part of the kernels that call it, and cached with them."""
    return _njit(forceinline=True, **_COUNT_NOTHING)(function)


def compiled(function: Callable[..., Any]) -> Any:
    """A kernel that allocates nothing, cached on disk if there is a place for it."""
    try:
        return _njit(cache=True, **_COUNT_NOTHING)(function)
    except RuntimeError:
        return _njit(**_COUNT_NOTHING)(function)


def _splat(builder: Any, packed: Any, lane: int) -> Any:
    """A vector with one 16-bit lane of a word in each of its own."""
    value = builder.trunc(builder.lshr(packed, _I64(16 * lane)), _I16)
    undefined = ir.Constant(_BLOCK, ir.Undefined)
    single = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


def _ring_test(columns: int) -> Any:
    """A test of 32 postings by the first so many chunks that follow around the ring."""

    @intrinsic
    def test(_typing: Any, inline: Any, start: Any, gap: Any, keys: Any, limits: Any) -> Any:
        """Bit x is set if the chunks of posting start + x differ from lanes 1, 2 .. of the keys in few enough bits.

        Column j begins at `start + (j - 1) * gap`. The distances of the first j columns together may be as
        large as lane j of the limits.
        """

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            position, gap, keys, limits = args[1:]
            ctpop = _declared(builder.module, ir.FunctionType(_BLOCK, [_BLOCK]), f"llvm.ctpop.v{LANES}i16")
            total = within = None
            for lane in range(1, columns + 1):
                chunks = builder.load(
                    builder.bitcast(builder.gep(array.data, [position]), _BLOCK.as_pointer())
                )
                chunks.align = 2
                apart = builder.call(ctpop, [builder.xor(chunks, _splat(builder, keys, lane))])
                total = apart if total is None else builder.add(total, apart)
                here = builder.icmp_unsigned("<=", total, _splat(builder, limits, lane))
                within = here if within is None else builder.and_(within, here)
                position = builder.add(position, gap)
            return builder.zext(builder.bitcast(within, _I32), _I64)

        return types.uint64(inline, types.int64, types.int64, types.uint64, types.uint64), generate

    return test


ring_test_1, ring_test_2, ring_test_3 = _ring_test(1), _ring_test(2), _ring_test(3)


@intrinsic
def prefetch(_typing: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of an element that will soon be read; harmless wherever it points."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.bitcast(builder.gep(made.data, [args[1]]), _BYTE_POINTER)
        kind = ir.FunctionType(ir.VoidType(), [_BYTE_POINTER, _I32, _I32, _I32])
        builder.call(
            _declared(builder.module, kind, "llvm.prefetch.p0"), [pointer, _I32(0), _I32(3), _I32(1)]
        )
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
def word_at(_typing: Any, array: Any, index: Any) -> Any:
    """Four 16-bit elements as one word, wherever they begin."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, args[0])
        word = builder.load(builder.bitcast(builder.gep(made.data, [args[1]]), _I64.as_pointer()))
        word.align = 2
        return word

    return types.uint64(array, types.int64), generate
