"""The table of letters that browsers load is the one that the package has."""

from __future__ import annotations

import zlib
from pathlib import Path

import registry.web
from registry.web import text_table

FILE = Path(registry.web.__file__).parent / "static" / text_table.NAME


def test_the_table_for_browsers_is_made_of_ours() -> None:
    assert zlib.decompress(FILE.read_bytes()) == text_table.packed()


def test_it_is_small() -> None:
    assert FILE.stat().st_size < 12_000
