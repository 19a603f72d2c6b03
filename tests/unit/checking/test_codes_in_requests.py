"""Codes in a request: of every algorithm that may be asked about, and what is wrong with others is said."""

from __future__ import annotations

import pytest

from registry.checking.service import check_codes
from registry.core.errors import InvalidInput

ANCHOR = bytes(32) + (1 << 9).to_bytes(8, "big")


@pytest.mark.parametrize(
    ("algorithm", "code", "kind"),
    [
        ("digest.sha256.v1", bytes(32), "whole"),
        ("image.phash256.v1", bytes(32), "full"),
        ("image.anchors256.v1", ANCHOR, "full"),
        ("image.deep256.v1", 2 * ANCHOR, "whole"),
    ],
)
def test_a_code_is_taken_as_the_first_kind_of_its_algorithm(algorithm: str, code: bytes, kind: str) -> None:
    ((fingerprint,),) = check_codes(algorithm, [code])
    assert (fingerprint.algorithm, fingerprint.kind, fingerprint.code) == (algorithm, kind, code)


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [("image.deep256.v1", ANCHOR[:-1]), ("image.deep256.v1", 17 * ANCHOR), ("image.ahash.v1", bytes(8))],
)
def test_the_first_bad_code_is_named(algorithm: str, code: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"hashes\[0\]"):
        check_codes(algorithm, [code])
