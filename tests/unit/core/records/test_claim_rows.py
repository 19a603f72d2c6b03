"""Claim rows: one spelling, one order, one root; a mistake is told with its row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.ids import format_id
from registry.core.records.claims import ClaimRow, How, format_rows, parse_rows, row_hashes, rows_root
from registry.core.tlog import merkle

WORK = [format_id("work", bytes([n]) * 16) for n in range(4)]
LICENCE = format_id("agreement", bytes(16)) + "@3"
OFFER = format_id("offer", bytes(16)) + "@1"
ROWS = [
    ClaimRow(WORK[0], LICENCE, How.EXACT, 120),
    ClaimRow(WORK[0], LICENCE, How.NEAR, 4),
    ClaimRow(WORK[1], OFFER, How.DECLARED, 1),
]
BATCH = f"{WORK[0]}\t120\t{LICENCE}\t1\n{WORK[0]}\t4\t{LICENCE}\t2\n{WORK[1]}\t1\t{OFFER}\t3\n".encode()


def test_a_batch_is_written_and_read() -> None:
    assert format_rows(ROWS) == BATCH
    assert parse_rows(BATCH) == ROWS
    assert parse_rows(b"") == []
    assert format_rows([]) == b""


def test_order_of_reporting_does_not_matter_and_equal_uses_are_added() -> None:
    half = ClaimRow(WORK[0], LICENCE, How.EXACT, 60)
    assert format_rows([ROWS[2], half, ROWS[1], half]) == BATCH


def test_the_root_is_the_tree_over_the_lines() -> None:
    assert rows_root(b"") == merkle.empty_root()
    assert rows_root(BATCH) == merkle.root_of_leaves(line.encode() for line in BATCH.decode().splitlines())
    proof = merkle.inclusion_proof(1, row_hashes(BATCH))
    merkle.verify_inclusion(1, 3, merkle.leaf_hash(ROWS[1].line().encode()), proof, rows_root(BATCH))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("", "four columns"),
        (f"{WORK[3]}\t1\t{LICENCE}", "four columns"),
        (f"{WORK[3]}\t1\t{LICENCE}\t1\t", "four columns"),
        (f"{WORK[3]} 1 {LICENCE} 1", "four columns"),
        (f"{WORK[3]}\t0\t{LICENCE}\t1", "units"),
        (f"{WORK[3]}\t-1\t{LICENCE}\t1", "units"),
        (f"{WORK[3]}\t01\t{LICENCE}\t1", "units"),
        (f"{WORK[3]}\t1.5\t{LICENCE}\t1", "units"),
        (f"{WORK[3]}\t9999999999999999\t{LICENCE}\t1", "units"),
        (f"{WORK[3]}\t1\t{LICENCE}\t4", "exact"),
        (f"{WORK[3]}\t1\t{LICENCE}\t1\r", "exact"),
        (f"{WORK[3].upper()}\t1\t{LICENCE}\t1", "the id of a work"),
        (f"work_{WORK[3][5:].upper()}\t1\t{LICENCE}\t1", "lower-case"),
        (f"{LICENCE.split('@')[0]}\t1\t{LICENCE}\t1", "the id of a work"),
        (f"{WORK[3]}\t1\t{LICENCE[:-2]}\t1", "licence"),
        (f"{WORK[3]}\t1\t{LICENCE[:-1]}0\t1", "licence"),
        (f"{WORK[3]}\t1\t{LICENCE[:-1]}03\t1", "licence"),
        (f"{WORK[3]}\t1\t{WORK[3]}@3\t1", "licence"),
        (f"{WORK[3]}\t1\tagreement_x@3\t1", "licence"),
        (f"{WORK[0]}\t1\t{LICENCE}\t1", "not after"),
        (f"{WORK[1]}\t7\t{OFFER}\t3", "not after"),
    ],
)
def test_a_wrong_row_is_named_by_its_number(row: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"Row 4.*{message}") as refused:
        parse_rows(BATCH + row.encode() + b"\n")
    assert refused.value.details["row"] == 4


@pytest.mark.parametrize("data", [BATCH[:-1], BATCH.replace(b"work_0", "wörk_0".encode()), b"\xff\n"])
def test_a_batch_that_is_cut_off_or_no_ascii_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_rows(data)


@given(
    st.lists(
        st.builds(
            ClaimRow,
            work=st.sampled_from(WORK),
            licence=st.sampled_from([LICENCE, OFFER]),
            how=st.sampled_from(How),
            units=st.integers(1, 10**6),
        )
    )
)
def test_formatting_is_stable_and_loses_no_unit(rows: list[ClaimRow]) -> None:
    data = format_rows(rows)
    read = parse_rows(data)
    assert format_rows(read) == format_rows(reversed(rows)) == data
    assert sum(row.units for row in read) == sum(row.units for row in rows)
    assert len(row_hashes(data)) == len(read)
