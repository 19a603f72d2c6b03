"""Time-stamps over a receipt, by an authority made with openssl; nothing else proves a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from crawler.cli import cli
from registry.core.records.leaves import TariffLeaf
from registry.core.records.receipts import build_receipt
from registry.core.tlog import merkle
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import SigningKey
from registry.core.tlog.policies import Policy
from tests.support.requirements import missing

_CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""
_USE = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


def openssl(*words: str | Path) -> None:
    """Run it, or fail with what it says."""
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Authority(NamedTuple):
    """Where it answers, and its root certificate."""

    url: str
    roots: Path
    answer: dict[str, bytes]
    """`{"instead": …}` makes it say something else."""


def make_root(folder: Path, name: str) -> None:
    """A root of trust: `<name>.key`, `<name>.pem`."""
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem",
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates of an authority, and of another one."""
    if shutil.which("openssl") is None:
        missing("openssl", "install openssl")
    folder = tmp_path_factory.mktemp("tsa")
    make_root(folder, "root")
    make_root(folder, "other")
    (folder / "use").write_text(_USE)
    (folder / "serial").write_text("01\n")
    (folder / "config").write_text(_CONFIG.format(folder=folder))
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=tsa.example",
        "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr",
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", folder / "tsa.csr", "-CA", folder / "root.pem", "-CAkey", folder / "root.key",
        "-CAcreateserial", "-days", "30", "-extfile", folder / "use", "-out", folder / "tsa.pem",
    )  # fmt: skip
    return folder


@pytest.fixture
def authority(made: Path, tmp_path: Path) -> Iterator[Authority]:
    """It, answering over HTTP."""
    answer: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query, reply = tmp_path / "query", tmp_path / "reply"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            openssl(
                "ts", "-reply", "-config", made / "config", "-queryfile", query, "-signer", made / "tsa.pem",
                "-inkey", made / "tsa.key", "-out", reply,
            )  # fmt: skip
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.get("instead", reply.read_bytes()))

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Authority(f"http://127.0.0.1:{server.server_address[1]}", made / "root.pem", answer)
        server.shutdown()
        thread.join()


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    """A receipt, and beside it the policy by which it holds."""
    key = SigningKey.generate("registry.example/usage-log")
    body = TariffLeaf(tariff="tariff_x", version=1, terms="ab" * 32, at=5).body()
    note = Checkpoint(key.name, 1, merkle.leaf_hash(body)).signed(key)
    path = tmp_path / "my.tlog-proof"
    path.write_text(build_receipt(body, 0, [], note), "utf-8")
    (tmp_path / "policy").write_text(str(Policy.of_log(key.verifier())))
    return path


def stamp(receipt: Path, authority: Authority) -> Result:
    """`vorbehalt receipt timestamp`."""
    words = ["receipt", "timestamp", receipt, "--authority", authority.url, "--roots", authority.roots]
    return CliRunner().invoke(cli, [str(word) for word in words])


def verify(receipt: Path, roots: Path) -> Result:
    """`vorbehalt receipt verify` with the time-stamp."""
    words = [
        "receipt",
        "verify",
        receipt,
        "--policy",
        receipt.with_name("policy"),
        "--roots",
        roots,
        "--json",
    ]
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_a_stamped_receipt_proves_a_time(receipt: Path, authority: Authority) -> None:
    done = stamp(receipt, authority)
    assert done.exit_code == 0, done.stderr
    found = verify(receipt, authority.roots)
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["time_stamped"] in done.stdout


def test_another_file_another_authority_and_a_changed_stamp_prove_none(
    receipt: Path, authority: Authority, made: Path
) -> None:
    assert stamp(receipt, authority).exit_code == 0
    assert verify(receipt, made / "other.pem").exit_code == 8
    kept = receipt.with_name("my.tlog-proof.tsr")
    genuine = kept.read_bytes()
    for damaged in (b"", genuine[:-1], genuine[:60] + bytes([genuine[60] ^ 1]) + genuine[61:]):
        kept.write_bytes(damaged)
        assert verify(receipt, authority.roots).exit_code == 8
    kept.write_bytes(genuine)
    other = receipt.with_name("other")
    other.write_text("another file")
    assert stamp(other, authority).exit_code == 0
    kept.write_bytes(other.with_name("other.tsr").read_bytes())
    assert verify(receipt, authority.roots).exit_code == 8
    kept.unlink()
    assert verify(receipt, authority.roots).exit_code == 1
    assert verify(receipt, receipt).exit_code == 1


def test_what_does_not_verify_is_not_kept(receipt: Path, authority: Authority) -> None:
    """No answer, an answer to another question, something else."""
    kept = receipt.with_name("my.tlog-proof.tsr")
    assert stamp(receipt, authority).exit_code == 0
    earlier = kept.read_bytes()
    kept.unlink()
    for instead in (b"", b"hello", earlier):
        authority.answer["instead"] = instead
        assert stamp(receipt, authority).exit_code == 8
    assert stamp(receipt, authority._replace(url="http://127.0.0.1:9")).exit_code == 7
    assert not kept.exists()
