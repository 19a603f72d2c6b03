"""The walk over a tar's headers finds what `tarfile` finds, and damage never goes by unnoticed."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crawler.sources.tar import BLOCK, RECORD, Damaged, Kind, Member, end_of_archive, members
from tests.unit.crawler.shards import tar

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="/\x7f"), min_size=1, max_size=60
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
FILES = st.lists(st.tuples(PATHS, st.binary(max_size=1_100)), max_size=6)


def walk(data: bytes, max_bytes: int = 1 << 20) -> tuple[list[Member], str | None]:
    """All members, and the reason why there are no more."""
    found: list[Member] = []
    try:
        for member in members(io.BytesIO(data), max_bytes):
            found.append(member)
    except Damaged as damage:
        return found, damage.gap
    return found, None


def theirs(data: bytes) -> list[tuple[str, bytes]]:
    """The plain files that Python's `tarfile` gives, in the mode in which `webdataset` uses it."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|", encoding="utf-8") as archive:
        return [
            (info.name, body.read())
            for info in archive
            if info.isreg() and (body := archive.extractfile(info)) is not None
        ]


def ours(found: list[Member]) -> list[tuple[str, bytes | None]]:
    """The plain files that we give."""
    return [(m.name, m.data) for m in found if m.kind is Kind.FILE]


@given(files=FILES, form=st.sampled_from(FORMATS))
def test_members_are_those_of_tarfile_and_their_blocks_are_all_there_is(
    files: list[tuple[str, bytes]], form: int
) -> None:
    try:
        data = tar(files, form)
    except ValueError:  # a name too long for ustar
        assume(False)
    found, gap = walk(data)
    assert gap is None
    assert ours(found) == theirs(data) == files
    blocks = b"".join(m.before + m.header + (m.data or b"") + m.padding for m in found)
    assert blocks + end_of_archive(len(blocks)) == data


@settings(max_examples=300)
@given(
    files=FILES,
    form=st.sampled_from(FORMATS),
    where=st.integers(0, 1 << 16),
    new=st.binary(min_size=1, max_size=12),
    cut=st.booleans(),
)
def test_of_a_damaged_archive_nothing_is_given_that_tarfile_reads_otherwise(
    files: list[tuple[str, bytes]], form: int, where: int, new: bytes, cut: bool
) -> None:
    try:
        data = bytearray(tar(files, form))
    except ValueError:
        assume(False)
    at = where % len(data)
    if cut:
        del data[at:]
    else:
        data[at : at + len(new)] = new
    found, gap = walk(bytes(data))
    try:
        known = theirs(bytes(data))
    except (tarfile.TarError, ValueError, EOFError):
        assert gap is not None or not ours(found)
        return
    mine = ours(found)
    assert mine[: len(known)] == known[: len(mine)]
    if gap is None:
        assert mine == known


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("length", [99, 100, 101, 155, 200, 255])
def test_names_of_every_length(form: int, length: int) -> None:
    name = "d/" * 40 + "n" * (length - 80)
    try:
        data = tar([(name, b"x"), ("next", b"y")], form)
    except ValueError:
        return
    assert [m.name for m in walk(data)[0]] == [name, "next"]


