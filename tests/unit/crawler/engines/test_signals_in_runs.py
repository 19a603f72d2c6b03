"""Opt-out signals in items decide with the registry, stand in the papers, and are verified from there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler import durable
from crawler.engines.local import run_filter
from crawler.runs import papers
from crawler.runs.verify import verify_run
from registry.core.decisions import Policy, Purpose
from registry.core.errors import VerificationFailed
from registry.core.records.runs import RunManifest
from registry.core.signals.emit import Declaration
from registry.core.signals.emit.stamp import stamp
from registry.core.signals.summary import Said
from tests.unit.crawler import lab
from tests.unit.crawler.archives import packed, response, urn
from tests.unit.crawler.shards import jpeg, write

FREE = Declaration(frozenset({Purpose.ALL}))
REFUSED = Declaration()
BROKEN = stamp(jpeg(501), FREE).replace(b"</rdf:RDF>", b"</rdf:RDG>")

ITEMS = {
    "free.jpg": stamp(jpeg(502), FREE),
    "plain.jpg": jpeg(503),
    "refused.jpg": stamp(jpeg(504), REFUSED),
    "broken.jpg": BROKEN,
    "page.html": b'<!doctype html><meta name="tdm-reservation" content="1"><p>' + lab.prose(505).encode(),
    "text.txt": lab.prose(506).encode(),
    "licensed.jpg": stamp(lab.encoded(lab.picture(3), "JPEG", quality=90), REFUSED),
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals") / "set"
    for name, data in ITEMS.items():
        write(folder / name, data)
    return folder


def outcome(run: Path) -> dict[str, tuple[str, bool]]:
    rows = pq.read_table(run / "verdicts.parquet").to_pylist()
    return {row["key"]: (row["reason"], row["kept"]) for row in rows}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, dataset: Path, make_job: lab.MakeJob) -> Path:
    out = tmp_path_factory.mktemp("signalled") / "run"
    run_filter(make_job(dataset, out=out), resume=False)
    return out


def test_each_item_is_decided_by_all_that_is_known(run: Path) -> None:
    assert outcome(run) == {
        "free.jpg": ("signal.iptc", True),
        "plain.jpg": ("none-found", True),
        "refused.jpg": ("signal.iptc", False),
        "broken.jpg": ("error.signal.xmp", False),
        "page.html": ("signal.tdmrep", False),
        "text.txt": ("none-found", True),
        "licensed.jpg": ("licence.licensee", True),
    }


def test_what_a_server_permits_is_not_enough_where_consent_is_asked(
    dataset: Path, make_job: lab.MakeJob, tmp_path: Path
) -> None:
    run_filter(make_job(dataset, out=tmp_path / "run", policy=Policy.CONSENT_FIRST), resume=False)
    assert [key for key, (_, kept) in outcome(tmp_path / "run").items() if kept] == ["licensed.jpg"]


def test_research_sets_signals_aside_and_nothing_else(
    dataset: Path, make_job: lab.MakeJob, tmp_path: Path
) -> None:
    job = make_job(dataset, out=tmp_path / "run")
    job = replace(job, settings=replace(job.settings, request=replace(job.settings.request, research=True)))
    run_filter(job, resume=False)
    found = outcome(tmp_path / "run")
    assert found["refused.jpg"] == ("research.iptc", True)
    assert found["broken.jpg"] == ("error.signal.xmp", False)
    manifest = verify_run(tmp_path / "run").manifest
    assert manifest.parameters["research"] is True
    marks = pq.read_table(tmp_path / "run/verdicts.parquet", columns=["mark"]).column("mark").to_pylist()
    assert "research" in marks


def test_the_papers_say_how_many_items_carried_which_signal(run: Path) -> None:
    manifest = verify_run(run).manifest
    assert dict(manifest.signals) == {"iptc": 3, "tdmrep": 4, "xmp": 1}
    assert {"iptc", "c2pa", "tdmrep"} <= set(manifest.parameters["signals"])


Lines = list[dict[str, object]]


def without_one(rows: Lines) -> Lines:
    return [row for row in rows if (row["key"], row["algorithm"]) != ("refused.jpg", "signal.iptc.v1")]


def turned_round(rows: Lines) -> Lines:
    said = Said("iptc", 0, 7).code
    mine = ("refused.jpg", "signal.iptc.v1")
    return [row | {"code": said} if (row["key"], row["algorithm"]) == mine else row for row in rows]


def of_another_kind(rows: Lines) -> Lines:
    return [row | {"kind": "full"} if str(row["algorithm"]).startswith("signal.") else row for row in rows]


def no_signal_of_ours(rows: Lines) -> Lines:
    return [row | {"code": b"\xff"} if str(row["algorithm"]).startswith("signal.") else row for row in rows]


def nothing_but_signals(rows: Lines) -> Lines:
    return [r for r in rows if r["key"] != "refused.jpg" or str(r["algorithm"]).startswith("signal.")]


def said_twice(rows: Lines) -> Lines:
    mine = ("refused.jpg", "signal.iptc.v1")
    return [line for row in rows for line in [row] * (1 + ((row["key"], row["algorithm"]) == mine))]


def in_another_order(rows: Lines) -> Lines:
    mine = [
        row for row in rows if row["key"] == "refused.jpg" and str(row["algorithm"]).startswith("signal.")
    ]
    assert len(mine) > 1
    at = rows.index(mine[0])
    return [*rows[:at], *reversed(mine), *rows[at + len(mine) :]]


CHANGES = [without_one, turned_round, of_another_kind, no_signal_of_ours]
CHANGES += [nothing_but_signals, said_twice, in_another_order]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_signal_does_not_verify(
    run: Path, tmp_path: Path, change: Callable[[Lines], Lines]
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    rows = change(pq.read_table(copy / "codes.parquet").to_pylist())
    (copy / "codes.parquet").unlink()
    count = papers.write_parquet(
        copy / "codes.parquet", papers.CODES, [pa.RecordBatch.from_pylist(rows, papers.CODES)]
    )
    manifest = RunManifest.parse((copy / "run.json").read_bytes())
    codes = replace(
        manifest.codes,
        sha256=durable.sha256_of(copy / "codes.parquet"),
        bytes=(copy / "codes.parquet").stat().st_size,
        rows=count,
    )
    (copy / "run.json").write_bytes(replace(manifest, codes=codes).to_bytes())
    with pytest.raises(VerificationFailed):
        verify_run(copy)


def test_a_captured_answer_says_what_its_headers_say(tmp_path: Path, make_job: lab.MakeJob) -> None:
    records = [
        response(
            1, jpeg(511), head=["Content-Type: image/jpeg", "X-Robots-Tag: noindex", "x-robots-tag: NoAI"]
        ),
        response(2, jpeg(512), head=["Content-Type: image/jpeg", "TDM-Reservation: 1"]),
        response(3, jpeg(513), head=["Content-Type: image/jpeg", "Content-Usage: train-ai=n"]),
        response(4, jpeg(514), head=["Content-Type: image/jpeg", "TDM-Reservation: 0"]),
        response(5, jpeg(515), head=["Content-Type: image/jpeg"]),
        response(6, stamp(jpeg(516), REFUSED), head=["Content-Type: image/jpeg", "TDM-Reservation: 0"]),
    ]
    write(tmp_path / "crawl/a.warc.gz", packed(*records))
    run_filter(make_job(tmp_path / "crawl", out=tmp_path / "run"), resume=False)
    assert outcome(tmp_path / "run") == {
        urn(1): ("signal.x-robots-tag", False),
        urn(2): ("signal.tdmrep", False),
        urn(3): ("signal.content-usage", False),
        urn(4): ("signal.tdmrep", True),
        urn(5): ("none-found", True),
        urn(6): ("signal.iptc", False),
    }
    verify_run(tmp_path / "run")


@pytest.mark.parametrize(("territory", "expected"), [("DE", True), ("FR", False), ("world", False)])
def test_a_licence_counts_where_the_items_are_to_be_used(
    tmp_path: Path, make_job: lab.MakeJob, territory: str, expected: bool
) -> None:
    terms = '<permits type="usage">all</permits><permits type="geo">DE</permits>'
    licence = f'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>{terms}</license></content></rsl>'
    page = f'<!doctype html><script type="application/rsl+xml">{licence}</script><p>{lab.prose(521)}'
    record = response(1, page.encode(), head=["Content-Type: text/html"])
    write(tmp_path / "crawl/a.warc.gz", packed(record))
    job = make_job(tmp_path / "crawl", out=tmp_path / "run")
    request = replace(job.settings.request, territory=territory)
    run_filter(replace(job, settings=replace(job.settings, request=request)), resume=False)
    assert outcome(tmp_path / "run") == {urn(1): ("signal.rsl", expected)}
