"""Whole runs over what img2dataset writes: tars with their lists, tables, white borders around pictures."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from crawler.engines.local import run_filter
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from tests.unit.crawler import lab
from tests.unit.crawler.shards import samples, tar, write

SIDE = 160
KEYS = ["000000000", "000000001", "000000002", "000000003"]
SEEDS = {"000000000": 1, "000000002": 77, "000000003": 2}
"""Pictures that were fetched: a reserved one, a stranger, an open one. One could not be fetched."""


def bordered(seed: int) -> bytes:
    """As img2dataset resizes by default (`resize_mode=border`): a square, filled up with white."""
    fitted = ImageOps.contain(lab.picture(seed), (SIDE, SIDE))
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(fitted, ((SIDE - fitted.width) // 2, (SIDE - fitted.height) // 2))
    return lab.encoded(square, "JPEG", quality=95)


def listing(**more: list[Any]) -> pa.Table:
    """One row for everything that was tried."""
    fetched = [key in SEEDS for key in KEYS]
    return pa.table(
        {
            "url": [f"https://example.org/{key}.jpg" for key in KEYS],
            "key": KEYS,
            "status": ["success" if ok else "failed_to_download" for ok in fetched],
            "error_message": [None if ok else "HTTP Error 404: Not Found" for ok in fetched],
            "width": pa.array([SIDE if ok else None for ok in fetched], pa.int32()),
            "exif": [json.dumps({}) if ok else None for ok in fetched],
        }
        | more
    )


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder as img2dataset leaves it."""
    pictures = {key: bordered(seed) for key, seed in SEEDS.items()}
    write(tmp_path / "set/00000.tar", tar(samples(pictures)))
    write(tmp_path / "set/00000.parquet", listing(), row_group_size=100)
    (tmp_path / "set/00000_stats.json").write_text('{"count": 4, "successes": 3}')
    return tmp_path / "set"


def test_the_list_names_what_is_left_in_the_tar(tmp_path: Path, output: Path, make_job: lab.MakeJob) -> None:
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    rows = pq.read_table(tmp_path / "run/verdicts.parquet").to_pylist()
    assert [(r["key"][-1], r["reason"], r["variant"]) for r in rows] == [
        ("0", "registered.no-licence", "trimmed/identity"),
        ("2", "none-found", None),
        ("3", "licence.anyone", "trimmed/identity"),
    ]
    kept = pq.read_table(tmp_path / "run/data/00000.parquet")
    assert kept.equals(listing().take([2, 3]))
    with tarfile.open(tmp_path / "run/data/00000.tar") as archive:
        assert [name for name in archive.getnames() if name.endswith(".jpg")] == [
            f"{KEYS[2]}.jpg",
            f"{KEYS[3]}.jpg",
        ]
    manifest = verify_run(tmp_path / "run").manifest
    assert [(f.uri, f.format, f.rows) for f in manifest.outputs] == [
        ("data/00000.parquet", "index", 2),
        ("data/00000.tar", "webdataset", 2),
    ]


def test_a_tar_given_by_its_name_takes_its_list_along(output: Path) -> None:
    (source,) = open_sources([output / "00000.tar"])
    (shard,) = source.shards(1)
    before = shard.state()
    write(output / "00000.parquet", listing(more=["x"] * 4))
    assert next(open_sources([output / "00000.tar"])[0].shards(1)).state() != before


def test_a_list_that_is_given_itself_is_an_input_of_its_own(
    tmp_path: Path, output: Path, make_job: lab.MakeJob
) -> None:
    table = pa.table({"key": KEYS[:1], "text": [lab.prose(8)]})
    write(output / "00000.parquet", table)
    run_filter(make_job(output / "00000.tar", output / "00000.parquet", out=tmp_path / "run"), resume=False)
    assert pq.read_table(tmp_path / "run/data/00000.parquet").equals(table)
    verify_run(tmp_path / "run")


@pytest.mark.parametrize(
    "content",
    [pa.table({"image": [b"x"]}), pa.table({"key": [1, 2]}), b"no parquet", b""],
)
def test_a_file_that_is_no_list_is_left_behind(
    tmp_path: Path, output: Path, make_job: lab.MakeJob, content: Any
) -> None:
    write(output / "00000.parquet", content)
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    assert [path.name for path in (tmp_path / "run/data").iterdir()] == ["00000.tar"]


def test_a_list_that_is_damaged_inside_leaves_none(
    tmp_path: Path, output: Path, make_job: lab.MakeJob
) -> None:
    damaged = bytearray((output / "00000.parquet").read_bytes())
    damaged[4:60] = bytes(56)
    write(output / "00000.parquet", bytes(damaged))
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    assert [path.name for path in (tmp_path / "run/data").iterdir()] == ["00000.tar"]
    verify_run(tmp_path / "run")


def test_tables_of_plain_bytes_have_rows_for_what_could_not_be_fetched(
    tmp_path: Path, make_job: lab.MakeJob
) -> None:
    jpg = pa.array([bordered(SEEDS[key]) if key in SEEDS else None for key in KEYS], pa.binary())
    table = listing().append_column("jpg", jpg)
    write(tmp_path / "set/00000.parquet", table)
    run_filter(make_job(tmp_path / "set", out=tmp_path / "run"), resume=False)
    rows = pq.read_table(tmp_path / "run/verdicts.parquet").to_pylist()
    assert [r["reason"] for r in rows] == [
        "registered.no-licence",
        "error.no-bytes",
        "none-found",
        "licence.anyone",
    ]
    kept = pq.read_table(tmp_path / "run/data/00000.parquet")
    assert kept.equals(table.take([2, 3]))
    assert Image.open(io.BytesIO(kept["jpg"][0].as_py())).size == (SIDE, SIDE)
