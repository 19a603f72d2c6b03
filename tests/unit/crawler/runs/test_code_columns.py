"""Columns of codes are refused exactly where `check_code` refuses one of them."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from crawler.runs import code_columns
from crawler.runs.code_columns import Chosen, flat, hexadecimal, odd_codes
from registry.core.errors import InvalidInput
from registry.core.fingerprints import (
    ANCHORS256,
    DEEP256,
    MINHASH128,
    PHASH256,
    SHA256,
    WINNOW32,
    check_code,
    fingerprint_bytes,
)
from registry.core.fingerprints.algorithms import LEAN_HEADER
from registry.core.fingerprints.metering import Meter
from registry.core.fingerprints.winnow_records import unpacked
from tests.unit.crawler import lab

_MADE = {
    (f.algorithm, f.kind): f.code
    for data in (lab.encoded(lab.picture(5)), lab.prose(6).encode())
    for f in fingerprint_bytes(data).fingerprints
}


def _spoilt(code: bytes, rng: random.Random) -> bytes:
    """A code with one thing wrong, or nothing."""
    data = bytearray(code)
    match rng.randrange(6):
        case 0:
            del data[rng.randrange(len(data)) :]
        case 1:
            data += b"\0"
        case 2:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 3:
            at = rng.randrange(len(data) // 4) * 4
            data[at : at + 4] = b"\xff" * 4
        case 4:
            data += bytes(data)
    return bytes(data)


def _refused(algorithm: str, kind: str, code: bytes) -> bool:
    try:
        check_code(algorithm, kind, code)
    except InvalidInput:
        return True
    return False


def _between_others(codes: list[bytes]) -> Chosen:
    """These codes in a column that has others before, between and behind them, and does not begin with its data."""
    mixed = [b"out", *(part for code in codes for part in (b"not", code)), b"these"]
    column = pa.array(mixed, pa.binary())[1:]
    return Chosen(column, np.arange(1, 2 * len(codes), 2))


@pytest.fixture(params=["numpy", "compiled"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two unpacks the codes of texts."""
    monkeypatch.setattr(code_columns, "UNPACKED", Meter(2**62 if request.param == "numpy" else -1))
    return str(request.param)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "algorithm", [SHA256, PHASH256, ANCHORS256, DEEP256, MINHASH128, WINNOW32, "image.unheard-of.v1"]
)
def test_a_column_is_odd_where_a_code_is_refused(algorithm: str) -> None:
    rng = random.Random(algorithm)
    like = (
        ANCHORS256 if algorithm == DEEP256 else SHA256 if algorithm not in dict(_MADE.keys()) else algorithm
    )
    own = [(kind, code) for (name, kind), code in _MADE.items() if name == like]
    for _ in range(60):
        some = [rng.choice(own) for _ in range(rng.randrange(1, 5))]
        codes = [_spoilt(code, rng) if rng.random() < 0.3 else code for _, code in some]
        kinds = ["upside-down" if rng.random() < 0.05 else kind for kind, _ in some]
        refused = [_refused(algorithm, *pair) for pair in zip(kinds, codes, strict=True)]
        odd = odd_codes(algorithm, pa.array(kinds).dictionary_encode(), _between_others(codes))
        assert bool(odd.any()) == any(refused)
        assert not np.any(np.array(refused) & ~odd)


@pytest.mark.usefixtures("engine")
def test_the_codes_of_texts_are_unpacked_where_they_lie() -> None:
    made = [
        {f.algorithm: f.code for f in fingerprint_bytes(lab.prose(n).encode()).fingerprints} for n in range(4)
    ]
    passages = _between_others([codes[WINNOW32] for codes in made])
    records = [unpacked(codes[WINNOW32]) for codes in made]
    assert passages.passages.values.tolist() == [v for record in records for v in record.values.tolist()]
    signatures = _between_others([codes[MINHASH128] for codes in made])
    values = [np.frombuffer(codes[MINHASH128][LEAN_HEADER.size :], "<u4").tolist() for codes in made]
    assert signatures.signatures.values.tolist() == values
    assert not passages.passages.odd.any()
    assert not signatures.signatures.odd.any()


def test_codes_are_written_as_python_writes_them() -> None:
    codes = [b"", b"\x00\xff", bytes(range(256))]
    assert hexadecimal(flat(pa.array([b"before", *codes], pa.binary())[1:])).to_pylist() == [
        c.hex() for c in codes
    ]
