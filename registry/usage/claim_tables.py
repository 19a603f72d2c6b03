"""The rows of a claim as a table: what `vorbehalt claim --dry-run` prints, or what a spreadsheet writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from registry.base.spreadsheets import Line, read_table

COLUMNS: Final = ("work", "units", "licence", "how")


def read_claim_table(data: bytes) -> Sequence[Line]:
    """Its lines; a header may be missing where the first line begins with a work. `InvalidInput` if it is no table."""
    return read_table(data, COLUMNS, without_header="work_")


def as_row(line: Line) -> dict[str, Any]:
    """As a claim has it; what cannot be is left as it stands, and refused with its row."""
    if not line.whole:
        return {}
    return {name: _number(text) if name in {"units", "how"} else text for name, text in line.cells.items()}


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 17 else text
