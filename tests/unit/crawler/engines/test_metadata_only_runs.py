"""A whole run over a table of addresses: nothing is opened, and nothing is kept that could not be checked."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.engines.local import Job, run_filter
from crawler.filter import Judge, Reading
from crawler.runs.plan import Settings
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.fingerprints import SOURCE_DOMAIN, SOURCE_URL, fingerprint_url
from registry.core.fingerprints.addresses import domain_code, url_code
from registry.core.matching import KIND_CODES, ListColumns, Matcher
from registry.core.snapshots import Snapshot
from tests.unit.crawler import lab

SITE = "anna.example"
ROWS: dict[str, tuple[str | None, str | None]] = {
    "the picture's page": ("https://anna.example/licensed.png", None),
    "another page of the site": ("https://www.anna.example/other.png", None),
    "a page that is open": ("https://anna.example/open.png", None),
    "elsewhere": ("https://ben.example/a.png", None),
    "no address": (None, None),
    "no http": ("s3://bucket/key", None),
    "known file elsewhere": ("https://ben.example/b.png", "reserved picture"),
    "licensed file on the site": ("https://anna.example/c.png", "licensed picture"),
    "open file on the site": ("https://anna.example/d.png", "open picture"),
}
EXPECTED = {
    "the picture's page": ("licence.licensee", True, "licensed picture"),
    "another page of the site": ("registered.no-licence", False, "the site"),
    "a page that is open": ("unchecked.address-only", False, "open picture"),
    "elsewhere": ("none-found", True, None),
    "no address": ("unchecked.no-address", False, None),
    "no http": ("error.malformed", False, None),
    "known file elsewhere": ("registered.no-licence", False, "reserved picture"),
    "licensed file on the site": ("licence.licensee", True, "licensed picture"),
    "open file on the site": ("registered.no-licence", False, "the site"),
}


def listed(*entries: tuple[bytes, int, int]) -> ListColumns:
    """Codes with the row of their work and `aux`."""
    return ListColumns(
        np.frombuffer(b"".join(code for code, _, _ in entries), np.uint8).reshape(-1, 32),
        np.array([row for _, row, _ in entries], np.uint32),
        np.full(len(entries), KIND_CODES["whole"], np.uint8),
        np.array([aux for _, _, aux in entries], np.uint64),
    )


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The works of the other tests, two of them at addresses of a site that is reserved as a whole."""
    works = [*lab.WORKS.values(), lab.Work("the site", lab.prose(77).encode())]
    row = {work.name: i for i, work in enumerate(works)}
    site = row["the site"]
    folder = lab.make_snapshot(
        tmp_path_factory.mktemp("snapshot"),
        datetime.now(UTC),
        works=works,
        addresses={
            SOURCE_DOMAIN: listed((domain_code(f".{SITE}"), site, 0)),
            SOURCE_URL: listed(
                (url_code("https://anna.example/licensed.png"), row["licensed picture"], site + 1),
                (url_code("https://anna.example/open.png"), row["open picture"], site + 1),
            ),
        },
    )
    return open_snapshot(folder, now=datetime.now(UTC))


def write_rows(path: Path) -> Path:
    """The table: addresses, and of some files the digest."""
    digests = [
        None if work is None else hashlib.sha256(lab.WORKS[work].data).hexdigest()
        for _, work in ROWS.values()
    ]
    urls = [url for url, _ in ROWS.values()]
    table = pa.table({"caption": list(ROWS), "URL": urls, "sha256": pa.array(digests, pa.string())})
    pq.write_table(table, path)
    return path


def run(inputs: Path, out: Path, snapshot: Snapshot, workers: int = 1) -> dict[str, Any]:
    settings = Settings(Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, snapshot.created), metadata_only=True)
    job = Job(open_sources([inputs], metadata_only=True), [inputs], out, snapshot, settings, workers)
    return run_filter(job, resume=False).as_json()


def test_addresses_and_digests_decide(tmp_path: Path, snapshot: Snapshot) -> None:
    manifest = run(write_rows(tmp_path / "urls.parquet"), tmp_path / "run", snapshot)
    assert manifest["parameters"]["metadata_only"] is True
    names = {lab.Work(name, b"").id: name for name in (*lab.WORKS, "the site")}
    rows = pq.read_table(tmp_path / "run" / "verdicts.parquet").to_pylist()
    assert {
        caption: (row["reason"], row["kept"], names.get(row["work_id"]))
        for caption, row in zip(ROWS, rows, strict=True)
    } == EXPECTED
    kept = pq.read_table(tmp_path / "run" / "data" / "urls.parquet")
    assert kept["caption"].to_pylist() == [name for name, (_, stays, _) in EXPECTED.items() if stays]
    assert kept.schema.names == ["caption", "URL", "sha256"]


def test_only_what_was_relied_on_is_reported(tmp_path: Path, snapshot: Snapshot) -> None:
    run(write_rows(tmp_path / "urls.parquet"), tmp_path / "run", snapshot)
    rows = pq.read_table(tmp_path / "run" / "verdicts.parquet").to_pylist()
    uses = {
        caption: [(u["licence_id"], u["how"]) for u in row["uses"]]
        for caption, row in zip(ROWS, rows, strict=True)
    }
    assert {caption: found for caption, found in uses.items() if found} == {
        "the picture's page": [(lab.AGREEMENT, 2)],
        "licensed file on the site": [(lab.AGREEMENT, 1)],
    }


def test_the_run_verifies_and_does_not_depend_on_workers(tmp_path: Path, snapshot: Snapshot) -> None:
    inputs = write_rows(tmp_path / "urls.parquet")
    one, two = (run(inputs, tmp_path / f"run-{n}", snapshot, n) for n in (1, 2))
    assert {k: v for k, v in one.items() if k != "runtime"} == {
        k: v for k, v in two.items() if k != "runtime"
    }
    verify_run(tmp_path / "run-1", snapshot.path.parents[1])


def test_what_is_said_of_one_page_does_not_count_for_another_page_of_the_item(snapshot: Snapshot) -> None:
    """An item with two addresses is checked at both: the licence to one page sets the site aside for that page only."""
    judge = Judge(
        Matcher(snapshot.lists),
        snapshot,
        Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, snapshot.created),
    )
    licensed, other = (fingerprint_url(f"https://anna.example/{name}.png") for name in ("licensed", "other"))
    for codes in (licensed + other, other + licensed):
        (judgement,) = judge.judge([Reading(None, None, codes)])
        assert judgement.decision.reason == "registered.no-licence"
