"""Whole runs over Dolma's layout: documents, and what other programs found out about them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from crawler.engines.local import run_filter
from crawler.runs.verify import verify_run
from registry.core.errors import InvalidInput
from tests.unit.crawler import lab
from tests.unit.crawler.shards import write

TEXTS = [lab.prose(1), lab.WORKS["reserved text"].data.decode(), lab.prose(2)]


def packed(lines: Sequence[object]) -> bytes:
    """JSON lines."""
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines), mtime=0)


def attributes(*ids: str) -> bytes:
    """As a tagger writes them."""
    return packed([{"id": one, "attributes": {"length": [[0, 9, float(n)]]}} for n, one in enumerate(ids)])


@pytest.fixture
def dolma(tmp_path: Path) -> Path:
    """A dataset with two taggers, of which one has seen one file only."""
    for number in (0, 1):
        documents = [{"id": f"d{number}{n}", "text": text, "source": "x"} for n, text in enumerate(TEXTS)]
        write(tmp_path / f"set/documents/en/{number}.json.gz", packed(documents))
        write(
            tmp_path / f"set/attributes/length/en/{number}.json.gz", attributes(*(d["id"] for d in documents))
        )
    write(tmp_path / "set/attributes/other/en/0.json.gz", attributes("d00", "d01", "d02"))
    return tmp_path / "set"


def ids(path: Path) -> list[str]:
    """Of all lines."""
    return [json.loads(line)["id"] for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_attributes_lose_the_lines_of_what_is_dropped(
    tmp_path: Path, dolma: Path, make_job: lab.MakeJob
) -> None:
    manifest = run_filter(make_job(dolma, out=tmp_path / "run", workers=2), resume=False)
    data = tmp_path / "run/data"
    assert {p.relative_to(data).as_posix(): ids(p) for p in data.rglob("*.gz")} == {
        "documents/en/0.json.gz": ["d00", "d02"],
        "documents/en/1.json.gz": ["d10", "d12"],
        "attributes/length/en/0.json.gz": ["d00", "d02"],
        "attributes/length/en/1.json.gz": ["d10", "d12"],
        "attributes/other/en/0.json.gz": ["d00", "d02"],
    }
    assert [(f.uri, f.rows) for f in manifest.inputs] == [
        ("set/documents/en/0.json.gz", 3), ("set/documents/en/1.json.gz", 3),
    ]  # fmt: skip
    verify_run(tmp_path / "run")


@pytest.mark.parametrize(
    "content",
    [attributes("d00", "d01"), attributes("d01", "d00", "d02"), attributes("d00", "d01", "d02")[:-30], packed([1, 2]),
     b"no gzip"],
)  # fmt: skip
def test_attributes_that_do_not_fit_stop_the_run(
    tmp_path: Path, dolma: Path, make_job: lab.MakeJob, content: bytes
) -> None:
    write(dolma / "attributes/other/en/0.json.gz", content)
    with pytest.raises(InvalidInput, match=r"attributes/other/en/0\.json\.gz is not about the document"):
        run_filter(make_job(dolma, out=tmp_path / "run"), resume=False)
    assert not (tmp_path / "run/run.json").exists()


def test_other_attributes_are_another_state(dolma: Path, make_job: lab.MakeJob, tmp_path: Path) -> None:
    def state() -> str:
        return next(make_job(dolma, out=tmp_path / "x").sources[0].shards(1)).state()

    before = state()
    write(dolma / "attributes/other/en/0.json.gz", attributes("d00", "d01", "d03"))
    assert state() != before
