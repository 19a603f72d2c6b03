"""Rows judged as columns: the same verdicts and codes, byte for byte, as of rows that are judged one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.engines.local import run_filter
from crawler.modes import Mode
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from registry.core.decisions import Policy
from registry.core.fingerprints import FULL, PHASH64, PHASH256, fingerprint_bytes
from tests.unit.crawler import lab
from tests.unit.crawler.shards import write

WORK = lab.WORKS["reserved picture"].data
CODES = {f.algorithm: f.code for f in fingerprint_bytes(WORK).fingerprints if f.kind == FULL}
CODE, SHORT_CODE = CODES[PHASH256], CODES[PHASH64].hex()
SHA, MD5 = hashlib.sha256(WORK).hexdigest(), hashlib.md5(WORK, usedforsecurity=False).hexdigest()
LICENSED = hashlib.sha256(lab.WORKS["licensed picture"].data).hexdigest()


def strangers(count: int, digits: int, seed: int = 5) -> list[str]:
    """Digests of nothing that is on record."""
    data = np.random.default_rng(seed).bytes(count * digits // 2).hex()
    return [data[at : at + digits] for at in range(0, len(data), digits)]


def near(bits: int) -> bytes:
    """The registered code, so many bits off."""
    return bytes(b ^ (255 if at < bits // 8 else 0) for at, b in enumerate(CODE))


URLS: Sequence[str | None] = [
    "https://example.org/a",
    "HTTPS://Example.ORG:443/%41?b#c",
    "",
    None,
    "ftp://example.org/",
    "no address",
    "https://[::1]/x",
    "https://bücher.example/ä",
    "https://127.0.0.1/",
    "https://a.b.c.example./",
]
DIGESTS: Sequence[str | None] = [
    SHA,
    SHA.upper(),
    LICENSED,
    None,
    "",
    "g" * 64,
    SHA[:-1],
    f" {SHA}",
    " ".join([SHA[:32], SHA[32:]]),
    "é" * 32,
]
SHORT: Sequence[str | None] = [
    SHORT_CODE,
    f"{int(SHORT_CODE, 16) ^ 0b1001:016x}",
    f"{int(SHORT_CODE, 16) ^ 0b11011:016x}",
    None,
    f"{int(SHORT_CODE, 16) ^ 1 << 63:016x}",
    "8000000000000000",
    SHORT_CODE[:-2],
    "x",
    SHORT_CODE.upper(),
]
"""The registered picture's, near it, and what is none."""
TABLES: dict[str, pa.Table] = {
    "digests": pa.table({"sha256": [*DIGESTS, *strangers(300, 64)]}),
    "several": pa.table({
        "sha256": [SHA, None, "", "x", None], "md5": [None, MD5, MD5.upper(), None, ""],
        "phash256": [None, None, near(8).hex(), "00", None],
    }),
    "bytes": pa.table({
        "sha256": pa.array([bytes.fromhex(SHA), b"", None, b"short", bytes(32)], pa.binary()),
        "phash256": pa.array([near(0), near(16), near(64), near(128), None], pa.binary(32)),
    }),
    "short": pa.table({"url": [URLS[0]] * 4 + [None] * 5, "phash64": SHORT}),
    "short alone": pa.table({"phash64": pa.array([s and bytes.fromhex(s) for s in SHORT if s != "x"], pa.binary())}),
    "short and long": pa.table({"phash64": SHORT[:3], "phash256": [near(0).hex(), near(128).hex(), None]}),
    "addresses": pa.table({"URL": URLS, "note": range(len(URLS))}),
    "both": pa.table({"url": URLS, "sha256": [*reversed(DIGESTS)]}),
    "two addresses": pa.table({"url": URLS, "image_url": [*reversed(URLS)]}),
    "dictionary": pa.table({"sha256": pa.array([*DIGESTS, *DIGESTS]).dictionary_encode()}),
    "view": pa.table({"sha256": pa.array(DIGESTS, pa.string_view())}),
    "no text": pa.table({
        "url": pa.Array.from_buffers(pa.string(), 2, pa.array([b"https://a.example/\xff", b"https://b.example/"],
                                                             pa.binary()).buffers()),
    }),
    "nothing": pa.table({"sha256": pa.array([], pa.string())}),
}  # fmt: skip


