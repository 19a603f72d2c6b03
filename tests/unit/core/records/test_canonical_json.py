"""Canonical JSON: one spelling for each value, and a refusal for what two machines may spell differently."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical, parse, parse_canonical

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_keys_are_sorted_as_utf_16_and_nothing_is_added() -> None:
    """The example of RFC 8785 section 3.2.3: a character outside the BMP sorts by its surrogates."""
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert list(parse(canonical(value), "it")) == [
        "\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip
    assert canonical({"b": [True, None, "é\n"], "a": -1}) == '{"a":-1,"b":[true,null,"é\\n"]}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        {"a": [2.5]},
        2**53,
        -(2**53),
        {1: 2},
        b"bytes",
        {"a": {1, 2}},
        object(),
        "\ud800",
    ],
)
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        canonical(value)


def test_the_place_of_the_trouble_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"\$\.runs\[1\]\.seconds is the fraction 1\.5"):
        canonical({"runs": [{}, {"seconds": 1.5}]})


def test_nesting_has_a_limit() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InvalidInput, match="deep"):
        canonical(deep)
    with pytest.raises(InvalidInput):
        parse("[" * 100_000, "it")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b"NaN",
        b"[Infinity]",
        b"9007199254740992",
        b"\xff",
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1} x',
        b"1" * 5_000,
    ],
)
def test_reading_is_as_strict_as_writing(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="it"):
        parse(data, "it")


@pytest.mark.parametrize(
    "data", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1}\n', b'{"a":"\\u0061"}', b'{"a":-0}']
)
def test_another_spelling_is_not_the_hashed_thing(data: bytes) -> None:
    parse(data, "it")
    with pytest.raises(InvalidInput, match="canonical"):
        parse_canonical(data, "it")


@given(VALUES)
@example("".join(map(chr, range(0x300))))
@example({"\U0001f600": "\u2028/\x7f", "\ufb33": ['\\"']})
def test_what_was_written_is_read_back(value: Any) -> None:
    try:
        data = canonical(value)
    except InvalidInput:
        return  # text with lone surrogates
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data, "it") == value
    assert canonical(parse(data, "it")) == data
