"""Everything that a corpus can do to a filter: nothing crashes, nothing unchecked is kept, each item has its reason."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crawler.engines.local import run_filter
from crawler.runs.verify import verify_run
from crawler.sources import open_sources
from registry.core.errors import InvalidInput
from registry.core.fingerprints.model import Limits
from tests.unit.crawler import lab
from tests.unit.crawler.archives import packed, response, urn
from tests.unit.crawler.shards import hugging_face, jpeg, samples, tar, write

MIB = 1 << 20
LIMITS = Limits(max_file_bytes=8 * MIB)
"""Small, so that the bombs need not be large."""
LIMIT = LIMITS.max_file_bytes
RESERVED, FREE = lab.picture(1), lab.picture(88)
DENIED, KEPT = "registered.no-licence", "none-found"


def reasons(tmp_path: Path, make_job: lab.MakeJob, *inputs: Path) -> dict[str, str]:
    """The reason of every item of a run that verifies; only what was checked in full is kept."""
    job = make_job(*inputs, out=tmp_path / "run", items_per_shard=100)
    manifest = run_filter(replace(job, settings=replace(job.settings, limits=LIMITS)), resume=False)
    verify_run(tmp_path / "run")
    rows = pq.read_table(tmp_path / "run/verdicts.parquet").to_pylist()
    assert all(row["kept"] == (row["reason"] == KEPT) for row in rows)
    assert manifest.counts.seen == len(rows) == sum(manifest.counts.by_reason.values())
    assert len({row["key"] for row in rows}) == len(rows)
    return {row["key"]: row["reason"] for row in rows}


def zeros(compressor: Any, size: int) -> bytes:
    """So many zero bytes, packed without ever being held."""
    pieces = [compressor.compress(bytes(MIB)) for _ in range(size // MIB)]
    return b"".join([*pieces, compressor.flush()])


def zstd(data: bytes) -> bytes:
    """Packed with Zstandard."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def zipped(name: str, data: bytes) -> bytes:
    """An archive with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def tiff16(image: Image.Image) -> bytes:
    """The picture in grey, with 16 bits a pixel."""
    grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
    return lab.encoded(Image.fromarray(grey), "TIFF")


def animated(images: list[Image.Image]) -> bytes:
    """A GIF of these pictures."""
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=50)
    return out.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "pixel-bomb.png": (lab.pixel_bomb(), "error.too-large"),
    "bomb.gz": (zeros(zlib.compressobj(wbits=31), 64 * MIB), "error.unsupported"),
    "bomb.zip": (zipped("a.txt", bytes(32 * MIB)), "error.unsupported"),
    "bomb.zst": (zstd(bytes(32 * MIB)), "error.unsupported"),
    "slip.zip": (zipped("../../etc/passwd", b"root"), "error.unsupported"),
    "empty.jpg": (b"", "error.undecodable"),
    "zeros.png": (bytes(4_096), "error.undecodable"),
    "head-only.jpg": (jpeg(7)[:20], "error.undecodable"),
    "half.jpg": (jpeg(7)[: len(jpeg(7)) // 2], "error.undecodable"),
    "half.png": (lab.encoded(FREE)[:900], "error.undecodable"),
    "latin.txt": ("Größe und Maß. ".encode("latin-1") * 20, "error.unsupported"),
    "nul.txt": (b"A text with a \0 in it. " * 20, "error.undecodable"),
    "surrogate.txt": (b"\xed\xa0\x80" * 100, "error.unsupported"),
    "text-that-is-a-picture.txt": (lab.encoded(RESERVED), DENIED),
    "picture-that-is-a-text.jpg": (lab.WORKS["reserved text"].data, DENIED),
    "reserved.gif": (animated([RESERVED, FREE, FREE]), DENIED),
    "free.gif": (animated([FREE, FREE.rotate(5)]), KEPT),
    "reserved-16-bit.tif": (tiff16(RESERVED), DENIED),
    "free-16-bit.tif": (tiff16(FREE), KEPT),
    "reserved-cmyk.jpg": (lab.encoded(RESERVED.convert("CMYK"), "JPEG", quality=90), DENIED),
    "free-cmyk.jpg": (lab.encoded(FREE.convert("CMYK"), "JPEG", quality=90), KEPT),
    "name with\nline end.png": (lab.encoded(FREE), KEPT),
    "-rf.png": (lab.encoded(FREE), KEPT),
}


def test_files(tmp_path: Path, make_job: lab.MakeJob) -> None:
    for name, (data, _) in FILES.items():
        write(tmp_path / "set" / name, data)
    (tmp_path / "set" / b"not-utf8-\xff.png".decode("utf-8", "surrogateescape")).write_bytes(
        lab.encoded(FREE)
    )
    found = reasons(tmp_path, make_job, tmp_path / "set")
    assert found == {name: reason for name, (_, reason) in FILES.items()} | {"not-utf8-\\xff.png": KEPT}


# -- tars ----------------------------------------------------------------------------------------------------
def linked(name: str, kind: bytes) -> bytes:
    """A tar with a link out of its folder beside a picture."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        facts = tarfile.TarInfo(name)
        facts.type, facts.linkname = kind, "/etc/passwd"
        archive.addfile(facts)
    return out.getvalue()


