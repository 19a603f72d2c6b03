"""WebDataset tars: samples as the library groups them, kept blocks as they were, broken things with their reason."""

from __future__ import annotations

import gzip
import io
import tarfile
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest

from crawler.sources.base import Sample
from crawler.sources.places import LocalFile
from crawler.sources.webdataset import TarShard, index_version, split_name
from registry.core.errors import InvalidInput
from tests.unit.crawler.shards import samples, tar, write

LIMIT = 1 << 20


def shard(tmp_path: Path, data: bytes, name: str = "00000.tar", **more: object) -> TarShard:
    """One shard over these bytes."""
    return TarShard(LocalFile.at(write(tmp_path / name, data)), name, **more)  # type: ignore[arg-type]


def read(one: TarShard, max_bytes: int = LIMIT) -> list[Sample]:
    """All its samples; every byte of the file was seen once."""
    digest = sha256()
    found = list(one.read(max_bytes, digest.update))
    assert one.place.path is not None
    assert digest.digest() == sha256(one.place.path.read_bytes()).digest()
    assert [s.row for s in found] == list(range(len(found)))
    return found


def gaps(found: list[Sample]) -> list[tuple[str, str | None]]:
    """Keys without the file's name, and what is wrong with each."""
    return [(s.key.split("/", 1)[1], s.gap) for s in found]


def rewrite(one: TarShard, tmp_path: Path, *dropped: str) -> bytes:
    """The output without these keys."""
    with one.sink(tmp_path / "data") as sink:
        for sample in one.read(LIMIT, lambda data: None):
            keep = sample.gap is None and sample.key.split("/", 1)[1] not in dropped
            (sink.write if keep else sink.skip)(sample)
    out = (tmp_path / "data" / one.name).read_bytes()
    written = sink.written[0]
    assert (written.uri, written.sha256, written.bytes) == (one.name, sha256(out).hexdigest(), len(out))
    return out


@pytest.mark.parametrize(
    ("name", "expect"),
    [
        ("a.jpg", ("a", "jpg")),
        ("a.seg.png", ("a", "seg.png")),
        ("d.1/a.txt.gz", ("d.1/a", "txt.gz")),
        ("./a.jpg", ("./a", "jpg")),
        ("README", ("README", "")),
        (".hidden", (".hidden", "")),
        ("a.b/c", ("a.b/c", "")),
    ],
)
def test_names_are_split_as_the_library_splits_them(name: str, expect: tuple[str, str]) -> None:
    assert split_name(name) == expect


def test_a_sample_is_all_its_members_and_each_is_compared_for_itself(tmp_path: Path) -> None:
    found = read(shard(tmp_path, tar(samples({"a": b"picture a", "b": b"picture b"}))))
    assert gaps(found) == [("a", None), ("b", None)]
    assert [part.data for part in found[0].parts][:2] == [b"picture a", b"A caption."]
    assert all(sample.size == len(sample.raw) == 6 * 512 for sample in found)


def test_all_kept_is_the_very_same_file(tmp_path: Path) -> None:
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        long = "long/" * 30 + "näme"
        data = tar([*samples({"a": b"x", long: b"y" * 700}), ("README", b"z")], form)
        assert rewrite(shard(tmp_path, data), tmp_path) == data


def test_what_is_kept_is_byte_for_byte_what_was_there(tmp_path: Path) -> None:
    long = "d" * 120
    pictures = {"a": b"1", long: b"2" * 513, "c": b"3", "d": b"4"}
    data = tar(samples(pictures), tarfile.GNU_FORMAT)
    out = rewrite(shard(tmp_path, data), tmp_path, "a", "c")
    assert out == tar(samples({long: b"2" * 513, "d": b"4"}), tarfile.GNU_FORMAT)