def _archive(*infos: tuple[tarfile.TarInfo, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", encoding="utf-8", **options) as archive:
        for info, data in infos:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _info(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, **pax: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.pax_headers = kind, size, {k.replace("__", "."): v for k, v in pax.items()}
    return info


@pytest.mark.parametrize(
    ("kind", "expect"),
    [
        (tarfile.SYMTYPE, Kind.LINK),
        (tarfile.LNKTYPE, Kind.LINK),
        (tarfile.DIRTYPE, Kind.FOLDER),
        (tarfile.CHRTYPE, Kind.SPECIAL),
        (tarfile.FIFOTYPE, Kind.SPECIAL),
        (tarfile.CONTTYPE, Kind.FILE),
        (tarfile.AREGTYPE, Kind.FILE),
        (b"V", Kind.SPECIAL),
    ],
)
def test_each_kind_of_member_is_told(kind: bytes, expect: Kind) -> None:
    found, gap = walk(_archive((_info("a", kind), b""), (_info("b", size=1), b"x")))
    assert gap is None
    assert [(m.name.rstrip("/"), m.kind) for m in found] == [("a", expect), ("b", Kind.FILE)]


def test_sparse_members_are_seen_in_both_notations() -> None:
    pax = _archive(
        (_info("s", size=3, GNU__sparse__major="1", GNU__sparse__minor="0"), b"0\n\n"),
        (_info("b", size=1), b"x"),
        format=tarfile.PAX_FORMAT,
    )
    block = bytearray(_archive((_info("s", size=700), bytes(700)))[:BLOCK])
    block[156:157], block[482] = b"S", 1
    more = bytearray(BLOCK)
    more[504] = 0
    gnu = _sealed(block) + bytes(more) + bytes(1024) + tar([("b", b"x")])
    for data in (pax, gnu):
        found, gap = walk(data)
        assert gap is None
        assert [(m.name, m.kind) for m in found] == [("s", Kind.SPARSE), ("b", Kind.FILE)]


def _sealed(block: bytes | bytearray) -> bytes:
    """A header with its checksum made to fit."""
    block = bytearray(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_the_size_in_pax_records_holds() -> None:
    data = tar([("a", b"x" * 600)])
    header = _sealed(data[:124] + b"00000000000\0" + data[136:BLOCK])
    record = b"12 size=600\n"
    pax = bytearray(tar([("PaxHeaders/a", record)]))[: 2 * BLOCK]
    pax[156:157] = b"x"
    whole = _sealed(pax[:BLOCK]) + bytes(pax[BLOCK:]) + header + data[BLOCK:]
    found, gap = walk(whole)
    assert gap is None
    assert ours(found) == theirs(whole) == [("a", b"x" * 600)]


def _with_header(data: bytes, start: int, stop: int, new: bytes) -> bytes:
    return _sealed(data[:start] + new + data[stop:BLOCK]) + data[BLOCK:]


def _extending(kind: bytes, content: bytes) -> bytes:
    blocks = bytearray(tar([("x", content)]))[: BLOCK + len(content) + -len(content) % BLOCK]
    blocks[156:157] = kind
    return _sealed(blocks[:BLOCK]) + bytes(blocks[BLOCK:])


PLAIN = tar([("a", b"x"), ("b", b"y" * 600)])


@pytest.mark.parametrize(
    ("data", "gap"),
    [
        (b"", "error.truncated"),
        (b"not a tar at all", "error.truncated"),
        (b"not a tar at all" * 99, "error.malformed"),
        (PLAIN[:700], "error.truncated"),
        (PLAIN[: 3 * BLOCK + 10], "error.truncated"),
        (PLAIN[: 2 * BLOCK], "error.truncated"),  # no end: nobody knows what else was in it
        (PLAIN + PLAIN, "error.trailing-data"),
        (_with_header(PLAIN, 124, 136, b"-0000000001\0"), "error.malformed"),
        (_with_header(PLAIN, 124, 136, b"\xff" * 12), "error.malformed"),
        (_with_header(PLAIN, 124, 136, b"\x80" + b"\xff" * 11), "error.truncated"),
        (_with_header(PLAIN, 156, 157, b"5"), "error.malformed"),  # a folder with a body
        (_with_header(PLAIN, 156, 157, b"2"), "error.malformed"),
        (_extending(b"x", b"nonsense") + PLAIN, "error.malformed"),
        (_extending(b"x", b"99 path=a\n") + PLAIN, "error.malformed"),
        (_extending(b"x", b"3 path=a\n") + PLAIN, "error.malformed"),
        (_extending(b"x", b"0 a=b\n") + PLAIN, "error.malformed"),
        (_extending(b"x", b"10 path=a\n") * 2 + PLAIN, "error.malformed"),
        (_extending(b"L", b"a\0") * 2 + PLAIN, "error.malformed"),
        (_extending(b"g", b"10 path=a\n") + PLAIN, "error.malformed"),
        (_extending(b"L", b"a\0") + bytes(RECORD), "error.malformed"),
        (_extending(b"L", b"a" * (1 << 20 | 1)) + PLAIN, "error.malformed"),
    ],
)
def test_damage_ends_the_walk_with_its_reason(data: bytes, gap: str) -> None:
    assert walk(data)[1] == gap


def test_a_global_header_stays_in_front_of_the_member_that_it_precedes() -> None:
    header = _extending(b"g", b"13 comment=c\n")
    found, gap = walk(header + PLAIN)
    assert gap is None
    assert [(m.name, m.before) for m in found] == [("a", header), ("b", b"")]


def test_a_body_above_the_limit_is_not_held() -> None:
    found, gap = walk(PLAIN, max_bytes=100)
    assert gap is None
    assert [(m.size, m.data) for m in found] == [(1, b"x"), (600, None)]


@pytest.mark.parametrize(
    ("name", "unsafe"),
    [("a/b", False), ("./a", False), ("a..b", False), ("/etc/a", True), ("../a", True), ("a/../b", True)],
)
def test_names_that_lead_elsewhere_are_told(name: str, unsafe: bool) -> None:
    (found,), _ = walk(tar([(name, b"")]))
    assert found.unsafe is unsafe
