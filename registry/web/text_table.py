"""The frozen data of the text algorithms as browsers load it: what the package has as arrays, in a few kilobytes.

    python -m registry.web.text_table      # writes static/hash/text_table.v1.bin anew

`static/hash/text_table.js` reads it and compares what comes out with the digests of `core/fingerprints/tables.py`. zlib
compresses: the 128 multipliers and the 128 increments, four bytes each, little-endian; then runs of neighbouring code
points, from 0 to the last. A run is how many there are, and what becomes of each: 0 nothing, 1 itself, 2 the letters of
this Korean syllable (The Unicode Standard, 3.12), 2 + n so many other code points. Each of these is its difference from
the one at its place that the code point before became, at the beginning of a run from 0. All numbers are LEB128; a
difference d is written as 2 d, or as -1 - 2 d if it is below 0.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from importlib.resources import as_file, files
from itertools import groupby
from typing import Final

from registry.core.fingerprints.tables import CODE_POINTS, text_tables

NAME: Final = "hash/text_table.v1.bin"
_NOTHING, _ITSELF, _SYLLABLE, _OTHERS = range(4)
_SYLLABLES: Final = range(0xAC00, 0xD7A4)


def packed() -> bytes:
    """The file, before it is compressed."""
    tables = text_tables()
    written = bytearray(tables.permutations.astype("<u4").tobytes())
    for kind, run in groupby(_characters(), key=lambda character: _kind(*character)):
        points = list(run)
        written += _number(len(points)) + _number(kind)
        before = [0] * (kind - _OTHERS + 1)
        for _, left in points if kind >= _OTHERS else ():
            now = [ord(character) for character in left]
            for old, new in zip(before, now, strict=True):
                written += _difference(new - old)
            before = now
    return bytes(written)


def _characters() -> Iterator[tuple[int, str]]:
    """Each code point, and what N1 leaves of it."""
    tables = text_tables()
    output = tables.output.tobytes()
    bounds = tables.offsets.tolist()
    return ((point, output[bounds[point] : bounds[point + 1]].decode()) for point in range(CODE_POINTS))


def _kind(point: int, left: str) -> int:
    if not left:
        return _NOTHING
    if left == chr(point):
        return _ITSELF
    return _SYLLABLE if point in _SYLLABLES else _OTHERS - 1 + len(left)


def _number(value: int) -> bytes:
    """LEB128: seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _difference(value: int) -> bytes:
    return _number(2 * value if value >= 0 else -1 - 2 * value)


def main() -> None:
    """Write the file."""
    with as_file(files("registry.web").joinpath("static", NAME)) as path:
        path.write_bytes(zlib.compress(packed(), 9))


if __name__ == "__main__":
    main()