def test_folders_stay_where_they_were(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("x", "x/a.jpg", "y", "y/b.jpg"):
            facts = tarfile.TarInfo(name)
            facts.type = tarfile.REGTYPE if "." in name else tarfile.DIRTYPE
            facts.size = 3 if "." in name else 0
            archive.addfile(facts, io.BytesIO(b"abc"))
    one = shard(tmp_path, out.getvalue())
    assert gaps(read(one)) == [("x/a", None), ("y/b", None)]
    assert rewrite(one, tmp_path) == out.getvalue()
    with tarfile.open(fileobj=io.BytesIO(rewrite(one, tmp_path, "x/a"))) as archive:
        assert archive.getnames() == ["x", "y", "y/b.jpg"]


@pytest.mark.parametrize("name", ["00000.tgz", "00000.tar.gz", "00000.tar.zst"])
def test_a_packed_tar_is_packed_again_and_equally_each_time(tmp_path: Path, name: str) -> None:
    data = tar(samples({"a": b"x" * 9_000, "b": b"y"}))
    codec = "zstd" if name.endswith("zst") else "gzip"
    one = shard(tmp_path, pa.compress(data, codec=codec, asbytes=True), name)
    assert [s.gap for s in read(one)] == [None, None]
    first, second = rewrite(one, tmp_path, "a"), rewrite(one, tmp_path, "a")
    assert first == second
    if name != "00000.tar.zst":
        assert gzip.decompress(first) == tar(samples({"b": b"y"}))


@pytest.mark.parametrize("cut", [20, 300, -9, -4])
def test_a_packed_tar_that_is_cut_keeps_only_what_was_whole(tmp_path: Path, cut: int) -> None:
    data = gzip.compress(tar(samples({"a": bytes(range(256)) * 40, "b": b"y"})), mtime=0)
    found = read(shard(tmp_path, data[:cut], "00000.tar.gz"))
    assert found[-1].gap == "error.truncated"
    for name in ("00000.tgz", "00000.tar.gz"):
        assert gaps(read(shard(tmp_path, b"no gzip", name))) == [("…", "error.truncated")]


def test_a_tar_bomb_takes_no_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(tar([("a.jpg", bytes(64 << 20)), ("b.jpg", b"x")]))
    found = read(shard(tmp_path, bomb, "00000.tgz"))
    assert gaps(found) == [("a", "error.too-large"), ("b", None)]
    assert found[0].raw == b""


def test_members_that_are_packed_themselves_are_looked_into(tmp_path: Path) -> None:
    packed = gzip.compress(b"The text.")
    members = [
        ("a.txt.gz", packed),
        ("b.txt.gz", packed[:-3]),
        ("c.txt.gz", gzip.compress(bytes(2 << 20))),
        ("d.txt.gz", packed + b"more"),
    ]
    found = read(shard(tmp_path, tar(members)))
    assert found[0].parts[0].data == b"The text."
    assert [s.parts[0].gap for s in found] == [
        None,
        "error.undecodable",
        "error.too-large",
        "error.undecodable",
    ]


# -- what is wrong with samples ----------------------------------------------------------------------------
def test_doubles_links_and_names_that_lead_elsewhere_are_never_kept(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("a.jpg", "a.jpg", "b.jpg", "b.JPG", "c.jpg", "a.txt", "/etc/passwd.jpg", "../x.jpg"):
            facts = tarfile.TarInfo(name)
            facts.size = 1
            archive.addfile(facts, io.BytesIO(b"x"))
        for name, kind in (
            ("l.jpg", tarfile.SYMTYPE),
            ("h.jpg", tarfile.LNKTYPE),
            ("p.jpg", tarfile.FIFOTYPE),
        ):
            facts = tarfile.TarInfo(name)
            facts.type, facts.linkname = kind, "/etc/passwd"
            archive.addfile(facts)
        facts = tarfile.TarInfo("../out")
        facts.type = tarfile.DIRTYPE
        archive.addfile(facts)
    one = shard(tmp_path, out.getvalue())
    assert gaps(read(one)) == [
        ("a", "error.duplicate-key"),
        ("b", "error.duplicate-key"),
        ("c", None),
        ("a", "error.duplicate-key"),
        ("/etc/passwd", "error.unsafe-name"),
        ("../x", "error.unsafe-name"),
        ("l", "unchecked.symlink"),
        ("h", "unchecked.symlink"),
        ("p", "unchecked.special-file"),
        ("../out/", "error.unsafe-name"),
    ]
    assert rewrite(one, tmp_path) == tar([("c.jpg", b"x")])


def test_a_sample_without_a_picture_s_bytes_is_no_picture(tmp_path: Path) -> None:
    members = [("a.jpg", b""), ("a.txt", b"x"), ("b.jpg", b"x"), ("b.txt", b""), ("c.txt", b"")]
    found = read(shard(tmp_path, tar(members)))
    assert [[part.data for part in s.parts] for s in found] == [[b"", b"x"], [b"x"], []]
    assert [s.gap for s in found] == [None, None, "error.no-bytes"]


def test_too_large_samples_and_too_many_members(tmp_path: Path) -> None:
    members = [("a.1", bytes(600)), ("a.2", bytes(600)), ("b.1", bytes(100)), ("c.1", bytes(3_000))]
    found = read(shard(tmp_path, tar(members)), max_bytes=2_048)
    assert gaps(found) == [("a", "error.too-large"), ("b", None), ("c", "error.too-large")]
    many = read(shard(tmp_path, tar([(f"a.{n}", b"") for n in range(1_100)])))
    assert gaps(many) == [("a", "error.too-large")]


def test_only_the_members_asked_for_are_compared(tmp_path: Path) -> None:
    data = tar([*samples({"a": b"x"}), ("a.npy", b"\x93NUMPY"), ("b.npy", b"\x93NUMPY")])
    found = read(shard(tmp_path, data, columns=("JPG", "txt")))
    assert [[p.data for p in s.parts] for s in found] == [[b"x", b"A caption."], []]
    assert [s.gap for s in found] == [None, "error.no-bytes"]


@pytest.mark.parametrize("cut", range(100, 5 * 512, 300))
def test_a_truncated_tar_keeps_what_was_whole_and_counts_the_rest_as_one(tmp_path: Path, cut: int) -> None:
    data = tar([("a.jpg", b"x"), ("a.txt", b"y"), ("b.jpg", b"z")])[:cut]
    found = read(shard(tmp_path, data))
    assert found[-1].gap == "error.truncated"
    assert all(sample.gap is None for sample in found[:-1])


def test_a_member_that_is_cut_breaks_its_own_sample(tmp_path: Path) -> None:
    data = tar([("a.jpg", b"x"), ("b.jpg", b"y"), ("b.txt", b"z" * 600)])
    found = read(shard(tmp_path, data[: 5 * 512 + 100]))
    assert gaps(found) == [("a", None), ("b", "error.truncated")]
    assert found[1].parts == ()


@pytest.mark.parametrize("data", [b"", b"\x89PNG" * 1_000, b"PK\x03\x04" + bytes(600)])
def test_what_is_no_tar_is_one_broken_item_and_an_empty_tar(tmp_path: Path, data: bytes) -> None:
    one = shard(tmp_path, data)
    ((key, gap),) = gaps(read(one))
    assert (key, str(gap)[:6]) == ("…", "error.")
    assert rewrite(one, tmp_path) == tar([])


# -- the index beside a tar --------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ["v1.1", "v1.2"])
def test_the_index_points_at_what_is_left(tmp_path: Path, version: str) -> None:
    data = tar(samples({"a": b"1", "b": b"2" * 700, "c": b"3"}), tarfile.PAX_FORMAT)
    one = shard(tmp_path, data, index=version)
    out = rewrite(one, tmp_path, "a")
    head, *lines = (tmp_path / "data" / "00000.idx").read_text().splitlines()
    assert head == f"{version} 2"
    width = 4 if version == "v1.2" else 3
    for line, (key, picture) in zip(lines, (("b", b"2" * 700), ("c", b"3")), strict=True):
        words = line.split(" ")
        assert [words[i] for i in range(0, len(words), width)] == ["jpg", "txt", "json"]
        offset, size = int(words[1]), int(words[2])
        assert out[offset : offset + size] == picture
        if version == "v1.2":
            assert words[3] == f"{key}.jpg"


def test_an_index_that_we_could_not_make_anew_is_refused(tmp_path: Path) -> None:
    assert (
        index_version(LocalFile.at(write(tmp_path / "a.idx", b"v1.2 3\njpg 0 1 a.jpg\n")), "a.idx") == "v1.2"
    )
    for data in (b"", b"v9 1\n", b"\0" * 100):
        with pytest.raises(InvalidInput, match=r"a\.idx"):
            index_version(LocalFile.at(write(tmp_path / "a.idx", data)), "a.idx")


def test_an_interrupted_sink_claims_nothing(tmp_path: Path) -> None:
    sink = shard(tmp_path, tar(samples({"a": b"x"})), "a.tar.gz").sink(tmp_path / "data")
    sink.__enter__()
    sink.write(Sample(0, "a", b"x" * 512, 512, origin=()))
    sink.__exit__(RuntimeError, RuntimeError(), None)
    assert sink.written == ()
