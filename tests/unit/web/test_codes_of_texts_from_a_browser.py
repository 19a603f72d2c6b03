"""What the page's script says of a text is taken as far as it can be true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from registry.core.errors import InvalidInput
from registry.core.fingerprints import MD5, MINHASH128, SHA256, fingerprint_bytes
from registry.core.fingerprints.minhash import to_lean
from registry.core.fingerprints.winnow_records import Fingerprints, packed
from registry.web.device import read_codes
from tests.support.device import said_of_text
from tests.support.pictures import TEXT


def test_a_text_is_read_as_the_server_reads_it() -> None:
    given, passages = said_of_text(TEXT.encode())
    found, here = read_codes(given, passages), fingerprint_bytes(TEXT.encode())

    assert (found.media, found.media_type, found.size) == (here.media, here.media_type, here.size)
    assert found.facts == here.facts
    assert set(found.fingerprints) == {f for f in here.fingerprints if f.algorithm != MD5}


def records(*positions: int) -> bytes:
    """Fingerprints at these positions."""
    return packed(
        Fingerprints(np.array(positions, np.uint32), np.arange(1, len(positions) + 1, dtype=np.uint64))
    )


DIGEST = {"algorithm": SHA256, "kind": "whole", "code": "00" * 32}
SIGNATURE = {"algorithm": MINHASH128, "kind": "whole", "code": to_lean(np.arange(128, dtype=np.uint32)).hex()}


@pytest.mark.parametrize(
    "changes",
    [
        {"codes": []},
        {"codes": [DIGEST]},
        {"codes": [SIGNATURE]},
        {"codes": [DIGEST, DIGEST, SIGNATURE]},
        {"codes": [DIGEST, SIGNATURE | {"kind": "full"}]},
        {"codes": [DIGEST, SIGNATURE | {"code": SIGNATURE["code"][:-2]}]},
        {"codes": [DIGEST, SIGNATURE | {"code": SIGNATURE["code"][:-8] + "ffffffff"}]},
        {"codes": [DIGEST, SIGNATURE, {"algorithm": "digest.md5.v1", "kind": "whole", "code": "00" * 16}]},
        {"media_type": "image/png", "width": 3, "height": 3},
        {"media_type": "text/html"},
        {"size": 0},
        {"size": 32 * 2**20 + 1},
        {"size": len(TEXT) - 1},
        {"characters": 0},
        {"characters": len(TEXT) + 1},
        {"characters": 3.5},
        {"normalised_bytes": 62},
        {"normalised_bytes": 30 * len(TEXT) + 1},
        {"normalised_bytes": None},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_what_no_script_says_of_a_text_is_refused(changes: dict[str, Any]) -> None:
    given, passages = said_of_text(TEXT.encode(), **changes)
    with pytest.raises(InvalidInput):
        read_codes(given, passages)


@pytest.mark.parametrize(
    ("length", "positions"),
    [
        (100, []),
        (100, [32, 40, 68]),
        (100, [0, 33, 68]),
        (100, [5, 5, 30, 60]),
        (100, [30, 5, 60]),
        (100, [10, 36]),
        (100, [10, 36, 68, 69]),
    ],
    ids=["none", "late", "gap", "twice", "backwards", "no end", "beyond the end"],
)
def test_fingerprints_that_no_text_of_this_length_has_are_refused(length: int, positions: list[int]) -> None:
    given, _passages = said_of_text(TEXT.encode(), normalised_bytes=length)
    with pytest.raises(InvalidInput):
        read_codes(given, records(*positions))


@pytest.mark.parametrize("positions", [[31, 37], [0, 31, 63, 68], [10, 37]], ids=str)
def test_the_furthest_that_fingerprints_may_lie_apart(positions: list[int]) -> None:
    given, _passages = said_of_text(TEXT.encode(), normalised_bytes=100)
    assert read_codes(given, records(*positions)).facts["normalised_bytes"] == 100


def test_fingerprints_for_excerpts_are_whole_records_and_belong_to_texts() -> None:
    given, passages = said_of_text(TEXT.encode())
    for refused in (None, b"", passages[:-1], passages + b"\0"):
        with pytest.raises(InvalidInput):
            read_codes(given, refused)
    with pytest.raises(InvalidInput):
        read_codes(given.replace("text/plain", "image/png"), passages)
