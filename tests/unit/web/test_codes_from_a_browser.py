"""What the page's script says of a picture is taken as far as it can be true, and its scripts stay small."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

import registry.web
from registry.core.errors import InvalidInput
from registry.core.fingerprints import fingerprint_image
from registry.web.device import read_codes
from tests.support.device import said
from tests.support.pictures import blank_png, png

STATIC = Path(registry.web.__file__).parent / "static"


def test_codes_and_facts_are_read() -> None:
    found = read_codes(said(png()))

    assert (found.media, found.media_type, found.size) == ("image", "image/png", len(png()))
    assert found.facts == {"width": 160, "height": 120}
    assert set(found.fingerprints) < set(fingerprint_image(png()).fingerprints)
    assert found.notes == ()


def test_why_codes_are_missing_is_noted_as_by_the_server() -> None:
    assert [note.code for note in read_codes(said(blank_png())).notes] == ["image.low-quality"]


GOOD = {"algorithm": "image.phash64.v1", "kind": "full", "code": "00" * 8}


@pytest.mark.parametrize(
    "changes",
    [
        {"codes": []},
        {"codes": [GOOD | {"code": "00"}]},
        {"codes": [GOOD | {"code": "no"}]},
        {"codes": [GOOD | {"kind": "whole"}]},
        {"codes": [GOOD | {"algorithm": "text.winnow32.v1", "kind": "whole"}]},
        {"codes": [GOOD | {"algorithm": "unknown.v1"}]},
        {"codes": [GOOD | {"algorithm": 7}]},
        {"codes": [GOOD] * 17},
        {"codes": "all"},
        {"media_type": "text/html"},
        {"media_type": ["image/png"]},
        {"size": 0},
        {"size": 2**60},
        {"size": True},
        {"width": -1},
        {"height": "120"},
    ],
    ids=str,
)
def test_what_our_script_does_not_send_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read_codes(said(png(), **changes))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"codes"', "[" * 100_000])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_codes(text)


def test_the_scripts_are_light() -> None:
    scripts = [*STATIC.glob("*.js"), *STATIC.glob("hash/*.*")]

    assert len(scripts) > 10
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < 120_000
