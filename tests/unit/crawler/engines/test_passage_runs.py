"""Whole runs over texts: a quoted page is left out, a licence header accuses nobody, and the papers prove both."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawler.commands.base import min_words_option
from crawler.engines.local import Job, run_filter
from crawler.runs import verify
from crawler.runs.explain import explain
from crawler.runs.opening import open_manifest
from crawler.runs.plan import Settings
from crawler.runs.verify import verify_run
from crawler.sources import local_paths, open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import Corrupt, VerificationFailed
from registry.core.matching import MIN_WORDS
from tests.unit.crawler import lab

HEADER = (
    "Licensed under the Apache License, Version 2.0 (the “License”); you may not use this file except in compliance "
    "with the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0. Unless "
    "required by applicable law or agreed to in writing, software distributed under the License is distributed on an "
    "“AS IS” BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied."
)
PSALM = (
    "He maketh me to lie down in green pastures: he leadeth me beside the still waters. He restoreth my soul: he "
    "leadeth me in the paths of righteousness for his name's sake. Yea, though I walk through the valley of the shadow "
    "of death, I will fear no evil: for thou art with me; thy rod and thy staff they comfort me."
)
NOVEL = lab.prose(500, 2_000).split()
POEM = lab.prose(501, 24)
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PAGES = {
    "excerpt": f"{lab.prose(1, 200)} {' '.join(NOVEL[900:950])} {lab.prose(2, 200)}",
    "short": f"{lab.prose(3, 200)} {' '.join(NOVEL[100:119])} {lab.prose(4, 200)}",
    "poem": f"{lab.prose(5, 200)} {POEM} {lab.prose(6, 200)}",
    "licence": f"{HEADER} {lab.prose(7, 200)}",
    "psalm": f"{lab.prose(8, 100)} {PSALM} {lab.prose(9, 100)}",
    "stranger": lab.prose(10, 300),
    "headline": "Nothing to see here",
}
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    novel = f"{HEADER} {' '.join(NOVEL[:1_000])} {PSALM} {' '.join(NOVEL[1_000:])}"
    works = [lab.Work("novel", novel.encode()), lab.Work("poem", POEM.encode())]
    return lab.make_snapshot(tmp_path_factory.mktemp("snapshot"), NOW, works=works)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    path = tmp_path / "pages.jsonl"
    path.write_text("".join(json.dumps({"id": k, "text": v}) + "\n" for k, v in PAGES.items()))
    return path


def run(
    pages: Path, snapshot: Path, out: Path, min_words: int = MIN_WORDS, *, lazy_signatures: bool = False
) -> Rows:
    job = Job(
        sources=open_sources([str(pages)]),
        inputs=local_paths([str(pages)]),
        out=out,
        snapshot=open_snapshot(snapshot, now=NOW),
        settings=Settings(
            Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, int(NOW.timestamp())),
            min_words=min_words,
            lazy_signatures=lazy_signatures,
        ),
    )
    run_filter(job, resume=False)
    return {row["key"]: row for row in pq.read_table(out / "verdicts.parquet").to_pylist()}


def reasons(rows: Rows) -> dict[str, str]:
    return {key: row["reason"] for key, row in rows.items()}


def test_what_quotes_is_left_out_and_what_all_quote_is_kept(
    pages: Path, snapshot: Path, tmp_path: Path
) -> None:
    rows = run(pages, snapshot, tmp_path / "run")
    assert reasons(rows) == {
        "excerpt": "registered.no-licence",
        "short": "registered.no-licence",
        "poem": "registered.no-licence",
        "licence": "none-found",
        "psalm": "none-found",
        "stranger": "none-found",
        "headline": "unchecked.too-short",
    }
    excerpt = rows["excerpt"]
    begin = len(lab.prose(1, 200).replace(" ", "").replace(".", ""))
    length = len("".join(NOVEL[900:950]))
    assert (excerpt["algorithm"], excerpt["grade"], excerpt["radius"]) == (
        "text.winnow32.v1",
        "certain",
        None,
    )
    assert begin <= excerpt["shared_begin"] < begin + 32
    assert begin + length - 32 < excerpt["shared_end"] <= begin + length
    assert excerpt["shared_words"] * 9 // 2 <= length
    kept = [json.loads(line)["id"] for line in (tmp_path / "run/data/pages.jsonl").read_text().splitlines()]
    assert kept == ["licence", "psalm", "stranger"]
    verify_run(tmp_path / "run", snapshot)


def test_the_limit_for_quotations_is_part_of_the_papers(pages: Path, snapshot: Path, tmp_path: Path) -> None:
    spared = run(pages, snapshot, tmp_path / "long", min_words=25)
    assert reasons(spared)["short"] == "none-found"
    assert reasons(spared)["excerpt"] == reasons(spared)["poem"] == "registered.no-licence"
    assert (spared["short"]["grade"], spared["short"]["kept"]) == ("trace", True)
    assert spared["short"]["work_id"] == lab.Work("novel", b"").id
    assert spared["stranger"]["grade"] is None
    run(pages, snapshot, tmp_path / "short")
    ids = {verify_run(tmp_path / name, snapshot).manifest.run_id for name in ("long", "short")}
    assert len(ids) == 2


def test_a_lazy_run_signs_only_what_shares_a_phrase_and_denies_the_same(
    pages: Path, snapshot: Path, tmp_path: Path
) -> None:
    every = run(pages, snapshot, tmp_path / "every", min_words=25)
    lazy = run(pages, snapshot, tmp_path / "lazy", min_words=25, lazy_signatures=True)
    assert lazy == every
    codes = {name: pq.read_table(tmp_path / name / "codes.parquet").to_pylist() for name in ("every", "lazy")}
    signed = {
        name: {row["key"] for row in rows if row["algorithm"] == "text.minhash128.v1"}
        for name, rows in codes.items()
    }
    assert signed["every"] == PAGES.keys() - {"headline"}
    assert signed["lazy"] == {"short"}  # those of which more is shared are denied without it
    for key, is_said in (("stranger", True), ("short", False)):
        (told,) = explain(tmp_path / "lazy", key, snapshot)
        assert ("not compared as a whole" in " ".join(told.sentences)) == is_said
    ids = {verify_run(tmp_path / name, snapshot).manifest.run_id for name in ("every", "lazy")}
    assert len(ids) == 2


@pytest.mark.parametrize("value", [None, -1, True, "12"])
def test_papers_without_a_usable_limit_are_refused(
    value: object, pages: Path, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(pages, snapshot, tmp_path / "run")
    manifest = open_manifest(tmp_path / "run")
    changed = replace(manifest, parameters={**manifest.parameters, "min_words": value})
    monkeypatch.setattr(verify, "open_manifest", lambda _: changed)
    with pytest.raises(VerificationFailed, match="from how many words"):
        verify_run(tmp_path / "run", snapshot)


def test_an_explanation_says_how_much_is_shared_and_where_but_not_what(
    pages: Path, snapshot: Path, tmp_path: Path
) -> None:
    rows = run(pages, snapshot, tmp_path / "run", min_words=25)
    (excerpt,) = explain(tmp_path / "run", "excerpt", snapshot)
    told = " ".join(excerpt.sentences)
    assert f"about {rows['excerpt']['shared_words']} words" in told
    assert f"from byte {rows['excerpt']['shared_begin'] + 1:,}" in told
    assert NOVEL[920] not in told
    (short,) = explain(tmp_path / "run", "short", snapshot)
    assert "too little to decide" in " ".join(short.sentences)


@pytest.fixture
def damaged(snapshot: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(snapshot, copy, symlinks=True)
    return copy


def test_a_damaged_list_or_index_is_refused(pages: Path, damaged: Path, tmp_path: Path) -> None:
    run(pages, damaged, tmp_path / "run")
    tags = next(damaged.glob("editions/1/index/text.winnow32.v1/tags.npy"))
    content = bytearray(tags.read_bytes())
    content[-1] ^= 1
    tags.write_bytes(content)
    with pytest.raises(Corrupt, match=r"tags\.npy"):
        run(pages, damaged, tmp_path / "again")
    shutil.rmtree(tags.parent)
    listed = next(damaged.glob("editions/1/lists/text.winnow32.v1.arrow"))
    content = bytearray(listed.read_bytes())
    content[len(content) // 2] ^= 1
    listed.write_bytes(content)
    with pytest.raises(Corrupt):
        run(pages, damaged, tmp_path / "third")


def test_the_commands_have_the_same_limit_as_the_library() -> None:
    def command() -> None: ...

    (option,) = min_words_option(command).__click_params__  # type: ignore[attr-defined]
    assert option.default == MIN_WORDS
