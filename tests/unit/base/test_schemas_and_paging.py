"""Fields that every room's JSON is made of, the Authorization header, and lists in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.auth import bearer_key
from registry.base.clock import Sources
from registry.base.paging import paginate
from registry.base.schemas import PublicId, Strict, Time, line
from registry.core.errors import InvalidInput, Unauthenticated
from registry.parties.models import Party
from tests.factories import make_party


class Sample(Strict):
    """One field of each kind."""

    id = PublicId("work")
    at = Time()
    name = line(5)


@given(st.binary(min_size=16, max_size=16))
def test_ids_go_through_json(value: bytes) -> None:
    """As text and back."""
    dumped = Sample().dump({"id": value})
    assert Sample().load(dumped) == {"id": value}


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9))])
    )
)
def test_times_go_through_json(value: datetime) -> None:
    """Written in UTC with Z; the moment stays the same."""
    try:
        dumped = Sample().dump({"at": value})
    except OverflowError:  # a first or last day of the calendar that UTC does not reach
        return
    assert dumped["at"].endswith("Z")
    assert Sample().load(dumped)["at"] == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "work_"),
        ("id", "party_" + "0" * 26),
        ("id", 5),
        ("id", None),
        ("at", "2026-08-02T09:30:00"),
        ("at", "2026-08-02"),
        ("at", "0001-01-01T00:00:00+10:00"),
        ("at", 5),
        ("at", "now"),
        ("name", ""),
        ("name", "  "),
        ("name", "longer"),
        ("name", "a\nb"),
        ("name", "a\n"),
        ("other", 1),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: Any) -> None:
    """Under the field's name."""
    with pytest.raises(ValidationError) as refusal:
        Sample().load({field: value})
    assert list(refusal.value.messages_dict) == [field]


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc  ", "abc"),
    ],
)
def test_the_key_of_a_header(header: str | None, key: str | None) -> None:
    """The scheme in any case, as RFC 9110 section 11.1 has it."""
    assert bearer_key(header) == key


@given(st.text(min_size=1).filter(lambda t: t.strip() and not t.strip().lower().startswith("bearer ")))
def test_other_headers_are_refused(header: str) -> None:
    """A credential that cannot be read is never “none”."""
    with pytest.raises(Unauthenticated):
        bearer_key(header)


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_of_a_table(session: Session, sources: Sources, limit: int) -> None:
    """Each row once, in the order of registration, and no empty page at the end."""
    ids = [make_party(session, sources, name=str(i)).public_id for i in range(6)]
    seen: list[bytes] = []
    after = None
    while True:
        page = paginate(session, select(Party), Party, after, limit)
        assert 1 <= len(page.items) <= limit
        seen += [p.public_id for p in page.items]
        if page.next is None:
            break
        after = page.next
    assert seen == ids


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_has_a_size(session: Session, limit: int) -> None:
    """Within bounds."""
    with pytest.raises(InvalidInput):
        paginate(session, select(Party), Party, None, limit)
