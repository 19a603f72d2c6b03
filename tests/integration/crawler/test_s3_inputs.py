"""Filtering what lies in a bucket of a real S3 server, over wires that break and with settings that are wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest

from crawler.engines.local import Job, run_filter
from crawler.runs.plan import Settings
from crawler.runs.verify import verify_run
from crawler.sources import open_sources, s3
from crawler.sync import open_snapshot
from registry.core.decisions import Policy, Purpose, Request
from registry.core.errors import InvalidInput, NetworkFailed, NotFound
from tests.support import s3 as server
from tests.support.cutting import wire
from tests.unit.crawler import lab, shards

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with server.server() as address:
        yield address


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same data on this machine."""
    folder = tmp_path_factory.mktemp("here")
    pictures = {f"{n:05}": shards.jpeg(n) for n in (1, 2, 101, 102)}
    shards.write(folder / "shards/00000.tar", shards.tar(shards.samples(pictures)))
    shards.write(folder / "shards/00000.idx", b"v1.2 0\n")
    shards.write(folder / "shards/00001.tar", shards.tar(shards.samples({"x": shards.jpeg(103)})))
    shards.write(folder / "table.parquet", shards.hugging_face(list(pictures.values())))
    shards.write(folder / "pictures/a.jpg", pictures["00001"])
    shards.write(folder / "pictures/sub/b é.jpg", pictures["00101"])
    shards.write(folder / "pictures/noise.bin", bytes(range(256)) * 4)
    lab.make_lines(folder / "pages.jsonl")
    return folder


@pytest.fixture(scope="module")
def bucket(endpoint: str, here: Path) -> Any:
    """A bucket that holds it, too."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="corpus")
    for path in sorted(here.rglob("*")):
        if path.is_file():
            client.put_object(
                Bucket="corpus", Key=f"in/{path.relative_to(here).as_posix()}", Body=path.read_bytes()
            )
    return client


@pytest.fixture(autouse=True)
def _environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "_ATTEMPTS", 1)
    monkeypatch.setattr(s3, "_PAUSE", 0.001)
    monkeypatch.setattr(s3, "_LONGEST_PAUSE", 0.1)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab.make_snapshot(tmp_path_factory.mktemp("snapshot"), datetime.now(UTC))


@pytest.fixture
def run(tmp_path: Path, snapshot: Path) -> Run:
    """Filter these inputs into a folder of this name."""

    def filtered(name: str, *inputs: str, workers: int = 1, resume: bool = False) -> Path:
        opened = open_snapshot(snapshot, now=datetime.now(UTC))
        settings = Settings(Request(Purpose.TRAIN_GENAI, Policy.EU_ART4, opened.created), items_per_shard=2)
        job = Job(open_sources(inputs), [], tmp_path / name, opened, settings, workers)
        run_filter(job, resume=resume)
        return tmp_path / name

    return filtered


def tree(folder: Path) -> dict[str, bytes]:
    """All files but the manifest."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "run.json"
    }


NAMES = ("shards", "table.parquet", "pages.jsonl", "pictures")


@pytest.mark.usefixtures("bucket")
def test_a_bucket_gives_the_same_run_as_a_disk(run: Run, here: Path, snapshot: Path) -> None:
    local = run("local", *(str(here / name) for name in NAMES))
    remote = run("remote", *(f"s3://corpus/in/{name}" for name in NAMES), workers=2)
    assert tree(remote) == tree(local)
    verified = verify_run(remote, snapshot).manifest
    assert verified.run_id == verify_run(local, snapshot).manifest.run_id
    assert {used.uri for used in verified.inputs} == {
        "shards/00000.tar",
        "shards/00001.tar",
        "table.parquet",
        "pages.jsonl",
        "pictures",
    }
    text = (remote / "run.json").read_text()
    assert "s3:" not in text
    assert "corpus" not in text


@pytest.mark.usefixtures("bucket")
def test_ranges_name_objects(run: Run) -> None:
    done = run("run", "s3://corpus/in/shards/{00000..00001}.tar")
    assert {p.name for p in (done / "data").iterdir()} == {"00000.tar", "00000.idx", "00001.tar"}
    with pytest.raises(NotFound, match="00002"):
        run("other", "s3://corpus/in/shards/{00000..00002}.tar")