def _rows(table: pa.Table) -> Iterable[tuple[Any, ...]]:
    """Row by row; texts as bytes, since not all are such."""
    texts = {pa.string(): pa.binary(), pa.string_view(): pa.binary_view()}
    columns = [c.cast(texts[c.type]) if c.type in texts else c for c in table.columns]
    return zip(*(column.to_pylist() for column in columns), strict=True)


@pytest.mark.parametrize("policy", [Policy.EU_ART4, Policy.CONSENT_FIRST])
@pytest.mark.parametrize("name", TABLES)
def test_columns_give_the_verdicts_of_rows(
    tmp_path: Path, make_job: lab.MakeJob, name: str, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.sources.parquet._StatedRows.most_rows", 7)
    path = write(tmp_path / "t.parquet", TABLES[name], row_group_size=100)
    job = make_job(out=tmp_path / "run", policy=policy)
    job = replace(
        job,
        sources=open_sources([path], metadata_only=True),
        settings=replace(job.settings, metadata_only=True),
    )
    as_rows = replace(job, out=tmp_path / "rows", settings=replace(job.settings, mode=Mode.ANNOTATE))
    manifest = run_filter(job, resume=False)
    assert manifest.counts == run_filter(as_rows, resume=False).counts
    for table in ("verdicts.parquet", "codes.parquet"):
        assert pq.read_table(tmp_path / "run" / table).equals(pq.read_table(tmp_path / "rows" / table))
        assert (tmp_path / "run" / table).read_bytes() == (tmp_path / "rows" / table).read_bytes()
    verify_run(tmp_path / "run")
    kept = pq.read_table(tmp_path / "run/verdicts.parquet").column("kept").to_numpy(zero_copy_only=False)
    old, new = (list(_rows(pq.read_table(p))) for p in (path, tmp_path / "run/data/t.parquet"))
    assert new == [old[n] for n in np.flatnonzero(kept)]


def test_the_table_has_something_to_find(tmp_path: Path, make_job: lab.MakeJob) -> None:
    found: dict[str, list[Any]] = {}
    for name in ("digests", "several", "bytes", "short", "short and long"):
        path = write(tmp_path / f"{name}.parquet", TABLES[name])
        job = make_job(out=tmp_path / name)
        run_filter(replace(job, sources=open_sources([path], metadata_only=True)), resume=False)
        found[name] = pq.read_table(tmp_path / name / "verdicts.parquet").column("reason").to_pylist()
    deny, none, bad = "registered.no-licence", "none-found", "error.malformed"
    nowhere = "unchecked.no-address"
    assert found["digests"][:10] == [
        deny, deny, "licence.licensee", nowhere, nowhere, bad, bad, deny, deny, bad,
    ]  # fmt: skip
    assert found["several"] == [deny, deny, deny, bad, nowhere]
    review = "match.review"
    assert found["short"] == [review, review, none, none, bad, nowhere, bad, bad, nowhere]
    assert found["short and long"] == [deny, none, none]
    assert found["bytes"] == [deny, deny, none, bad, none]


# -- DataComp's lists ----------------------------------------------------------------------------------------
def run_datacomp(tmp_path: Path, make_job: lab.MakeJob, uids: list[str | None]) -> Path:
    """A run over three items, of which the second is on record."""
    table = pa.table({"uid": uids, "sha256": [strangers(1, 64)[0], SHA, strangers(2, 64)[1]]})
    path = write(tmp_path / "part-0.parquet", table)
    job = make_job(out=tmp_path / "run")
    run_filter(replace(job, sources=open_sources([path], metadata_only=True)), resume=False)
    verify_run(tmp_path / "run")
    return tmp_path / "run/data"


def test_a_table_of_datacomp_has_the_list_of_what_is_left(tmp_path: Path, make_job: lab.MakeJob) -> None:
    uids = ["f" * 31 + "e", "0" * 32, "00000000000000010000000000000002"]
    data = run_datacomp(tmp_path, make_job, [*uids])
    found = np.load(data / "part-0.npy")
    assert found.dtype == np.dtype("u8,u8")
    assert found.tolist() == sorted((int(uid[:16], 16), int(uid[16:], 16)) for uid in (uids[0], uids[2]))


@pytest.mark.parametrize("uid", ["no uid", None, "0" * 31, "0" * 34])
def test_other_uids_have_none(tmp_path: Path, make_job: lab.MakeJob, uid: str | None) -> None:
    data = run_datacomp(tmp_path, make_job, [uid, "0" * 32, "1" * 32])
    assert [path.name for path in data.iterdir()] == ["part-0.parquet"]
