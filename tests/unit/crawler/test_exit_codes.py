from __future__ import annotations

import pytest

from crawler.exits import Exit, ItemsFailed, exit_for
from registry.core import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput, 1),
        (errors.Undecodable, 1),
        (errors.Unauthenticated, 1),
        (errors.NotFound, 1),
        (errors.StaleSnapshot, 3),
        (errors.TrustRefused, 4),
        (errors.Corrupt, 4),
        (ItemsFailed, 5),
        (errors.OutputExists, 6),
        (errors.NetworkFailed, 7),
        (errors.NotReady, 7),
        (errors.VerificationFailed, 8),
    ],
)
def test_each_exception_ends_with_its_code(error: type[errors.VorbehaltError], code: int) -> None:
    assert exit_for(error("…")) == code


def test_the_codes_never_change_their_number() -> None:
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "USAGE": 1,
        "MATCHES": 2,
        "STALE": 3,
        "REFUSED": 4,
        "ITEMS": 5,
        "EXISTS": 6,
        "NETWORK": 7,
        "UNVERIFIED": 8,
        "DENIED": 9,
    }
