# ruff: noqa: ARG001 (an intrinsic's own arguments are types; the values come to its code generator)
"""What the kernels for texts are made of where a compiler finds no vectors by itself.

All is written as LLVM vector instructions, which it lowers to what the processor has. Only `compact` needs AVX-512 for
bytes (VBMI2: Intel since 2019, AMD since 2022); a kernel asks by `compacts` and has another way. After a change here
delete the caches of the kernels: numba notices changes of their own file only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

_intrinsic: Any = extending.intrinsic
_declared: Any = cgutils.get_or_insert_function
_pair: Any = cgutils.pack_array
_tuple: Any = types.UniTuple
_BIT, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
_BYTES, _BITS = ir.VectorType(_I8, 64), ir.VectorType(_BIT, 64)
_WIDE, _NARROW = ir.VectorType(_I64, 16), ir.VectorType(_I32, 16)
_ROW: Final = 128
"""Bytes of a row of `text_normal.byte_rows`."""
_PERMUTATIONS: Final = 128
_PUNCTUATION: Final = (0xE2, 0x80)
"""How U+2000 to U+203F begin, spaces, dashes and quotation marks, of all of which nothing is left."""


def _has(context: Any, *features: str) -> bool:
    """Whether code is compiled for a processor with all of these, by which the disk cache tells processors apart."""
    return {f"+{feature}" for feature in features} <= set(context.codegen().magic_tuple()[2].split(","))


def _has_compress(context: Any) -> bool:
    return _has(context, "avx512f", "avx512bw", "avx512vbmi", "avx512vbmi2")


def _places(context: Any, builder: Any, signature: Any, args: Any) -> Callable[[int, Any, Any], Any]:
    """A function that points to a value of some type, from an element of the array that is argument `number` on."""

    def place(number: int, index: Any, kind: Any) -> Any:
        array = context.make_array(signature.args[number])(context, builder, args[number])
        return builder.bitcast(builder.gep(array.data, [index]), kind.as_pointer())

    return place


def _load(builder: Any, pointer: Any) -> Any:
    loaded = builder.load(pointer)
    loaded.align = 1
    return loaded


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    """A vector with this value in every lane."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    single = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes))


def _every(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [value] * kind.count)


# -- signatures --------------------------------------------------------------------------------------------
@_intrinsic
def lower_by_eight(_typing: Any, grams: Any, first: Any, permutations: Any, least: Any) -> Any:
    """Lower each of 128 values by its permutation, a * gram + b, of the eight grams from `first` on.

    `permutations` is (2, 128). Values stay in registers meanwhile: all at once with AVX-512, otherwise 32 at a time.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _places(context, builder, signature, args)
        lanes = _PERMUTATIONS if _has(context, "avx512f") else 32
        kind = ir.VectorType(_I32, lanes)
        for k in range(0, _PERMUTATIONS, lanes):
            a, b = (_load(builder, place(2, _I64(k + row), kind)) for row in (0, _PERMUTATIONS))
            lowest = _load(builder, place(3, _I64(k), kind))
            for j in range(8):
                gram = builder.load(place(0, builder.add(args[1], _I64(j)), _I32))
                value = builder.add(builder.mul(a, _splat(builder, gram, lanes)), b)
                lowest = builder.select(builder.icmp_unsigned("<", value, lowest), value, lowest)
            builder.store(lowest, place(3, _I64(k), kind)).align = 1
        return context.get_dummy_value()

    return types.void(grams, types.uint64, permutations, least), generate


@_intrinsic
def mix_sixteen(_typing: Any, hashes: Any, first: Any, mixed: Any) -> Any:
    """From 16 polynomial hashes to what is permuted: `fmix64`, the low half, `fmix32` (see `reference`)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _places(context, builder, signature, args)

        def folded(value: Any, by: int) -> Any:
            return builder.xor(value, builder.lshr(value, _every(value.type, by)))

        value = _load(builder, place(0, args[1], _WIDE))
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            value = builder.mul(folded(value, 33), _every(_WIDE, factor))
        value = builder.trunc(folded(value, 33), _NARROW)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            value = builder.mul(folded(value, shift), _every(_NARROW, factor))
        builder.store(folded(value, 16), place(2, args[1], _NARROW)).align = 1
        return context.get_dummy_value()

    return types.void(hashes, types.uint64, mixed), generate


