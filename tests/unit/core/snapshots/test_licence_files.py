"""A licensee's file: read only as it was written, and handed only to its licensee."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.core.errors import Corrupt
from registry.core.ids import format_id
from registry.core.snapshots import PersonalLicences, licence_target, may_fetch
from tests.support.snapshots import LAB, make_licences

DIGEST = "ab" * 32
OTHER = format_id("party", bytes(16))


def test_round_trip() -> None:
    licences = make_licences()
    assert PersonalLicences.parse(licences.to_bytes()) == licences
    assert licences.target == licence_target(LAB)
    assert LAB not in licences.target


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b.replace(b"licences.v1", b"licences.v2"),
        lambda b: b.replace(b'"work_', b'"party_'),
        lambda b: b.replace(b'"sequence":1', b'"sequence":1,"more":2'),
        lambda b: b.replace(b'"purpose":"train_ai"', b'"purpose":"everything"'),
        lambda b: b[:-1],
        lambda b: b"{}",
        lambda b: b"null",
    ],
)
def test_what_we_would_not_write_is_not_read(damage: Callable[[bytes], bytes]) -> None:
    data = make_licences().to_bytes()
    assert damage(data) != data
    with pytest.raises(Corrupt):
        PersonalLicences.parse(damage(data))


@pytest.mark.parametrize(
    ("name", "licensee", "allowed"),
    [
        (f"lists/{DIGEST}.works.arrow", None, True),
        (f"licences/{DIGEST}.{licence_target(LAB).removeprefix('licences/')}", LAB, True),
        (f"licences/{DIGEST}.{licence_target(LAB).removeprefix('licences/')}", OTHER, False),
        (f"licences/{DIGEST}.{licence_target(LAB).removeprefix('licences/')}", None, False),
        (licence_target(LAB), LAB, False),
        ("licences/", LAB, False),
        (f"licences/x/../{DIGEST}.{DIGEST}.json", LAB, False),
    ],
)
def test_who_may_fetch_what(name: str, licensee: str | None, allowed: bool) -> None:
    assert may_fetch(name, licensee) is allowed
