"""Every benchmark still runs, at a size that says nothing about speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"
SMALL: dict[str, str] = {
    "anchor_strangers": "",
    "browser_hashing": "--rounds 2",
    "browser_list": "--photos 20",
    "browser_texts": "--rounds 2 --bytes 20000",
    "bulk_registration": "200",
    "check_api": "1000 0.3",
    "check_inside": "20000",
    "check_processes": "1000",
    "code_index": "--codes 20000 --rounds 1",
    "code_search": "--codes 20000 --queries 100 --rounds 1",
    "deep_search": "--works 2000 --most 2",
    "filter_formats": "--pictures 20 --works 50 --rounds 1",
    "filter_metadata": "--rows 5000 --near-rows 500 --works 100 --codes 2000 --sites 100",
    "image_accuracy": "--most 3",
    "image_hashing": "--small 2 --large 1 --rounds 1",
    "live_phrases": "--works 200 --rounds 1",
    "picture_search": "--works 2000 --pictures 4 --rounds 1",
    "run_memory": "--books 2 --letters 6000 --texts 20",
    "run_papers": "--pictures 32 --texts 200 --works 20 --new 2 --rounds 1",
    "settlement": "1000 200 10",
    "shared_elements": "--kind wordmarks --works 2 --series 1",
    "signals_peers": "",
    "signals_speed": "--rounds 1",
    "snapshot_sync": "20000",
    "spark_digests": "--rows 20000 --registered 20000 --matches 10",
    "text_accuracy": "--trials 2 --peer-trials 1",
    "text_disguises": "--trials 1",
    "text_filter": "--passages 2000 --signatures 2000 --documents 20 --rounds 1",
    "text_phrases": "--most 3",
    "text_signature": "--documents 10 --rounds 1",
    "text_spellings": "--trials 2",
    "two_cores": "--codes 20000 --rounds 1",
    "usage_log": "2000",
}
"""The arguments that make it short, by benchmark."""


def test_each_benchmark_is_in_the_table() -> None:
    programs = (
        path for path in FOLDER.glob("[a-z]*.py") if '__name__ == "__main__"' in path.read_text("utf-8")
    )
    assert sorted(SMALL) == sorted(path.stem for path in programs)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_it_runs_to_its_end(name: str) -> None:
    told = subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", *SMALL[name].split()],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert told.stdout.strip()