# -- normalising -------------------------------------------------------------------------------------------
@_intrinsic
def all_ascii(_typing: Any, source: Any, at: Any) -> Any:
    """Whether the 64 bytes from `at` on are."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        text = _load(builder, _places(context, builder, signature, args)(0, args[1], _BYTES))
        return builder.icmp_unsigned("==", _bits(builder, "<", text, 0), _I64(0))

    return types.boolean(source, types.uint64), generate


@_intrinsic
def compacts(_typing: Any) -> Any:
    """Whether the processor has what `compact` needs."""

    def generate(context: Any, _builder: Any, _signature: Any, _args: Any) -> Any:
        return _BIT(_has_compress(context))

    return types.boolean(), generate


@_intrinsic
def compact(_typing: Any, source: Any, at: Any, most: Any, rows: Any, out: Any, length: Any) -> Any:
    """Normalise up to 64 bytes from `at` on, at the `most` so many, and write what is left to out[length:].

    Returns how many bytes were read, and how many are left. Reading ends before a character that goes on behind the 64
    bytes, of which more than two bytes are left, or that has three or four, unless it is common punctuation. All 64
    bytes are there to be read, and 64 are written. `rows`: see `text_normal.byte_rows`.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not _has_compress(context):
            return ir.Constant(ir.ArrayType(_I64, 2), None)
        place = _places(context, builder, signature, args)
        at, most = args[1:3]
        text = _load(builder, place(0, at, _BYTES))
        halves = [_load(builder, place(3, _I64(half), _BYTES)) for half in (0, 64)]
        plain = _avx512(builder, "vpermi2var.qi.512", halves[0], text, halves[1])
        begun = builder.basic_block
        with builder.if_then(builder.icmp_unsigned("!=", _bits(builder, "<", text, 0), _I64(0))):
            left, whole = _longer(builder, place, text, at, plain)
            ended = builder.basic_block
        chosen = _joined(builder, (plain, begun), (left, ended))
        read = _joined(builder, (_I64(64), begun), (whole, ended))
        read = builder.select(builder.icmp_unsigned("<", read, most), read, most)
        below = builder.sub(builder.shl(_I64(1), read), _I64(1))
        below = builder.select(builder.icmp_unsigned("<", read, _I64(64)), below, _I64(-1))
        kept = builder.and_(below, _bits(builder, "!=", chosen, 0))
        packed = _avx512(builder, "mask.compress.v64i8", chosen, _every(_BYTES, 0), _lanes(builder, kept))
        builder.store(packed, place(4, args[5], _BYTES)).align = 1
        return _pair(builder, [read, builder.ctpop(kept)])

    two = _tuple(types.uint64, 2)
    return two(source, types.uint64, types.uint64, rows, out, types.uint64), generate


def _longer(builder: Any, place: Callable[[int, Any, Any], Any], text: Any, at: Any, plain: Any) -> Any:
    """What each byte of a block that is not all ASCII leaves in its place, and how many can be read."""
    following = builder.shuffle_vector(text, text, ir.Constant(ir.VectorType(_I32, 64), [*range(1, 65)]))
    long = _bits(builder, ">=", text, 0xE0, signed=False)
    leads = builder.and_(_bits(builder, ">=", text, 0xC0, signed=False), builder.not_(long))
    left = _two_bytes(builder, place, text, following, at, leads, plain)
    marks = builder.and_(
        _bits(builder, "==", text, _PUNCTUATION[0]), _bits(builder, "==", following, _PUNCTUATION[1])
    )
    marks = builder.and_(marks, _I64((1 << 62) - 1))
    nothing = builder.or_(marks, builder.or_(*(builder.shl(marks, _I64(by)) for by in (1, 2))))
    left = builder.select(_lanes(builder, nothing), _every(_BYTES, 0), left)
    stops = builder.and_(long, builder.not_(marks))
    stops = builder.or_(stops, builder.lshr(_bits(builder, "==", left, 0xFF), _I64(1)))
    stops = builder.or_(stops, builder.and_(leads, _I64(1 << 63)))
    begun = builder.basic_block
    # a branch, so that the next block is begun on the guess that this one can be read to its end
    with builder.if_then(builder.icmp_unsigned("!=", stops, _I64(0)), likely=False):
        first = builder.cttz(stops, _BIT(1))
        ended = builder.basic_block
    return left, _joined(builder, (_I64(64), begun), (first, ended))


def _two_bytes(
    builder: Any,
    place: Callable[[int, Any, Any], Any],
    text: Any,
    following: Any,
    at: Any,
    leads: Any,
    plain: Any,
) -> Any:
    """`plain` with what characters of two bytes leave: once for each first byte among them, mostly one or two."""
    begun = builder.basic_block
    again, ended = builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_unsigned("!=", leads, _I64(0)), again, ended)
    builder.position_at_end(again)
    unread, left = builder.phi(_I64), builder.phi(_BYTES)
    lead = builder.load(place(0, builder.add(at, builder.cttz(unread, _BIT(1))), _I8))
    mine = builder.bitcast(builder.icmp_unsigned("==", text, _splat(builder, lead, 64)), _I64)
    row = builder.mul(builder.zext(builder.and_(lead, _I8(0x1F)), _I64), _I64(_ROW))
    both = ((_ROW, following, mine), (_ROW + 64, text, builder.shl(mine, _I64(1))))
    changed = left
    for begin, seconds, where in both:  # the first byte that is left, and the second or only one
        entries = _load(builder, place(3, builder.add(row, _I64(begin)), _BYTES))
        found = _avx512(builder, "permvar.qi.512", entries, seconds)
        changed = builder.select(_lanes(builder, where), found, changed)
    rest = builder.and_(unread, builder.not_(mine))
    for phi, first, later in ((unread, leads, rest), (left, plain, changed)):
        phi.add_incoming(first, begun)
        phi.add_incoming(later, again)
    builder.cbranch(builder.icmp_unsigned("!=", rest, _I64(0)), again, ended)
    builder.position_at_end(ended)
    return _joined(builder, (plain, begun), (changed, again))


def _bits(builder: Any, test: str, text: Any, byte: int, *, signed: bool = True) -> Any:
    """A bit for each byte that passes the test; below 0 if signed are all that are not ASCII."""
    compare = builder.icmp_signed if signed else builder.icmp_unsigned
    return builder.bitcast(compare(test, text, _every(_BYTES, byte)), _I64)


def _lanes(builder: Any, bits: Any) -> Any:
    return builder.bitcast(bits, _BITS)


def _joined(builder: Any, *ways: tuple[Any, Any]) -> Any:
    """The value of the block that was come from."""
    phi = builder.phi(ways[0][0].type)
    for value, block in ways:
        phi.add_incoming(value, block)
    return phi


def _avx512(builder: Any, name: str, *args: Any) -> Any:
    kind = ir.FunctionType(_BYTES, [arg.type for arg in args])
    return builder.call(_declared(builder.module, kind, f"llvm.x86.avx512.{name}"), args)
