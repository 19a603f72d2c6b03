"""Reading what banks answer; strangers' XML is never trusted."""

from __future__ import annotations

import pytest

from registry.core.errors import InvalidInput
from registry.remuneration.bank_replies import Answer, read_reply
from registry.remuneration.payout_rules import State
from tests.support.bank import booked, booked_at_once, status

BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>'


def test_a_status_names_single_payments() -> None:
    """Accepted or pending is not through: it changes nothing."""
    file = status("PO-1", transactions=[("a", "RJCT"), ("b", "ACSC"), ("c", "ACSP"), ("d", "PDNG")])
    assert read_reply(file) == (
        "pain.002",
        [
            Answer("PO-1", "a", State.RETURNED, None, reason="AC04"),
            Answer("PO-1", "b", State.SETTLED, None, reason="AC04"),
        ],
    )


@pytest.mark.parametrize(
    ("group", "state"), [("RJCT", State.RETURNED), ("ACSC", State.SETTLED), ("ACCP", None), ("PART", None)]
)
def test_a_status_of_the_whole_file(group: str, state: State | None) -> None:
    found = read_reply(status("PO-1", group=group))[1]
    assert found == ([] if state is None else [Answer("PO-1", None, state, None)])


def test_bookings_are_read_to_the_cent() -> None:
    file = booked(("DBIT", "a", "12.30"), ("CRDT", "b", "0.01"), ("DBIT", "c", "5"), ("DBIT", "d", "5.100"))
    assert [(a.end_to_end_id, a.state, a.amount_minor) for a in read_reply(file)[1]] == [
        ("a", State.SETTLED, 1230),
        ("b", State.RETURNED, 1),
        ("c", State.SETTLED, 500),
        ("d", State.SETTLED, 510),
    ]
    assert read_reply(booked_at_once("PO-1", "133.46"))[1] == [
        Answer("PO-1", None, State.SETTLED, 13346, "EUR")
    ]


def test_what_is_not_booked_yet_changes_nothing() -> None:
    assert read_reply(booked(("DBIT", "a", "1.00"), status="PDNG"))[1] == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<Document/>",
        booked(("DBIT", "a", "1.00"))[:-5],
        BOMB + booked(("DBIT", "a", "1.00")),
        booked(("DBIT", "a", "1.001")),
        booked(("DBIT", "a", "-1.00")),
        booked(("DBIT", "a", "1e3")),
        booked(("DBIT", "a", "")),
        booked(("BOTH", "a", "1.00")),
        status("PO-1").replace(b"<OrgnlMsgId>PO-1</OrgnlMsgId>", b""),
        status("PO-1").replace(b"pain.002", b"pain.008"),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_reply(data)
