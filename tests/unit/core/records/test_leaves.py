"""Log entries: the published bytes, strict reading, and commitments that reveal nothing by themselves."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from registry.core.errors import InvalidInput
from registry.core.records.canonical import canonical
from registry.core.records.leaves import (
    TYPES,
    AnyLeaf,
    DeclarationLeaf,
    KeyLeaf,
    LicenceLeaf,
    OptOutLeaf,
    PayoutLeaf,
    SettlementLeaf,
    TariffLeaf,
    TitleLeaf,
    UseLeaf,
    commitment,
    parse_leaf,
)
from registry.core.tlog.merkle import leaf_hash

SALT = bytes(range(32))
VALUE = {"work": "W-0001", "party": "P-0001"}
WHO = "84c62ce91c34f1ed335f5ff739548ed1045ec804bff6d8f7933b00ddd10e9335"
USE = UseLeaf(
    dataset="sha256:" + "11" * 32,
    lab="lab.example",
    licence="L-0001@3",
    model="m-1",
    rows=2,
    root="22" * 32,
    at=1_800_000_000,
    who=WHO,
)
PUBLISHED = (
    '{"ds":"sha256:' + "11" * 32 + '","lab":"lab.example","lic":"L-0001@3","model":"m-1","n":2,"root":"' + "22" * 32
    + f'","t":"use","ts":1800000000,"v":1,"who":"{WHO}"}}'
).encode()  # fmt: skip
LEAVES: list[AnyLeaf] = [
    USE,
    replace(USE, licence=None),
    OptOutLeaf(sequence=7, works=3, root="ab" * 32, change_seq=12, at=1_800_000_000),
    LicenceLeaf(act="agree", licence="agreement_x@3", terms="ab" * 32, at=5, who=WHO),
    TariffLeaf(tariff="tariff_x", version=3, terms="ab" * 32, at=5),
    SettlementLeaf(
        settlement="settlement_x",
        period="2026-Q4",
        from_index=0,
        to_index=9,
        inputs="cd" * 32,
        lines=2,
        root="ab" * 32,
        at=5,
    ),
    PayoutLeaf(payout="run_x", file="ab" * 32, payments=2, at=5),
    DeclarationLeaf(
        licence="agreement_x@3", period="2026-Q4", figure="net_income", value="ab" * 32, number=1, at=5
    ),
    TitleLeaf(act="uphold", case="ab" * 32, at=5),
    KeyLeaf(act="begin", role="publisher", key="ab" * 32, at=5),
]


def test_the_published_entry_and_its_hash() -> None:
    assert len(PUBLISHED) == 316
    assert leaf_hash(PUBLISHED).hex() == "d94eb99993f3adc78f7667080856b6a80bf7d79e4dfb84faebc390f38119fa98"
    assert USE.body() == PUBLISHED
    assert parse_leaf(PUBLISHED) == USE


def test_commitments_follow_the_published_scheme_under_our_tag() -> None:
    value = canonical(VALUE)
    assert value == b'{"party":"P-0001","work":"W-0001"}'
    assert sha256(b"tdr-commit-v1\n" + SALT + value).hexdigest() == WHO  # the published vector, older tag
    assert commitment(SALT, VALUE) == sha256(b"vorbehalt-commit-v1\n" + SALT + value).hexdigest()
    assert commitment(SALT[::-1], VALUE) != commitment(SALT, VALUE)
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(b"short", VALUE)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.TYPE)
def test_every_type_is_read_back(leaf: AnyLeaf) -> None:
    assert parse_leaf(leaf.body()) == leaf
    assert f'"t":"{leaf.TYPE}"'.encode() in leaf.body()


def test_there_is_an_example_of_every_type() -> None:
    assert {leaf.TYPE for leaf in LEAVES} == set(TYPES)


def test_a_licence_that_is_not_given_is_left_out() -> None:
    assert b"lic" not in replace(USE, licence=None).body()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b'"t":"use"', b'"t":"misuse"'),
        (b'"t":"use"', b'"t":1'),
        (b'"n":2', b'"n":-2'),
        (b'"n":2', b'"n":true'),
        (b'"n":2', b'"n":2.0'),
        (b'"n":2', b'"n":"2"'),
        (b'"n":2,', b""),
        (b'"n":2,', b'"n":2,"nn":3,'),
        (b'"n":2,', b'"n":2,"n":2,'),
        (b'"n":2', b'"n": 2'),
        (b'"model":"m-1"', b'"model":null'),
        (b'"model":"m-1"', b'"model":"m 1"'),
        (b'"lic":"L-0001@3"', b'"lic":null'),
        (b"sha256:", b"sha512:"),
        (b'"root":"22', b'"root":"2G'),
        (b'"root":"22', b'"root":"'),
    ],
)
def test_what_was_not_written_by_us_is_refused(old: bytes, new: bytes) -> None:
    assert old in PUBLISHED
    with pytest.raises(InvalidInput):
        parse_leaf(PUBLISHED.replace(old, new))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'"use"', b"x" * 65_536])
def test_what_is_no_entry_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_leaf(body)


def test_our_own_mistakes_are_refused_when_the_entry_is_made() -> None:
    with pytest.raises(InvalidInput, match="root"):
        replace(USE, root="AB" * 32)
    with pytest.raises(InvalidInput, match="act"):
        LicenceLeaf(act="maybe", licence="x", terms="ab" * 32, at=5, who=WHO)