GOOD = samples({"good": jpeg(88)})
TARS: dict[str, tuple[bytes, dict[str, str]]] = {
    "slip.tar": (
        tar([("../../up.jpg", jpeg(88)), ("/root.jpg", jpeg(88)), *GOOD]),
        {"../../up": "error.unsafe-name", "/root": "error.unsafe-name", "good": KEPT},
    ),
    "twice.tar": (
        tar([*GOOD, ("good.JPG", jpeg(1))]),
        {"good": "error.duplicate-key"},
    ),
    "link.tar": (linked("link.jpg", tarfile.SYMTYPE), {"link": "unchecked.symlink"}),
    "hard-link.tar": (linked("link.jpg", tarfile.LNKTYPE), {"link": "unchecked.symlink"}),
    "device.tar": (linked("null.jpg", tarfile.CHRTYPE), {"null": "unchecked.special-file"}),
    "cut.tar": (tar([*GOOD, ("late.jpg", jpeg(1))])[:-11_000], {"good": KEPT, "late": "error.truncated"}),
    "zero.tar": (b"", {"…": "error.truncated"}),
    "zeros.tar": (bytes(10_240), {}),  # an archive without members
    "picture.tar": (jpeg(1) * 10, {"…": "error.malformed"}),
    "bomb.tar.gz": (zeros(zlib.compressobj(wbits=31), 64 * MIB), {}),
    "cut.tar.gz": (gzip.compress(tar(GOOD))[:-3_000], {"…": "error.truncated"}),
    "noise.tgz": (b"\x1f\x8b" + bytes(range(256)), {"…": "error.truncated"}),
}


@pytest.mark.parametrize("name", TARS)
def test_tars(tmp_path: Path, make_job: lab.MakeJob, name: str) -> None:
    data, expect = TARS[name]
    found = reasons(tmp_path, make_job, write(tmp_path / name, data))
    assert found == {f"{name}/{key}": reason for key, reason in expect.items()}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (gzip.compress(jpeg(1)), DENIED),
        (zstd(jpeg(1)), DENIED),
        (bz2.compress(jpeg(1)), DENIED),
        (lzma.compress(jpeg(1)), DENIED),
        (gzip.compress(jpeg(88)), KEPT),
        (gzip.compress(jpeg(88))[:-4], "error.undecodable"),
        (gzip.compress(gzip.compress(jpeg(88))), "error.unsupported"),
        (zeros(zlib.compressobj(wbits=31), LIMIT + MIB), "error.too-large"),
        (zeros(bz2.BZ2Compressor(), LIMIT + MIB), "error.too-large"),
    ],
    ids=str.split("gzip zstd bzip2 xz free cut twice gzip-bomb bzip2-bomb"),
)
def test_members_of_tars_that_are_packed(
    tmp_path: Path, make_job: lab.MakeJob, member: bytes, reason: str
) -> None:
    path = write(tmp_path / "a.tar", tar([("a.jpg.gz", member)]))
    assert reasons(tmp_path, make_job, path) == {"a.tar/a": reason}


# -- tables --------------------------------------------------------------------------------------------------
def test_tables_with_nulls_nans_and_bytes_of_any_kind(tmp_path: Path, make_job: lab.MakeJob) -> None:
    cells = [jpeg(1), None, b"", b"\xff" * 50, lab.pixel_bomb(), jpeg(88)]
    table = hugging_face(cells).append_column(
        "score", pa.array([float("nan"), None, 1.0, float("inf"), 0.0, -0.0])
    )
    path = write(tmp_path / "t.parquet", table)
    assert list(reasons(tmp_path, make_job, path).values()) == [
        DENIED,
        "error.no-bytes",
        "error.undecodable",
        "error.unsupported",
        "error.too-large",
        KEPT,
    ]


def test_texts_of_a_table_that_are_no_unicode(tmp_path: Path, make_job: lab.MakeJob) -> None:
    raw = [b"\xff\xfe" * 50, lab.prose(9).encode(), b"", b"\xed\xa0\x80" * 50]
    text = pa.Array.from_buffers(pa.string(), 4, pa.array(raw, pa.binary()).buffers())
    path = write(tmp_path / "t.parquet", pa.table({"text": text}))
    assert list(reasons(tmp_path, make_job, path).values()) == [
        "error.undecodable",
        KEPT,
        "unchecked.too-short",
        "error.undecodable",
    ]


