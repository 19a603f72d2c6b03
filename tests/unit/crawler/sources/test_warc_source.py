"""Web archives: captures as items, kept records as they were, broken things with their reason."""

from __future__ import annotations

import gzip
import zlib
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from crawler.sources import open_sources
from crawler.sources.base import Sample
from crawler.sources.places import LocalFile
from crawler.sources.warc import WarcShard
from registry.core.errors import InvalidInput
from registry.core.fingerprints import fingerprint_url
from tests.unit.crawler.archives import PAGE, packed, record, response, urn
from tests.unit.crawler.shards import jpeg, write

LIMIT = 1 << 20
INFO = record("warcinfo", 90, b"software: x\r\n", None)
HTML = b"<!doctype html><p>Some words.</p>"


def shard(tmp_path: Path, data: bytes, name: str = "a.warc.gz", *, metadata_only: bool = False) -> WarcShard:
    """One shard over these bytes."""
    return WarcShard(LocalFile.at(write(tmp_path / name, data)), name, metadata_only)


def read(one: WarcShard, max_bytes: int = LIMIT) -> list[Sample]:
    """All its samples; every byte of the file was seen once."""
    digest = sha256()
    found = list(one.read(max_bytes, digest.update))
    assert one.place.path is not None
    assert digest.digest() == sha256(one.place.path.read_bytes()).digest()
    assert [s.row for s in found] == list(range(len(found)))
    return found


def gaps(found: list[Sample]) -> list[str | None]:
    """What is wrong with each sample as a whole, or with the first of its parts that something is wrong with."""
    return [s.gap or next((p.gap for p in s.parts if p.gap), None) for s in found]


def rewrite(one: WarcShard, *dropped: str) -> bytes:
    """The output without these keys, and without what is broken."""
    assert one.place.path is not None
    folder = one.place.path.parent / "data"
    with one.sink(folder) as sink:
        for sample in one.read(LIMIT, lambda data: None):
            keep = sample.gap is None and sample.key not in dropped
            (sink.write if keep else sink.skip)(sample)
    out = (folder / one.name).read_bytes()
    (written,) = sink.written
    assert (written.uri, written.sha256, written.bytes) == (one.name, sha256(out).hexdigest(), len(out))
    return out


# -- what is an item -----------------------------------------------------------------------------------------
def test_a_response_goes_with_the_request_and_metadata_that_name_it(tmp_path: Path) -> None:
    records = [
        INFO,
        record("request", 1, b"GET / HTTP/1.1\r\n\r\n"),
        response(2, HTML, WARC_Concurrent_To=f"<{urn(1)}>"),
        record("metadata", 3, b"fetchTimeMs: 5", WARC_Concurrent_To=f"<{urn(2)}>"),
        response(4, HTML),
        record("request", 5, b"GET / HTTP/1.1\r\n\r\n", WARC_Concurrent_To=f"<{urn(4)}>"),
        record("conversion", 6, b"A plain text."),
    ]
    found = read(shard(tmp_path, packed(*records)))
    assert [(s.key, s.raw) for s in found] == [
        (urn(2), packed(*records[1:4])),
        (urn(4), packed(*records[4:6])),
        (urn(6), packed(records[6])),
    ]
    assert found[0].before == packed(INFO)


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
def test_what_is_kept_is_byte_for_byte_what_was_there_and_other_programs_read_it(
    tmp_path: Path, name: str
) -> None:
    records = [INFO, *(response(n, HTML * n, f"{PAGE}/{n}") for n in (1, 2, 3))]
    whole = packed(*records) if name.endswith(".gz") else b"".join(records)
    one = shard(tmp_path, whole, name)
    assert rewrite(one) == whole
    without = rewrite(one, urn(2))
    rest = [records[0], records[1], records[3]]
    assert without == (packed(*rest) if name.endswith(".gz") else b"".join(rest))
    with (tmp_path / "data" / name).open("rb") as file:
        ids = [r.rec_headers.get_header("WARC-Record-ID") for r in ArchiveIterator(file)]
    assert ids == [f"<{urn(90)}>", f"<{urn(1)}>", f"<{urn(3)}>"]


def test_an_address_counts_beside_the_content(tmp_path: Path) -> None:
    (found,) = read(shard(tmp_path, packed(response(1, HTML))))
    assert [p.data for p in found.parts] == [HTML, b""]
    assert found.parts[1].stated == fingerprint_url(PAGE)
    (only,) = read(shard(tmp_path, packed(response(1, HTML)), metadata_only=True))
    assert [p.stated for p in only.parts] == [fingerprint_url(PAGE)]


