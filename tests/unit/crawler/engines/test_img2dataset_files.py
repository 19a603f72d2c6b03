"""Whole runs over img2dataset's layout `files`: what belongs to one key is one item, kept or left out as a whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.engines.local import run_filter
from crawler.engines.shard import run_shard
from crawler.modes import Mode
from crawler.runs.partial import Marker
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from registry.core.errors import InvalidInput, VerificationFailed
from tests.unit.crawler import lab
from tests.unit.crawler.shards import write

KEYS = [f"00000{n:04}" for n in range(5)]
SEEDS = {KEYS[0]: 1, KEYS[2]: 77, KEYS[3]: 2, KEYS[4]: 78}
"""Pictures that were fetched: a reserved one, a stranger, an open one, another stranger. One could not be fetched."""
EXPECTED = ["registered.no-licence", "none-found", "licence.anyone", "none-found"]


def listing() -> pa.Table:
    fetched = [key in SEEDS for key in KEYS]
    status = ["success" if ok else "failed_to_download" for ok in fetched]
    return pa.table(
        {"url": [f"https://example.org/{key}.jpg" for key in KEYS], "key": KEYS, "status": status}
    )


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder as img2dataset leaves it."""
    folder = tmp_path / "set"
    for key, seed in SEEDS.items():
        write(folder / f"00000/{key}.jpg", lab.encoded(lab.picture(seed), "JPEG", quality=95))
        write(folder / f"00000/{key}.txt", b"short")
        write(folder / f"00000/{key}.json", json.dumps({"key": key, "status": "success"}).encode())
    write(folder / "00000.parquet", listing(), row_group_size=100)
    write(folder / "00000_stats.json", b'{"count": 5, "successes": 4}')
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def verdicts(run: Path) -> list[tuple[str, str]]:
    rows = pq.read_table(run / "verdicts.parquet").to_pylist()
    return [(row["key"], row["reason"]) for row in rows]


def test_an_item_is_kept_or_left_out_with_all_its_files(
    tmp_path: Path, output: Path, make_job: lab.MakeJob
) -> None:
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    assert verdicts(tmp_path / "run") == [
        (f"00000/{key}", reason) for key, reason in zip(SEEDS, EXPECTED, strict=True)
    ]
    kept = files(tmp_path / "run/data")
    assert pq.read_table(tmp_path / "run/data/00000.parquet").equals(listing().take([2, 3, 4]))
    del kept["00000.parquet"]
    whole = files(output / "00000")
    assert kept == {f"00000/{name}": data for name, data in whole.items() if not name.startswith(KEYS[0])}


def test_the_papers_can_be_checked_with_common_tools(
    tmp_path: Path, output: Path, make_job: lab.MakeJob
) -> None:
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    manifest = verify_run(tmp_path / "run").manifest
    (read,) = manifest.inputs
    assert (read.uri, read.format, read.rows) == ("set/00000", "img2dataset", 4)
    everything = subprocess.run("cat 00000/*", shell=True, cwd=output, check=True, capture_output=True).stdout
    assert (read.sha256, read.bytes) == (sha256(everything).hexdigest(), len(everything))
    items, lists = manifest.outputs
    assert (lists.uri, lists.format, lists.rows) == ("data/00000.parquet", "index", 3)
    assert (items.uri, items.format, items.rows) == ("data/00000", "img2dataset", 3)
    sums = subprocess.run(
        "sha256sum 00000/*", shell=True, cwd=tmp_path / "run/data", check=True, capture_output=True
    ).stdout
    assert items.sha256 == sha256(sums).hexdigest()


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda data: (data / f"00000/{KEYS[2]}.txt").write_bytes(b"other"), "added, removed or changed"),
    (lambda data: (data / f"00000/{KEYS[2]}.json").unlink(), "added, removed or changed"),
    (lambda data: (data / "00000/more.jpg").write_bytes(b""), "added, removed or changed"),
    (lambda data: (data / "00000/link").symlink_to("/dev/null"), "no plain file"),
    (lambda data: shutil.rmtree(data / "00000"), "is missing"),
    (lambda data: (data / "00001").mkdir(), "not from this run"),
]


def test_what_was_changed_in_the_output_is_noticed(
    tmp_path: Path, output: Path, make_job: lab.MakeJob
) -> None:
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    for number, (change, said) in enumerate(CHANGES):
        copy = shutil.copytree(tmp_path / "run", tmp_path / f"copy-{number}")
        change(copy / "data")
        with pytest.raises(VerificationFailed, match=said):
            verify_run(copy)


