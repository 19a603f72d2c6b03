"""The step in a real datatrove pipeline: what is on record is dropped with its reason, the rest comes out unchanged."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import Corrupt, NotReady
from tests.unit.crawler import lab
from tests.unit.crawler.sites.world import REFUSES, site, sites_file

ASKED: dict[str, Any] = {"purpose": "train_genai", "policy": "eu-art4"}


def _lines(folder: Path) -> list[dict[str, Any]]:
    texts = (path.read_text("utf-8") for path in sorted(folder.glob("*.jsonl")))
    return [json.loads(line) for text in texts for line in text.split("\n") if line]


@pytest.mark.filterwarnings("default")  # datatrove's own libraries warn
def test_a_pipeline_drops_what_is_registered_and_changes_nothing_else(tmp_path: Path) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    from crawler.engines.datatrove import RegistryFilter

    snapshot = lab.make_snapshot(tmp_path / "vb", datetime.now(UTC))
    texts = {
        "reserved": lab.WORKS["reserved text"].data.decode(),
        "licensed": lab.WORKS["licensed text"].data.decode(),
        "stranger": lab.prose(301) + " \u2028 \u00e9 e\u0301 \t\n",
        "short": "Hello.",
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in/pages.jsonl").write_text(
        "".join(
            json.dumps({"id": i, "text": t, "url": f"https://a.example/{i}"}) + "\n" for i, t in texts.items()
        )
    )
    step = RegistryFilter(
        snapshot, **ASKED, exclusion_writer=JsonlWriter(str(tmp_path / "dropped"), compression=None)
    )
    pipeline = [
        JsonlReader(str(tmp_path / "in")),
        step,
        JsonlWriter(str(tmp_path / "kept"), compression=None),
    ]
    LocalPipelineExecutor(pipeline, tasks=1, logging_dir=str(tmp_path / "logs")).run()
    kept = {line["id"]: line for line in _lines(tmp_path / "kept")}
    assert {i: line["text"] for i, line in kept.items()} == {i: texts[i] for i in ("licensed", "stranger")}
    assert kept["licensed"]["metadata"]["licence"] == [lab.AGREEMENT]
    assert "licence" not in kept["stranger"]["metadata"]
    dropped = {line["id"]: line["metadata"] for line in _lines(tmp_path / "dropped")}
    assert {i: facts["filter_reason"] for i, facts in dropped.items()} == {
        "reserved": "registered.no-licence",
        "short": "unchecked.too-short",
    }
    assert dropped["reserved"]["registered_work"] == lab.WORKS["reserved text"].id
    assert dropped["reserved"]["url"] == "https://a.example/reserved"
    stats = json.loads((tmp_path / "logs/stats.json").read_text())
    counted = next(one["stats"] for one in stats if "Vorbehalt" in one["name"])
    assert counted["dropped_registered.no-licence"] == 1


def test_the_step_is_sent_as_a_path_and_refuses_to_begin_without_a_snapshot(tmp_path: Path) -> None:
    from crawler.engines.datatrove import RegistryFilter

    snapshot = lab.make_snapshot(tmp_path / "vb", datetime.now(UTC))
    assert len(pickle.dumps(RegistryFilter(snapshot, **ASKED))) < 8_000
    with pytest.raises(NotReady):
        RegistryFilter(tmp_path / "nothing", **ASKED)


@pytest.mark.filterwarnings("default")
def test_the_step_heeds_what_the_site_of_a_document_says(tmp_path: Path) -> None:
    from datatrove.data import Document

    from crawler.engines.datatrove import RegistryFilter

    snapshot = lab.make_snapshot(tmp_path / "vb", datetime.now(UTC))
    at = int(datetime.now(UTC).timestamp()) - 60
    refusing = site("https://a.example", {"/robots.txt": REFUSES}, at=at)
    sites = sites_file(tmp_path / "sites.jsonl", refusing, site("https://b.example", {}, at=at), at=at)
    step = RegistryFilter(snapshot, **ASKED, domain_signals=sites)
    step = pickle.loads(pickle.dumps(step))  # as it comes to another process
    urls = ["https://a.example/1", "https://b.example/1", "https://c.example/1", None]
    documents = [
        Document(lab.prose(310 + n), str(n), metadata={"url": url} if url else {})
        for n, url in enumerate(urls)
    ]
    assert step.filter_batch(documents) == [
        (False, "signal.site.robots"),
        True,
        (False, "unchecked.no-site"),
        (False, "unchecked.no-address"),
    ]
    sites.write_bytes(sites.read_bytes()[:-9])
    with pytest.raises(Corrupt):
        RegistryFilter(snapshot, **ASKED, domain_signals=sites)
