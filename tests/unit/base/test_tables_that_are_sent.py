"""Tables that people send: whatever their program writes is read, and what is no table is refused."""

from __future__ import annotations

import pytest

from registry.base.spreadsheets import read_table
from registry.core.errors import InvalidInput


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_table_of_any_program_is_read(separator: str, mark: bytes) -> None:
    text = "Work,units\r\n work_a , 3 \r\n\r\nwork_b,4\r\n".replace(",", separator)
    lines = read_table(mark + text.encode(), ("work", "units"), ("how",))
    assert [(line.number, dict(line.cells)) for line in lines] == [
        (2, {"work": "work_a", "units": "3"}),
        (4, {"work": "work_b", "units": "4"}),
    ]


def test_a_line_that_is_too_short_or_too_long_is_told() -> None:
    lines = read_table(b"work,units\nwork_a\nwork_b,1\nwork_c,1,2\n", ("work", "units"))
    assert [line.whole for line in lines] == [False, True, False]
    assert lines[0].cells == {"work": "work_a", "units": ""}


def test_a_cell_may_have_several_lines() -> None:
    (line,) = read_table(b'work,units\n"a\nb",1\n', ("work", "units"))
    assert (line.number, line.cells["work"]) == (3, "a\nb")


def test_lines_of_our_own_programs_need_no_header() -> None:
    data = b"work_a\t3\nwork_b\t4\n"
    assert len(read_table(data, ("work", "units"), without_header="work_")) == 2
    with pytest.raises(InvalidInput, match="no column “work”"):
        read_table(data, ("work", "units"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xff\xfework", "UTF-8"),
        (b'work,units\n"a', "cannot be read"),
        (b"work\n", "no column “units”"),
        (b"work,units,colour\n", "the unknown column “colour”"),
        (b"work,units,units\n", "one column twice"),
        (b"PK\x03\x04", "no column"),
    ],
)
def test_what_is_no_such_table_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_table(data, ("work", "units"))