# -- what is compared of it ----------------------------------------------------------------------------------
def _gzip(data: bytes) -> bytes:
    """Packed, and the same at any time of day."""
    return gzip.compress(data, mtime=0)


def _brotli(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "brotli") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("head", "body", "expect"),
    [
        (["Content-Type: image/jpeg"], jpeg(7), jpeg(7)),
        (["Content-Type: text/html"], jpeg(7), jpeg(7)),
        (["Transfer-Encoding: chunked"], b"5;x=y\r\nSome \r\n6\r\nwords.\r\n0\r\n\r\n", b"Some words."),
        (["Transfer-Encoding: chunked"], b"5\r\nSome \r\n0\r\nA: b\r\nC-d: e f\r\n\r\n", b"Some"),
        (["Transfer-Encoding: chunked"], b"5\r\nSome \r\n0\r\n", b"Some"),
        (["Transfer-Encoding: chunked"], b"Some words.", b"Some words."),
        (["Content-Encoding: gzip"], _gzip(HTML), HTML),
        (["Content-Encoding: gzip"], HTML, HTML),
        (["Content-Encoding: deflate"], zlib.compress(HTML), HTML),
        (["Content-Encoding: deflate"], zlib.compress(HTML, wbits=-15), HTML),
        (["Content-Encoding: br"], _brotli(HTML), HTML),
        (["Content-Encoding: gzip, br"], _brotli(_gzip(HTML)), HTML),
        (
            ["Content-Encoding: gzip", "Transfer-Encoding: chunked"],
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(_gzip(HTML)), _gzip(HTML)),
            HTML,
        ),
        (["Content-Type: text/plain; charset=iso-8859-1"], "Größe".encode("latin-1"), "Größe".encode()),
        (["Content-Type: text/html; charset=ISO-8859-1"], "Größe".encode(), "Größe".encode()),
        (["Content-Type: text/html"], b"<section>A<script>x</script></section>", b"\nA\n"),
    ],
)
def test_a_body_is_compared_as_a_reader_gets_it(
    tmp_path: Path, head: list[str], body: bytes, expect: bytes
) -> None:
    (found,) = read(shard(tmp_path, packed(response(1, body, head=head))))
    assert gaps([found]) == [None]
    assert found.parts[0].data.strip() == expect.strip()


@pytest.mark.parametrize(
    ("head", "body", "gap"),
    [
        ([], b"", "error.no-bytes"),
        (["Transfer-Encoding: chunked"], b"5\r\nSome ", "error.undecodable"),
        (["Transfer-Encoding: chunked"], b"5\r\nSome \r\n", "error.undecodable"),
        (["Transfer-Encoding: chunked"], b"5\r\nSome \r\n0\r\n\r\nmore", "error.trailing-data"),
        (["Content-Encoding: gzip"], _gzip(HTML)[:-9], "error.undecodable"),
        (["Content-Encoding: gzip"], _gzip(bytes(2 * LIMIT)), "error.too-large"),
        (["Content-Encoding: br"], _brotli(bytes(2 * LIMIT)), "error.too-large"),
        (["Content-Encoding: br"], HTML, "error.undecodable"),
        (["Content-Encoding: lzma"], HTML, "error.unsupported"),
        (["Content-Encoding: " + ", ".join(["gzip"] * 9)], _gzip(HTML), "error.undecodable"),
        (["Content-Type: text/html"], b"<section>" * 3_000, "error.undecodable"),
    ],
)
def test_a_body_that_cannot_be_had_in_full_is_a_gap(
    tmp_path: Path, head: list[str], body: bytes, gap: str
) -> None:
    assert gaps(read(shard(tmp_path, packed(response(1, body, head=head))))) == [gap]


