"""Tables that people open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from registry.core.errors import InvalidInput

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """Text that a spreadsheet takes for text: one that would begin a formula gets an apostrophe before it.

    OWASP, “CSV injection”; the full-width forms begin one in some programs too.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def write_table(
    columns: Sequence[str], rows: Iterable[Mapping[str, str | int]], *, delimiter: str = ","
) -> str:
    """A header and the rows (RFC 4180), by the names of their cells; those that are no column are left out.

    Whatever people wrote is `guarded` by whoever makes the cells.
    """
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, delimiter=delimiter, lineterminator="\r\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table that somebody sent."""

    number: int
    """In the file, from 1; where a cell has several lines, that of the last."""
    cells: Mapping[str, str]
    """By column, without outer blanks; what the line has not is empty."""
    whole: bool
    """Whether it has as many cells as there are columns."""


def read_table(
    data: bytes, needed: Sequence[str], optional: Sequence[str] = (), *, without_header: str = ""
) -> list[Line]:
    """The lines of a table in UTF-8, its cells between commas, semicolons or tabs, the first line naming the columns.

    Where the first line begins with `without_header`, it is a line like the others, with the needed columns in order.
    `InvalidInput` if this is no such table, lacks a column or has an unknown one.
    """
    try:
        text = data.decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        lines = [(rows.line_num, [cell.strip() for cell in row]) for row in rows if any(row)]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise InvalidInput(f"This cannot be read as a table in UTF-8: {problem}.") from problem
    if not lines:
        raise InvalidInput("The table is empty.")
    if without_header and lines[0][1][0].startswith(without_header):
        names: Sequence[str] = needed
    else:
        names = [cell.lower() for cell in lines.pop(0)[1]]
    _check_columns(names, needed, optional)
    return [
        Line(number, dict(zip(names, [*cells, *[""] * len(names)], strict=False)), len(cells) == len(names))
        for number, cells in lines
    ]


def _check_columns(names: Sequence[str], needed: Sequence[str], optional: Sequence[str]) -> None:
    missing = [name for name in needed if name not in names]
    unknown = [name for name in names if name not in {*needed, *optional}]
    if missing or unknown or len(set(names)) < len(names):
        wrong = (
            f"no column “{missing[0]}”"
            if missing
            else f"the unknown column “{unknown[0][:40]}”"
            if unknown
            else ""
        )
        raise InvalidInput(
            f"The table has {wrong or 'one column twice'}; known are {', '.join([*needed, *optional])}."
        )


def _delimiter(text: str) -> str:
    """Spreadsheets of some countries write semicolons, programs often tabs."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)