@pytest.mark.parametrize("cut", [1, 8, 200])
def test_a_table_that_ends_too_early(tmp_path: Path, make_job: lab.MakeJob, cut: int) -> None:
    write(tmp_path / "t.parquet", hugging_face([jpeg(88)] * 3))
    path = write(tmp_path / "t.parquet", (tmp_path / "t.parquet").read_bytes()[:-cut])
    assert reasons(tmp_path, make_job, path) == {"t.parquet#…": "error.malformed"}


def test_a_row_group_of_a_million_rows_is_never_held(tmp_path: Path) -> None:
    names = pa.array(np.arange(1_000_000)).cast(pa.string())
    path = write(tmp_path / "t.parquet", pa.table({"text": names}), row_group_size=1_000_000)
    before = pa.total_allocated_bytes()
    (shard,) = open_sources([path])[0].shards(1)
    rows, most = 0, 0
    for sample in islice(shard.read(LIMIT, lambda data: None), 200_000):
        rows += 1
        if sample.row % 50_000 == 0:
            most = max(most, pa.total_allocated_bytes() - before)
    assert rows == 200_000
    assert most < 8 * MIB


# -- lines and web archives ----------------------------------------------------------------------------------
def lines(texts: Iterable[object]) -> bytes:
    """One record a line."""
    return b"".join(
        json.dumps({"id": f"id-{n}", "text": text}).encode() + b"\n" for n, text in enumerate(texts)
    )


LINES = lines([lab.WORKS["reserved text"].data.decode(), lab.prose(9), None, 5, ["a"], "\ud800" * 99])


@pytest.mark.parametrize("ending", [".jsonl.gz", ".json.gz", ".jsonl.zst", ".ndjson.zst"])
def test_lines_that_are_packed_and_cut(tmp_path: Path, make_job: lab.MakeJob, ending: str) -> None:
    noise = np.random.default_rng(1).bytes(MIB).hex().encode()  # so that the cut lies behind the lines
    data = LINES + b'{"id": "noise", "text": "' + noise + b'"}\n'
    cut = (gzip.compress(data) if ending.endswith("gz") else zstd(data))[: -MIB // 2]
    found = reasons(tmp_path, make_job, write(tmp_path / f"a{ending}", cut))
    assert found.pop("id-0") == DENIED
    assert found.pop("id-1") == KEPT
    assert set(found.values()) == {"error.no-text", "error.malformed", "error.truncated"}


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_line_that_is_a_bomb(tmp_path: Path, make_job: lab.MakeJob, ending: str) -> None:
    packer = zlib.compressobj(wbits=31) if ending == "gz" else None
    data = zeros(packer, LIMIT + MIB) if packer else zstd(bytes(LIMIT + MIB))
    path = write(tmp_path / f"a.jsonl.{ending}", data)
    assert reasons(tmp_path, make_job, path) == {"1": "error.too-large"}


def test_web_archives_with_a_bomb_and_a_cut(tmp_path: Path, make_job: lab.MakeJob) -> None:
    bomb = response(1, gzip.compress(bytes(LIMIT + MIB)), head=["Content-Encoding: gzip"])
    data = packed(bomb, response(2, jpeg(1)), response(3, jpeg(88)), response(4, jpeg(88)))[:-9]
    assert reasons(tmp_path, make_job, write(tmp_path / "a.warc.gz", data)) == {
        urn(1): "error.too-large",
        urn(2): DENIED,
        urn(3): KEPT,
        "a.warc.gz/…": "error.truncated",
    }


# -- inputs that do not hold still ---------------------------------------------------------------------------
CHANGING: dict[str, bytes | pa.Table] = {
    "a.jsonl": lines([lab.prose(9), lab.prose(10)]),
    "a.jsonl.gz": gzip.compress(lines([lab.prose(9), lab.prose(10)])),
    "a.tar": tar(GOOD),
    "a.parquet": hugging_face([jpeg(88)] * 2),
    "a.warc.gz": packed(response(3, jpeg(88)), response(4, jpeg(88))),
}


@pytest.mark.parametrize("limit", [None, 1])
@pytest.mark.parametrize("name", CHANGING)
def test_a_file_that_changes_while_it_is_read_ends_the_run(
    tmp_path: Path, make_job: lab.MakeJob, name: str, limit: int | None
) -> None:
    path = write(tmp_path / name, CHANGING[name])
    job = make_job(path, out=tmp_path / "run")
    job = replace(job, sources=open_sources([path], limit=limit))
    os.utime(path, ns=(0, 0))  # by now the file's place, size and time are known
    with pytest.raises(InvalidInput, match="changed while it was read"):
        run_filter(job, resume=False)
    assert not (tmp_path / "run/run.json").exists()
    assert not (tmp_path / "run/data").exists()