# -- what is never kept --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("records", "expect"),
    [
        (
            [record("revisit", 1, b"HTTP/1.1 200 OK\r\n\r\n", WARC_Refers_To=f"<{urn(9)}>")],
            ["unchecked.revisit"],
        ),
        ([record("request", 1, b"GET / HTTP/1.1\r\n\r\n")], ["unchecked.no-content"]),
        ([record("metadata", 1, b"{}")], ["unchecked.no-content"]),
        ([record("continuation", 1, b"rest")], ["unchecked.no-content"]),
        ([response(1, HTML, WARC_Segment_Number="1")], ["unchecked.no-content"]),
        ([record("warcinfo", 1, bytes(70_000), None)], ["unchecked.no-content"]),
        ([response(1, HTML), response(1, HTML)], [None, "error.duplicate-key"]),
        ([record("response", None, HTML)], ["error.malformed"]),
        ([response(1, HTML, "http://[")], ["error.malformed"]),
        ([record("resource", 1, b"names", "dns:example.org", Content_Type="text/dns")], [None]),
        ([response(1, bytes(2 * LIMIT)), response(2, HTML)], ["error.too-large", None]),
    ],
)
def test_what_is_no_capture_or_was_not_checked_has_its_reason(
    tmp_path: Path, records: list[bytes], expect: list[str | None]
) -> None:
    for name, data in (("a.warc.gz", packed(*records)), ("a.warc", b"".join(records))):
        assert gaps(read(shard(tmp_path, data, name))) == expect


@pytest.mark.parametrize(
    ("data", "gap"),
    [
        (packed(INFO, response(1, HTML), response(2, HTML))[:-5], "error.truncated"),
        (packed(response(1, HTML)) + b"behind", "error.malformed"),
        (packed(response(1, HTML)) + _gzip(response(2, HTML) + response(3, HTML)), "error.malformed"),
        (packed(response(1, HTML)) + _gzip(b"no record"), "error.malformed"),
        (packed(response(1, HTML)) + _gzip(b""), "error.malformed"),
        (
            packed(response(1, HTML), response(2, HTML, Content_Length="1")),
            "error.malformed",
        ),
        (packed(response(1, HTML), response(2, HTML)[:-4]), "error.malformed"),
    ],
)
def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path, data: bytes, gap: str) -> None:
    one = shard(tmp_path, data)
    found = read(one)
    assert gaps(found) == [None, gap]
    assert found[-1].key == "a.warc.gz/…"
    assert response(1, HTML) in gzip.decompress(rewrite(one))


@pytest.mark.parametrize(
    ("data", "gap"),
    [
        (response(1, HTML) + response(2, HTML)[:-30], "error.truncated"),
        (response(1, HTML) + response(2, HTML)[:40], "error.truncated"),
        (response(1, HTML) + b"\r\n" + response(2, HTML), "error.malformed"),
        (response(1, HTML) + response(2, HTML).replace(b"Length: ", b"Length: -"), "error.malformed"),
        (response(1, HTML) + packed(response(2, HTML)), "error.malformed"),
    ],
)
def test_so_is_one_that_is_not_packed(tmp_path: Path, data: bytes, gap: str) -> None:
    assert gaps(read(shard(tmp_path, data, "a.warc"))) == [None, gap]


def test_a_bomb_is_passed_over_and_what_follows_is_read(tmp_path: Path) -> None:
    bomb = response(1, bytes(64 << 20))
    found = read(shard(tmp_path, packed(bomb, response(2, HTML))))
    assert [(s.gap, s.raw != b"") for s in found] == [("error.too-large", False), (None, True)]


@given(data=st.binary(max_size=400), at=st.integers(0, 600), pack=st.booleans())
def test_no_change_of_a_file_stops_the_reading(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, pack: bool
) -> None:
    records = [INFO, response(1, HTML), response(2, HTML)]
    good = packed(*records) if pack else b"".join(records)
    broken = good[:at] + data + good[at + len(data) :]
    one = shard(tmp_path_factory.mktemp("warc"), broken, "a.warc.gz" if pack else "a.warc")
    found = read(one)
    assert all(sample.raw in broken and sample.before in broken for sample in found)
    assert rewrite(one) == b"".join(s.before + s.raw * (s.gap is None) for s in found)


# -- opening -------------------------------------------------------------------------------------------------
def test_web_archives_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("a.warc.gz", "b.warc.wet.gz", "c.warc"):
        write(tmp_path / "crawl" / name, packed(INFO))
    found = open_sources([tmp_path / "crawl"])
    assert [(s.name, s.format) for s in found] == [
        ("crawl/a.warc.gz", "warc"),
        ("crawl/b.warc.wet.gz", "warc"),
        ("crawl/c.warc", "warc"),
    ]
    with pytest.raises(InvalidInput, match="no columns"):
        open_sources([tmp_path / "crawl" / "c.warc"], column="text")