def test_one_bad_file_leaves_out_its_item_and_no_other(
    tmp_path: Path, output: Path, make_job: lab.MakeJob
) -> None:
    folder = output / "00000"
    write(folder / f"{KEYS[2]}.txt", lab.WORKS["reserved text"].data)
    (folder / f"{KEYS[3]}.json").unlink()
    (folder / f"{KEYS[3]}.json").symlink_to(folder / f"{KEYS[0]}.json")
    write(folder / f"{KEYS[4]}.jpg", b"")
    write(folder / "other.npy", bytes(64))
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    assert [reason for _, reason in verdicts(tmp_path / "run")] == [
        "registered.no-licence", "registered.no-licence", "unchecked.symlink", "error.undecodable",
        "error.undecodable",
    ]  # fmt: skip
    assert list(files(tmp_path / "run/data")) == ["00000.parquet"]
    verify_run(tmp_path / "run")


def test_a_key_that_comes_twice_is_never_kept(tmp_path: Path, output: Path, make_job: lab.MakeJob) -> None:
    write(output / "00000/x.!", b"")
    write(output / "00000/x./y.txt", b"")
    write(output / "00000/x.jpg", lab.encoded(lab.picture(90)))
    run_filter(make_job(output, out=tmp_path / "run"), resume=False)
    found = dict(verdicts(tmp_path / "run"))
    assert found["00000/x"] == "error.duplicate-key"
    assert not list((tmp_path / "run/data/00000").glob("x*"))


def test_an_interrupted_attempt_leaves_nothing(tmp_path: Path, output: Path) -> None:
    (source,) = open_sources([output])
    (shard,) = source.shards(1)
    stale = write(tmp_path / "data/00000/stale.jpg", b"x")
    with shard.sink(tmp_path / "data") as sink:
        for sample in shard.read(1 << 20, lambda _: None):
            sink.skip(sample)
    assert not stale.exists()
    assert next(w.bytes for w in sink.written) == 0


def test_what_is_finished_is_done_again_only_if_a_file_of_it_was_lost(
    tmp_path: Path, output: Path, make_job: lab.MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(output / "00000", output / "00001")
    shutil.copy(output / "00000.parquet", output / "00001.parquet")
    job, begun = make_job(output, out=tmp_path / "run"), list[int]()

    def until(last: int) -> None:
        def some(number: int, *rest: Any) -> Marker:
            begun.append(number)
            if number > last:
                raise KeyboardInterrupt
            return run_shard(number, *rest)

        monkeypatch.setattr("crawler.engines.local.run_shard", some)

    until(0)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_filter(job, resume=bool(begun))
    assert begun == [0, 1, 1]
    (tmp_path / f"run/.partial/data/00000/{KEYS[2]}.json").write_bytes(b"")
    until(1)
    run_filter(job, resume=True)
    assert begun == [0, 1, 1, 0, 1]
    verify_run(tmp_path / "run")


def test_a_limit_reads_on_for_the_digest(output: Path) -> None:
    seen = [sha256(), sha256()]
    for digest, limit in zip(seen, (None, 1), strict=True):
        (source,) = open_sources([output], limit=limit)
        (shard,) = source.shards(10)
        assert len(list(shard.read(1 << 20, digest.update))) == (limit or 4)
    assert seen[0].digest() == seen[1].digest()


def test_a_change_of_any_file_or_the_list_is_noticed(output: Path) -> None:
    def state() -> str:
        return next(open_sources([output])[0].shards(1)).state()

    states = [state()]
    write(output / f"00000/{KEYS[0]}.txt", b"longer than before")
    states.append(state())
    write(output / "00000.parquet", listing().slice(1))
    states.append(state())
    assert len(set(states)) == 3


def test_columns_are_extensions(tmp_path: Path, output: Path, make_job: lab.MakeJob) -> None:
    write(output / f"00000/{KEYS[2]}.npy", bytes(64))
    job = make_job(out=tmp_path / "run")
    run_filter(replace(job, sources=open_sources([output], column="jpg,txt")), resume=False)
    assert [reason for _, reason in verdicts(tmp_path / "run")] == EXPECTED
    assert (tmp_path / f"run/data/00000/{KEYS[2]}.npy").exists()


def test_annotated_it_stays_where_it_is(tmp_path: Path, output: Path, make_job: lab.MakeJob) -> None:
    job = make_job(output, out=tmp_path / "run")
    run_filter(replace(job, settings=replace(job.settings, mode=Mode.ANNOTATE)), resume=False)
    assert list(files(tmp_path / "run/data")) == ["attributes/vorbehalt/00000.jsonl.gz"]
    verify_run(tmp_path / "run")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "00000.parquet").unlink(),
        lambda folder: write(folder / "notes.md", b"x"),
        lambda folder: write(folder / "00001/picture.jpg", b"x"),
    ],
)
def test_other_folders_are_folders_of_files(output: Path, change: Callable[[Path], object]) -> None:
    change(output)
    assert [source.format for source in open_sources([output])] == ["folder"]


def test_there_are_no_rows_to_read_addresses_from(output: Path) -> None:
    with pytest.raises(InvalidInput, match="no rows that state addresses"):
        open_sources([output], metadata_only=True)
