"""A signature holds for one run and one key; whatever else it says, verifying ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from crawler.cli import cli
from crawler.exits import Exit
from crawler.runs import signing
from crawler.runs.layout import RUN, SIGNATURE
from crawler.runs.opening import open_manifest
from crawler.runs.verify import verify_run
from registry.core.errors import InvalidInput, OutputExists, TrustRefused, VerificationFailed
from registry.core.tlog.notes import KeyType, SigningKey


@pytest.fixture
def run(tmp_path: Path, finished_run: Path) -> Path:
    """A copy of a finished run, not signed."""
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """A lab's key."""
    return SigningKey.generate("lab.example/runs")


def test_a_signed_run_names_its_key(run: Path, key: SigningKey, snapshot_folder: Path) -> None:
    run_id = open_manifest(run).run_id
    assert verify_run(run, snapshot_folder).signed_by is None
    first = signing.sign_run(run, run_id, key).read_bytes()
    assert signing.sign_run(run, run_id, key).read_bytes() == first
    verified = verify_run(run, snapshot_folder, key=key.verifier())
    assert verified.signed_by == key.verifier()
    assert any(str(key.verifier()) in line for line in verified.checked)


def test_a_run_that_is_not_signed_or_by_another_is_refused_where_a_key_is_expected(
    run: Path, key: SigningKey
) -> None:
    with pytest.raises(VerificationFailed, match="not signed"):
        verify_run(run, key=key.verifier())
    signing.sign_run(run, open_manifest(run).run_id, SigningKey.generate("lab.example/runs"))
    with pytest.raises(VerificationFailed, match="not by"):
        verify_run(run, key=key.verifier())


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"run.v1", b"run.v2", "not the signature of a run"),
        (b"\xe2\x80\x94 lab.example", b"\xe2\x80\x94 bad.example", "not signed by the key"),
        (b"vorbehalt.run.v1\n", b"vorbehalt.run.v1\n\n", "not the signature|signed note"),
        (b"+", b"-", "names no key"),
    ],
)
def test_a_signature_that_was_tampered_with_is_refused(
    run: Path, key: SigningKey, old: bytes, new: bytes, match: str
) -> None:
    path = signing.sign_run(run, open_manifest(run).run_id, key)
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(VerificationFailed, match=match):
        verify_run(run)


def test_a_signature_of_another_run_or_of_changed_bytes_is_refused(run: Path, key: SigningKey) -> None:
    signing.sign_run(run, "00" * 32, key)
    with pytest.raises(VerificationFailed, match="another run"):
        verify_run(run)
    path = signing.sign_run(run, run_id := open_manifest(run).run_id, key)
    forged = signing.sign_run(run, "11" * 32, key).read_bytes().replace(b"11" * 32, run_id.encode())
    path.write_bytes(forged)
    with pytest.raises(VerificationFailed, match="does not verify"):
        verify_run(run)


def test_a_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "run.key"
    with pytest.raises(InvalidInput, match="key create"):
        signing.open_key(path)
    made = signing.open_key(path, create=True)
    assert made.is_new
    assert path.stat().st_mode & 0o777 == 0o600
    again = signing.open_key(path, create=True)
    assert (again.is_new, again.key) == (False, made.key)
    with pytest.raises(OutputExists):
        signing.create_key(path)
    path.chmod(0o640)
    with pytest.raises(TrustRefused, match="chmod 600"):
        signing.open_key(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"no key", SigningKey.generate("w", KeyType.COSIGNATURE).secret().encode()],
    ids=["empty", "no text", "no key", "a witness's key"],
)
def test_what_is_no_key_for_runs_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InvalidInput):
        signing.open_key(path, create=True)
    assert path.read_bytes() == content


def test_the_commands_sign_and_verify(
    lines: Path, snapshot_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, out, runner = tmp_path / "mine.key", tmp_path / "out", CliRunner()
    monkeypatch.setenv("VORBEHALT_RUN_KEY", str(place))
    asked = [
        "--snapshot",
        str(snapshot_folder),
        "--purpose",
        "train_genai",
        "--policy",
        "eu-art4",
        "--workers",
        "1",
    ]
    done = runner.invoke(cli, ["filter", str(lines), "--out", str(out), *asked])
    assert done.exit_code == 0, done.output
    assert str(place) in done.stderr
    public = runner.invoke(cli, ["key", "show"]).stdout.strip()
    verified = runner.invoke(cli, ["verify", str(out), "--key", public, "--json"])
    assert json.loads(verified.stdout)["signed_by"] == public
    assert runner.invoke(cli, ["key", "create"]).exit_code == Exit.EXISTS
    (out / SIGNATURE).write_text("no note")
    assert runner.invoke(cli, ["verify", str(out)]).exit_code == Exit.UNVERIFIED
    (out / SIGNATURE).unlink()
    assert "not signed" in runner.invoke(cli, ["verify", str(out)]).stdout
    unsigned = tmp_path / "unsigned"
    assert (
        runner.invoke(cli, ["filter", str(lines), "--out", str(unsigned), "--no-sign", *asked]).exit_code == 0
    )
    assert (unsigned / RUN).is_file()
    assert not (unsigned / SIGNATURE).exists()
