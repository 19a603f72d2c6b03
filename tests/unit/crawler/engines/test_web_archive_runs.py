"""Whole runs over web archives: pages, pictures and texts at addresses, with the papers that prove it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from crawler.engines.local import run_filter
from crawler.runs.verify import verify_run
from tests.unit.crawler import lab
from tests.unit.crawler.archives import packed, record, response, urn
from tests.unit.crawler.shards import jpeg, write

HTML = ["Content-Type: text/html; charset=utf-8"]


def page(text: str) -> bytes:
    """A page with a menu, a script and this text."""
    return f"<!doctype html><nav>Home</nav><script>x()</script><article><p>{text}</article>".encode()


RECORDS = [
    record("warcinfo", 90, b"software: x", None),
    response(1, page(lab.WORKS["reserved text"].data.decode()), head=HTML),
    response(2, page(lab.prose(301)), head=HTML),
    response(3, jpeg(1), head=["Content-Type: image/jpeg"]),
    response(4, jpeg(77), head=["Content-Type: text/html"]),
    response(5, jpeg(3), head=["Content-Type: image/jpeg"]),
    response(6, page("Not found"), head=HTML),
    response(7, b"%PDF-1.7 no more", head=["Content-Type: application/pdf"]),
    record("revisit", 8, b"HTTP/1.1 200 OK\r\n\r\n", WARC_Refers_To=f"<{urn(1)}>"),
    record("conversion", 9, lab.WORKS["licensed text"].data, Content_Type="text/plain"),
    record("conversion", 10, lab.WORKS["reserved text"].data, Content_Type="text/plain"),
]
EXPECTED = {
    urn(1): ("registered.no-licence", "text"),
    urn(2): ("none-found", "text"),
    urn(3): ("registered.no-licence", "image"),
    urn(4): ("none-found", "image"),
    urn(5): ("licence.licensee", "image"),
    urn(6): ("none-found", None),  # no text so short can be registered, and its address is not
    urn(7): ("error.undecodable", None),
    urn(8): ("unchecked.revisit", None),
    urn(9): ("licence.licensee", "text"),
    urn(10): ("registered.no-licence", "text"),
}


def test_a_crawl_comes_out_without_what_may_not_be_used(tmp_path: Path, make_job: lab.MakeJob) -> None:
    write(tmp_path / "crawl/a.warc.gz", packed(*RECORDS))
    write(tmp_path / "crawl/b.warc.wet", b"".join(RECORDS[-2:]).replace(b"uuid:0000", b"uuid:1000"))
    run_filter(make_job(tmp_path / "crawl", out=tmp_path / "run", workers=2), resume=False)
    rows = pq.read_table(tmp_path / "run/verdicts.parquet").to_pylist()
    assert {r["key"]: (r["reason"], r["media"]) for r in rows if r["shard"] == 0} == EXPECTED
    kept = [RECORDS[n] for n in (0, 2, 4, 5, 6, 9)]
    assert (tmp_path / "run/data/a.warc.gz").read_bytes() == packed(*kept)
    manifest = verify_run(tmp_path / "run").manifest
    assert [(f.uri, f.format, f.rows) for f in manifest.outputs] == [
        ("data/a.warc.gz", "warc", 5),
        ("data/b.warc.wet", "warc", 1),
    ]
