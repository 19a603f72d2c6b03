"""Codes in JSON become a column if nothing is wrong with any of them; else the bad one is named."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest

from registry.checking.api import parse_request
from registry.checking.columns import CodeColumn
from registry.core.errors import InvalidInput

CODES = [bytes([n]) * 32 for n in range(3)]


def parsed(**changes: Any) -> Any:
    body = {"algorithm": "digest.sha256.v1", "purpose": "tdm", "policy": "eu-art4"}
    return parse_request(orjson.dumps(body | changes), 0)[1]


def test_hexadecimal_and_base64_are_the_same_column() -> None:
    for form in (
        {"hashes": [code.hex() for code in CODES]},
        {"hashes": [code.hex().upper() for code in CODES]},
        {"hashes_base64": b64encode(b"".join(CODES)).decode()},
    ):
        column = parsed(**form)
        assert isinstance(column, CodeColumn)
        assert [code.tobytes() for code in column.codes] == CODES


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("zz" * 32, r"hashes\[1\] is not hexadecimal"),
        ("00" * 31, r"hashes\[1\]"),
        ("00" * 33, r"hashes\[1\]"),
        (" 0" * 32, r"hashes\[1\]"),
        ("00 " * 21 + "0", r"hashes\[1\]"),
        ("", r"hashes\[1\]"),
        ("é" * 64, r"hashes\[1\]"),
    ],
)
def test_the_bad_code_is_named(bad: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parsed(hashes=["00" * 32, bad, "11" * 32])


@pytest.mark.parametrize(
    "form",
    [
        {"hashes": ["00" * 32] * 10_001},
        {"hashes_base64": b64encode(bytes(32 * 10_001)).decode()},
        {"urls": ["https://a.example/"] * 10_001},
    ],
)
def test_too_many_are_refused(form: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="too many"):
        parsed(**form) if "urls" not in form else parse_request(
            orjson.dumps(form | {"purpose": "tdm", "policy": "eu-art4"}), 0
        )


@pytest.mark.parametrize("words", [-1, 1_000_001, 12.0, "12", True, None])
def test_words_that_are_no_number_are_refused(words: object) -> None:
    with pytest.raises(InvalidInput, match="min_words is a whole number"):
        parsed(hashes=["00" * 32], min_words=words)


def test_words_that_count_are_those_of_the_request_or_twelve() -> None:
    body = {"algorithm": "digest.sha256.v1", "purpose": "tdm", "policy": "eu-art4", "hashes": ["00" * 32]}
    assert parse_request(orjson.dumps(body), 0)[2] == 12
    assert parse_request(orjson.dumps(body | {"min_words": 0}), 0)[2] == 0
