"""The report says what the papers say, needs nothing but itself, and lets nothing through from a dataset."""

from __future__ import annotations

import base64
import re
import shutil
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from crawler import words
from crawler.cli import cli
from crawler.engines.local import run_filter
from crawler.report import facts as facts_module
from crawler.report.drawings import grid
from crawler.report.facts import gather
from crawler.report.page import write_report
from crawler.report.pairs import samples_at
from crawler.report.texts import LANGUAGES, Texts
from crawler.runs import papers
from crawler.runs.layout import REPORT, VERDICTS
from crawler.runs.opening import open_manifest
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from tests.unit.crawler import lab

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}&amp;'


class _Seen(HTMLParser):
    """The tags of a page, its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items whose names and texts are attacks, copies of works among them."""
    folder = tmp_path_factory.mktemp("hostile") / "dataset"
    for name, data in {
        HOSTILE.replace("/", "_") + ".jpg": lab.encoded(lab.picture(1), "JPEG", quality=70),
        "texts/a.txt": (HOSTILE + " " + lab.WORKS["reserved text"].data.decode()).encode(),
        "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe": lab.encoded(lab.picture(3)),
        "n" * 200 + ".png": lab.WORKS["open picture"].data,
        "broken.png": b"\x89PNG\r\n\x1a\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def reported(hostile: Path, tmp_path_factory: pytest.TempPathFactory, make_job: lab.MakeJob) -> Path:
    """A run over them."""
    out = tmp_path_factory.mktemp("reported") / "run"
    run_filter(make_job(hostile, out=out), resume=False)
    return out


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_asks_nobody_and_runs_nothing(
    reported: Path, hostile: Path, snapshot_folder: Path, language: str
) -> None:
    edition = open_snapshot(snapshot_folder, now=datetime.now(UTC))
    path = write_report(reported, language=language, edition=edition, sources=open_sources([hostile]))
    page = path.read_text("utf-8")
    seen = _Seen(page)
    assert not seen.tags.keys() & {"script", "link", "iframe", "object", "base", "form", "a:href"}
    assert seen.tags["img"] == 3  # the pictures that were recognised
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name == "style"]
    outside = [
        v
        for n, v in seen.attributes
        if n in {"src", "href", "action", "srcset"} and v[:5] not in {"data:", "#main"}
    ]
    assert not outside
    assert "url(" not in page
    assert "@import" not in page
    assert HOSTILE.replace("/", "_") in seen.text
    assert "alert(1)" in seen.text
    assert "49" not in re.findall(r"\}\}|49&amp;", page)
    policy = next(v for n, v in seen.attributes if v.startswith("default-src"))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;")


def test_every_figure_is_that_of_the_papers(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    counts, facts = open_manifest(run).counts, gather(run)
    left_out = facts.unchecked + facts.denied + facts.review + facts.otherwise
    assert (left_out, counts.seen - left_out) == (counts.dropped, counts.kept)
    assert facts.left_out.total() == counts.dropped
    assert sum(part.seen for part in facts.parts) == counts.seen
    assert sum(part.kept for part in facts.parts) == counts.kept
    rows = list(papers.read_parquet(run / VERDICTS, papers.VERDICTS))
    matched = [row for row in rows if row["grade"] not in (None, "trace")]
    assert facts.recognised == len(matched)
    assert facts.licensed == sum(row["verdict"] == 2 and row["kept"] for row in rows)
    shown = [row["work_id"] for row in facts.places]
    assert sorted(shown) == sorted(set(shown))
    page = write_report(run).read_text("utf-8")
    seen = _Seen(page).text
    assert f"{counts.kept} of {counts.seen} items kept" in seen
    for code, number in facts.left_out.items():
        assert re.search(rf"{re.escape(code)}</span></th>.*?<td class=\"num\">{number}</td>", page)
    assert open_manifest(run).run_id in seen
    assert "not signed" in seen


def test_without_inputs_or_edition_there_is_less_to_see_and_nothing_fails(
    finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    seen = _Seen(write_report(run).read_text("utf-8"))
    assert seen.tags["img"] == 0
    assert Texts("en")("pairs-none") in seen.text


def test_the_same_papers_give_the_same_page(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert write_report(run).read_bytes() == write_report(run).read_bytes()


def test_a_run_without_items_has_a_report(tmp_path: Path, make_job: lab.MakeJob) -> None:
    (tmp_path / "empty").mkdir()
    run_filter(make_job(tmp_path / "empty", out=tmp_path / "run"), resume=False)
    assert "0 of 0 items kept" in write_report(tmp_path / "run").read_text("utf-8")


def test_a_huge_run_has_a_small_report(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(r for r in papers.read_parquet(finished_run / VERDICTS, papers.VERDICTS) if r["work_id"])
    batch = papers.batch([row], papers.VERDICTS)

    def many(_: Path) -> list[pa.RecordBatch]:
        works = [f"work_{number:026}" for number in range(3_000)]
        columns = dict(zip(batch.schema.names, batch.take(pa.array([0] * 3_000)).columns, strict=True))
        columns["work_id"] = pa.array(works)
        return [
            pa.RecordBatch.from_arrays(
                [
                    (columns | {"shard": pa.array([shard] * 3_000, pa.uint32())})[n]
                    for n in facts_module._READ
                ],
                names=facts_module._READ,
            )
            for shard in range(100)
        ]

    monkeypatch.setattr(facts_module, "_batches", many)
    monkeypatch.setattr(facts_module, "_whole_rows", lambda run, places: list(places))
    facts = gather(finished_run)
    assert len(facts.parts) <= facts_module.MOST_PARTS
    assert [(p.first, p.last) for p in facts.parts][:2] == [(0, 1), (2, 3)]
    assert facts.parts[-1].last == 99
    assert sum(part.seen for part in facts.parts) == facts.recognised == 300_000
    assert len(facts.places) <= facts_module.PICTURES + facts_module.OTHERS


def test_what_can_no_longer_be_read_is_left_out_of_the_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("a")
    sources = open_sources([tmp_path / "in"])
    assert samples_at(sources, 512, [(0, 0)])[0, 0].raw == b"a"
    assert samples_at(sources, 512, [(0, 7), (9, 0)]) == {}


def test_a_drawing_has_256_cells_and_strikes_those_that_differ() -> None:
    code = np.random.default_rng(1).bytes(32)
    other = bytes([code[0] ^ 0b1000_0001, *code[1:]])
    drawn = grid(code, other)
    cells = sum(int(n) for path in (drawn.on, drawn.off) for n in re.findall(r"h(\d+)", path))
    assert (cells, drawn.distance, drawn.differing.count("z")) == (256, 2, 2)
    assert drawn.differing.startswith("M0.08 0.16")
    assert "M7.08 0.16" in drawn.differing


def test_both_languages_say_everything() -> None:
    english, german = (Texts.ALL[language] for language in ("en", "de"))
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", german[key])), key
    assert words._REASONS.keys() == Texts.REASONS_DE.keys()
    assert Texts("de").number(1234567) == "1.234.567"
    assert (Texts("de").share(1, 8), Texts("en").share(1, 100_000)) == ("12,5 %", "< 0.1 %")


def test_the_command_writes_it_again(finished_run: Path, dataset: Path, lines: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    done = CliRunner().invoke(cli, ["report", str(run), str(dataset), str(lines), "--lang", "de"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(run / REPORT)
    assert '<html lang="de">' in (run / REPORT).read_text("utf-8")