def test_names_that_no_file_can_have_are_items_that_are_never_kept(run: Run, bucket: Any) -> None:
    odd = ("odd/../../x.jpg", "odd//y.jpg", "odd/a", "odd/a/b.jpg", "odd/" + "n" * 300, "odd/\\z.jpg")
    for name in odd:
        bucket.put_object(Bucket="corpus", Key=name, Body=shards.jpeg(107))
    done = run("run", "s3://corpus/odd")
    rows = {row["key"]: row for row in pq.read_table(done / "verdicts.parquet").to_pylist()}
    assert len(rows) == len(odd)
    assert {key for key, row in rows.items() if row["kept"]} == {"a/b.jpg", "\\z.jpg"}
    assert {row["reason"] for row in rows.values() if not row["kept"]} == {"error.unsafe-name"}
    assert {p.name for p in (done / "data").rglob("*") if p.is_file()} == {"b.jpg", "\\z.jpg"}
    verify_run(done)


# -- a wire that breaks ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("bucket")
def test_reads_that_are_cut_off_go_on(run: Run, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [f"s3://corpus/in/{name}" for name in NAMES]
    whole = run("whole", *inputs)
    with wire(endpoint) as broken:
        monkeypatch.setenv("AWS_ENDPOINT_URL", broken.address)
        broken.after, broken.cuts = 2_000, 4
        assert tree(run("cut", *inputs)) == tree(whole)
    assert broken.done == 4


@pytest.mark.usefixtures("bucket")
def test_a_server_that_is_gone_ends_the_run_which_can_go_on(
    run: Run, endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inputs = [f"s3://corpus/in/{name}" for name in ("table.parquet", "shards", "pictures")]
    whole = run("whole", *inputs)
    with wire(endpoint) as broken:
        monkeypatch.setenv("AWS_ENDPOINT_URL", broken.address)
        broken.after, broken.cuts = (
            20_000,
            10_000,
        )  # only the larger answers: the first table and the first tar
        with pytest.raises(NetworkFailed, match="--resume"):
            run("cut", *inputs)
    assert not (tmp_path / "cut" / "run.json").exists()
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert tree(run("cut", *inputs, resume=True)) == tree(whole)


def test_an_object_that_was_changed_meanwhile_is_not_mixed_with_what_it_was(run: Run, bucket: Any) -> None:
    bucket.put_object(Bucket="corpus", Key="moving/a.tar", Body=shards.tar([("a.jpg", b"x")]))
    (source,) = open_sources(["s3://corpus/moving/a.tar"])
    bucket.put_object(Bucket="corpus", Key="moving/a.tar", Body=shards.tar([("a.jpg", b"x" * 20_000)]))
    (shard,) = source.shards(1)
    with pytest.raises(InvalidInput, match="changed while"):
        list(shard.read(1 << 20, lambda data: None))


def test_an_object_that_is_gone_meanwhile_is_a_broken_item(bucket: Any) -> None:
    bucket.put_object(Bucket="corpus", Key="going/a.jpg", Body=b"x")
    (source,) = open_sources(["s3://corpus/going"])
    bucket.delete_object(Bucket="corpus", Key="going/a.jpg")
    (shard,) = source.shards(1)
    assert [s.gap for s in shard.read(1 << 20, lambda data: None)] == ["error.unreadable"]


# -- wrong settings ----------------------------------------------------------------------------------------
@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("uri", "error", "message"),
    [
        ("s3://no-such-bucket/in", InvalidInput, "“no-such-bucket” does not exist"),
        ("s3://no-such-bucket/a.tar", InvalidInput, "“no-such-bucket” does not exist"),
        ("s3://corpus/nothing/here", NotFound, "nothing at s3://corpus/nothing/here"),
        ("s3://corpus/nothing.tar", NotFound, "nothing at"),
        ("s3://", InvalidInput, "names no bucket"),
    ],
)
def test_what_is_not_there_is_named(uri: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_sources([uri])


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    for uri in ("s3://AKIA:geheim@corpus/in", "s3://AKIA@corpus/in"):
        with pytest.raises(InvalidInput, match="AWS_SECRET_ACCESS_KEY") as refused:
            open_sources([uri])
        assert "geheim" not in str(refused.value)


class _Strict(BaseHTTPRequestHandler):
    """A server that accepts nobody; the test server would accept everybody."""

    code = "AccessDenied"

    def do_GET(self) -> None:
        """No, with the reason."""
        body = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        ("AccessDenied", "may not read"),
    ],
)
@pytest.mark.parametrize("name", ["in", "a.tar"])
def test_wrong_credentials_are_explained(
    code: str, advice: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = type("Handler", (_Strict,), {"code": code})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as strict:
        threading.Thread(target=strict.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{strict.server_port}")
        with pytest.raises(InvalidInput, match=advice):
            open_sources([f"s3://corpus/{name}"])
        strict.shutdown()


def test_a_server_that_cannot_be_reached_is_a_network_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NetworkFailed, match="could not be read"):
        open_sources(["s3://corpus/in"])
