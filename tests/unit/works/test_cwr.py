"""CWR 2.1 and 2.2: read to the column, refused whole with every record that is wrong, checked by an outside reader."""

from __future__ import annotations

import io
import re
from importlib.resources import files

import pytest
from music_metadata.edi.file import EdiFile
from stdnum import isrc as stdnum_isrc

from registry.core.errors import InvalidInput
from registry.works.cwr import CwrWork, Interest, check_ipi, read_cwr
from tests.support.cwr import ANNA_IPI, BERT_IPI, ISWC, OTHER_ISWC, PUBLISHER_IPI, Holder, Song, write

ISRC = "DEA122600001"
SONGS = (
    Song(
        (
            Holder(PUBLISHER_IPI, 2500, 10000, "A PUBLISHER", publisher=True),
            Holder(ANNA_IPI, 5000, 0),
            Holder(BERT_IPI, 2500, 0, "OTHER"),
        ),
        isrc=ISRC,
    ),
    Song((Holder("", 10000, 10000, "UNKNOWN"),), "ANOTHER", "W0002", OTHER_ISWC),
)


def judged(text: str) -> tuple[bool, list[str]]:
    """(valid, first lines of the transactions) as music-metadata-edi reads the file."""
    reader = EdiFile(io.BytesIO(text.encode("latin-1")))
    lines = [
        record.line
        for group in reader.get_groups()
        for transaction in group.get_transactions()
        for record in transaction.records[:1]
    ]
    return reader.valid, lines


@pytest.mark.parametrize("version", ["02.10", "02.20"])
@pytest.mark.parametrize("kind", ["NWR", "REV"])
def test_what_the_outside_reader_accepts_is_read_to_the_column(version: str, kind: str) -> None:
    """Titles, numbers, identifiers, names, shares; the other reader finds the same works."""
    text = write(*SONGS, version=version, kind=kind)
    first, second = read_cwr(text)
    assert first == CwrWork(
        line=3,
        record=kind,
        title="A SONG",
        number="W0001",
        iswc=ISWC,
        isrcs=(ISRC,),
        interests=(
            Interest("A PUBLISHER", "E", PUBLISHER_IPI, 2500, 10000),
            Interest("ANNA BEISPIEL", "CA", ANNA_IPI, 5000, 0),
            Interest("ANNA OTHER", "CA", BERT_IPI, 2500, 0),
        ),
    )
    assert (second.iswc, second.interests[0].ipi) == (OTHER_ISWC, None)
    valid, lines = judged(text)
    assert valid
    assert [line[19:79].strip() for line in lines] == [first.title, second.title]
    assert stdnum_isrc.is_valid(first.isrcs[0])


def test_counts_that_the_outside_reader_refuses_are_refused() -> None:
    """A transaction or record too few in GRT or TRL, a number out of order: both say so."""
    text = write(*SONGS)
    for wrong in (
        re.sub(r"GRT0000100000002", "GRT0000100000003", text),
        re.sub(r"(GRT00001\d{8})\d{8}", r"\g<1>00000099", text),
        re.sub(r"(TRL00001\d{8})\d{8}", r"\g<1>00000099", text),
        re.sub(r"TRL00001", "TRL00002", text),
    ):
        assert wrong != text
        assert not judged(wrong)[0]
        with pytest.raises(InvalidInput, match="was counted"):
            read_cwr(wrong)


def test_a_file_of_others_with_known_faults_is_refused() -> None:
    """The one that music-metadata-edi ships: it has records out of order, which it finds as well."""
    data = files("music_metadata.edi").joinpath("tests/CW190001MPC_000.V21").read_bytes()
    assert not judged(data.decode("latin-1"))[0]
    with pytest.raises(InvalidInput) as refused:
        read_cwr(data.decode("latin-1"))
    assert {
        "line": 5,
        "record": "SPT",
        "message": "the record's number is “00000022”, but 2 was counted",
    } in (refused.value.details["errors"])


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        ((ISWC, "T0345246802"), 3, "no ISWC"),
        ((ANNA_IPI, "00014107339"), 5, "no IPI name number"),
        ((ISRC, "DEA12260000X"), 9, "no ISRC"),
        (("05000   00000", "06000   00000"), 3, "performing shares sum to 110.00 %"),
        (("05000   00000", "0500    00000"), 5, "no share"),
        (("W0002", "W0001"), 10, "was in line 3 already"),
        ((OTHER_ISWC, ISWC), 10, "was in line 3 already"),
        (("A SONG ", " " * 7), 3, "title is missing"),
        (("W0001", "     "), 3, "sender's number"),
        (("SWT", "XYZ"), 6, "no such record"),
        (("02.10", "03.00"), 2, "no version"),
        (("GRHNWR", "GRHAGR"), 2, "NWR or REV"),
        (("GRHNWR", "GRHREV"), 3, "the group is of REV"),
    ],
)
def test_a_wrong_record_is_named(change: tuple[str, str], line: int, said: str) -> None:
    """By its line; with all others that are wrong."""
    text = write(*SONGS)
    wrong = text.replace(*change)
    assert wrong != text
    with pytest.raises(InvalidInput, match="Nothing was imported") as refused:
        read_cwr(wrong)
    errors = [(e["line"], e["message"]) for e in refused.value.details["errors"]]
    assert any(number == line and said in message for number, message in errors), errors


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HDR",
        "x" * 100,
        write(*SONGS).rpartition("TRL")[0],
        re.sub(r"GRT.*\r\n", "", write(*SONGS)),
        write(*SONGS) * 2,
        re.sub(r"GRH.*\r\n", "", write(*SONGS)),
        write(*SONGS)[: len(write(*SONGS)) // 2],
    ],
)
def test_what_is_no_whole_file_is_refused(text: str) -> None:
    """Cut off, doubled, or something else."""
    with pytest.raises(InvalidInput):
        read_cwr(text)


def test_shares_may_miss_the_whole_by_rounding_only() -> None:
    """33.33 % three times is 99.99 %; 99.93 % is an error; a right without any share is left out."""
    thirds = tuple(Holder(ipi, 3333, 0, f"N{n}") for n, ipi in enumerate((ANNA_IPI, BERT_IPI, PUBLISHER_IPI)))
    (work,) = read_cwr(write(Song(thirds)))
    assert [i.performing for i in work.interests] == [3333] * 3
    off = (Holder(ANNA_IPI, 3327, 0, "N"), *thirds[1:])
    with pytest.raises(InvalidInput, match=r"99\.93"):
        read_cwr(write(Song(off)))


@pytest.mark.parametrize("number", [ANNA_IPI, BERT_IPI, PUBLISHER_IPI, "14107338"])
def test_ipi_name_numbers_have_check_digits(number: str) -> None:
    """Any single digit that is wrong is found."""
    whole = check_ipi(number)
    assert len(whole) == 11
    for place in range(11):
        wrong = f"{whole[:place]}{(int(whole[place]) + 1) % 10}{whole[place + 1 :]}"
        with pytest.raises(InvalidInput):
            check_ipi(wrong)


@pytest.mark.parametrize("text", ["", "x", "000141073389", "0001410733²", "-0014107338"])
def test_what_is_no_ipi_name_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_ipi(text)
