"""Codes out of Arrow streams: every row of what is well formed, and a plain refusal of everything else."""

from __future__ import annotations

import random
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from registry.checking import arrow_reading
from registry.checking.arrow_reading import read_codes
from registry.core.errors import InvalidInput
from tests.support.arrow_streams import column, stream

CODES = [sha256(b"%d" % n).digest() for n in range(100)]
END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def read(body: bytes, width: int = 32) -> list[bytes]:
    return [code.tobytes() for code in read_codes(body, width)]


def test_every_row_of_every_batch_is_read_in_order() -> None:
    batches = [column(CODES[:1]), column(CODES[1:1]), column(CODES[1:98]), column(CODES)[98:]]
    assert read(stream(*batches)) == CODES


def test_other_widths_are_read_too() -> None:
    assert read(stream(column([code[:16] for code in CODES], 16)), 16) == [code[:16] for code in CODES]


def test_a_stream_that_is_cut_anywhere_is_refused() -> None:
    body = stream(column(CODES[:3]), column(CODES[3:5]))
    for end in range(len(body)):
        with pytest.raises(InvalidInput):
            read(body[:end])


GOOD = stream(column(CODES))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cut off"),
        (b'{"hashes": []}', "no Arrow IPC stream"),
        (END, "does not begin with a schema"),
        (GOOD + b"x", "behind its end"),
        (GOOD + END, "behind its end"),
        (GOOD + GOOD, "behind its end"),
        (stream(column(CODES), compression="zstd"), "compressed"),
        (stream(column(CODES), compression="lz4"), "compressed"),
        (stream(column(CODES), name="hashes"), "one column, hash; this one has hashes"),
        (stream(column([CODES[0], None])), "rows without a code"),
        (stream(column([code[:31] for code in CODES], 31)), r"fixed_size_binary\[32\]"),
        (stream(pa.array(CODES, pa.binary())), r"fixed_size_binary\[32\]"),
        (stream(pa.array(["a", "b"])), r"fixed_size_binary\[32\]"),
        (stream(pa.array(CODES, pa.binary(32)).dictionary_encode()), r"fixed_size_binary\[32\]"),
        (stream(pa.array([[1, 2], [3]])), r"fixed_size_binary\[32\]"),
        (stream(column([])), "nothing to check"),
    ],
)
def test_what_is_refused_says_why(body: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(body)


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_reading, "MAX_ROWS", 100)
    assert len(read(GOOD)) == 100
    with pytest.raises(InvalidInput, match="more than 100 rows"):
        read(stream(column(CODES), column(CODES[:1])))


def test_a_damaged_stream_is_read_or_refused_and_nothing_else() -> None:
    """Whatever bytes are changed: whole codes or `InvalidInput`. Arrow's own reader ends the process on some."""
    dice, body = random.Random(20261122), stream(column(CODES[:20]), column(CODES[20:24]))
    refused = 0
    for _ in range(4_000):
        damaged = bytearray(body)
        for _ in range(dice.choice([1, 2, 8])):
            damaged[dice.randrange(len(damaged))] = dice.choice([0, 1, 8, 127, 128, 255, dice.randrange(256)])
        try:
            assert read_codes(bytes(damaged), 32).dtype == np.uint8
        except InvalidInput:
            refused += 1
    assert 0 < refused < 4_000
