"""The commands as a person or a script meets them: words, one JSON document, exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from crawler import cli as program
from crawler import display
from crawler.cli import cli
from registry.core.errors import StaleSnapshot
from registry.core.fingerprints import PHASH256, fingerprint_bytes
from tests.unit.crawler import lab
from tests.unit.crawler.answering import Answer, problem, serving

Arguments = list[str | Path]
ASKED = ["--purpose", "train_genai", "--policy", "eu-art4"]


@pytest.fixture(autouse=True)
def _misuse_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `main` sets it."""
    monkeypatch.setattr(click.UsageError, "exit_code", 1)


def run(*arguments: str | Path, expect: int = 0) -> Result:
    """One command; its exit code is checked."""
    result = CliRunner().invoke(cli, [str(a) for a in arguments], env={"VORBEHALT_API_KEY": None})
    assert result.exit_code == expect, result.output
    return result


def document(*arguments: str | Path, expect: int = 0) -> Any:
    """One command with `--json`: standard output is one document and nothing else."""
    return json.loads(run(*arguments, "--json", expect=expect).stdout)


def _commands(group: click.Group, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, *names, name)
        else:
            yield (*names, name), command


ALL = list(_commands(cli))


# -- help --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("names", "command"), ALL, ids=[" ".join(n) for n, _ in ALL])
def test_every_command_has_help_with_an_example_and_speaks_json(
    names: tuple[str, ...], command: click.Command
) -> None:
    said = run(*names, "--help").stdout
    assert "Example" in said
    assert f"vorbehalt {' '.join(names)} " in said
    assert "--json" in said
    assert all(
        option.help for option in command.params if isinstance(option, click.Option) and not option.hidden
    )


def test_help_loads_nothing_that_is_slow() -> None:
    program = (
        "import sys; from crawler.cli import cli; cli(['--help'], standalone_mode=False);"
        "print([m for m in ('numba', 'pyarrow', 'tuf', 'PIL', 'numpy', 'urllib3', 'rich') if m in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == "[]"


def test_a_process_keeps_to_one_processor_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(program, "cli", lambda: seen.append(os.environ["OPENBLAS_NUM_THREADS"]))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    program.main()
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    program.main()
    assert seen == ["3", "1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["filter"],
        ["filter", "x", "--out", "y", "--snapshot", "z"],
        ["filter", "x", "--out", "y", "--snapshot", "z", "--purpose", "fun", "--policy", "eu-art4"],
        ["nonsense"],
        ["hash"],
        ["hash", "--colour", "x"],
    ],
)
def test_misuse_ends_with_1_because_2_means_matches(arguments: list[str]) -> None:
    run(*arguments, expect=1)


# -- hash ----------------------------------------------------------------------------------------------------
def test_hash_prints_each_code_and_fails_for_a_broken_file_only(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(lab.encoded(lab.picture(1)))
    (tmp_path / "b.png").write_bytes(b"")
    code = next(
        f for f in fingerprint_bytes(lab.encoded(lab.picture(1))).fingerprints if f.algorithm == PHASH256
    )
    result = run("hash", tmp_path / "a.png", tmp_path / "b.png", expect=5)
    assert f"{code.code.hex()}  image.phash256.v1/full  {tmp_path / 'a.png'}\n" in result.stdout
    assert "b.png: " in result.stderr
    good, bad = document("hash", tmp_path / "a.png", tmp_path / "b.png", expect=5)["files"]
    assert good["media_type"] == "image/png"
    assert bad["error"]["code"] == "media.undecodable"


# -- check ---------------------------------------------------------------------------------------------------
def test_check_says_it_in_plain_words(tmp_path: Path, snapshot_folder: Path) -> None:
    for name, seed in (("copy.jpg", 1), ("open.jpg", 2), ("other.jpg", 77)):
        (tmp_path / name).write_bytes(lab.encoded(lab.picture(seed), "JPEG", quality=80))
    paths = [tmp_path / name for name in ("copy.jpg", "open.jpg", "other.jpg")]
    said = run("check", *paths, "--snapshot", snapshot_folder).stdout
    assert "copy.jpg: may not be used; on record, and no licence covers this use." in said
    assert f"{lab.WORKS['reserved picture'].id}: " in said
    assert "of 256 bits differ (certain; the whole picture)" in said
    assert "open.jpg: may be used" in said
    assert "other.jpg: not on record." in said
    run("check", *paths, "--snapshot", snapshot_folder, "--fail-on-match", expect=2)
    run("check", paths[2], "--snapshot", snapshot_folder, "--fail-on-match")


def test_check_of_a_broken_file_ends_with_5_even_where_matches_were_found(
    tmp_path: Path, snapshot_folder: Path
) -> None:
    (tmp_path / "a.png").write_bytes(lab.encoded(lab.picture(1)))
    answers = document(
        "check",
        tmp_path / "a.png",
        tmp_path / "gone.png",
        "--snapshot",
        snapshot_folder,
        "--fail-on-match",
        expect=5,
    )
    assert [item["verdict"] for item in answers["items"]] == ["deny", "unknown"]
    assert answers["items"][0]["matches"][0]["work"] == lab.WORKS["reserved picture"].id


def test_check_of_a_code(snapshot_folder: Path) -> None:
    code = next(
        f.code.hex()
        for f in fingerprint_bytes(lab.WORKS["open picture"].data).fingerprints
        if f.algorithm == PHASH256
    )
    found = document("check", "--hash", code, "--algorithm", PHASH256, "--snapshot", snapshot_folder)[
        "items"
    ][0]
    assert (found["verdict"], found["licences"]) == ("allow", [lab.OPEN_OFFER])
    run("check", "--hash", "zz", "--snapshot", snapshot_folder, expect=1)


def test_check_needs_somebody_to_ask_and_something_to_ask_about(
    tmp_path: Path, snapshot_folder: Path
) -> None:
    assert "whom to ask" in run("check", tmp_path / "x", expect=1).stderr
    both = ["--snapshot", str(snapshot_folder), "--server", "https://registry.example"]
    assert "whom to ask" in run("check", tmp_path / "x", *both, expect=1).stderr
    assert "nothing to check" in run("check", "--snapshot", snapshot_folder, expect=1).stderr


def test_check_at_a_server_that_refuses_or_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(lab.prose(1))
    with serving(lambda asked: problem(401, "auth.required", "Send your API key.")) as server:
        assert (
            "Send your API key" in run("check", tmp_path / "a.txt", "--server", server.url, expect=1).stderr
        )
        url = server.url
    run("check", tmp_path / "a.txt", "--server", url, expect=7)
    assert (
        document("check", tmp_path / "a.txt", "--server", url, expect=7)["error"]["code"] == "network.failed"
    )


# -- filter, explain, verify ---------------------------------------------------------------------------------
def test_filter_tells_on_standard_error_and_gives_one_document(
    tmp_path: Path, dataset: Path, lines: Path, snapshot_folder: Path
) -> None:
    out = tmp_path / "run"
    given: Arguments = [
        "filter",
        dataset,
        lines,
        "--out",
        out,
        "--snapshot",
        snapshot_folder,
        *ASKED,
        "--workers",
        "1",
    ]
    result = run(*given, "--json")
    made = json.loads(result.stdout)
    assert made["counts"]["kept"] == 11
    assert "11 of 33 items kept" in result.stderr
    assert "on record, and no licence covers this use" in result.stderr
    assert "report them with" in result.stderr
    assert f"In {out}\n" in result.stderr
    assert "report.html" in result.stderr
    shown = re.findall(r" (\d+) +\d+\.\d % *$", result.stderr, re.MULTILINE)  # however long the reasons
    assert sum(map(int, shown)) == made["counts"]["dropped"]
    assert made["run_id"] == json.loads((out / "run.json").read_text())["run_id"]

    assert "already exists" in run(*given, expect=6).stderr
    assert document(*given, "--resume")["run_id"] == made["run_id"]
    assert (
        document(*given, "--out", tmp_path / "run", "--column", "body", "--resume", expect=6)["error"]["exit"]
        == 6
    )

    assert "was left out" in run("explain", out, "photos/copy.jpg").stdout
    assert document("explain", out, "photos/copy.jpg")["items"][0]["reason"] == "registered.no-licence"
    run("explain", out, "no-such-key", expect=1)
    assert "holds:" in run("verify", out).stdout
    assert document("verify", out, "--snapshot", snapshot_folder)["verified"] is True
    (out / "data" / "pages.jsonl").write_bytes(b"")
    assert "changed after the run" in run("verify", out, expect=8).stderr
    assert document("verify", out, "--papers-only")["verified"] is True


def test_filter_asks_for_a_moment_that_the_snapshot_can_know(
    tmp_path: Path, dataset: Path, snapshot_folder: Path
) -> None:
    given: Arguments = ["filter", dataset, "--snapshot", snapshot_folder, *ASKED, "--workers", "1"]
    at = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ids = {document(*given, "--out", tmp_path / name, "--at", at)["run_id"] for name in ("one", "two")}
    assert len(ids) == 1
    for wrong in (
        "yesterday",
        "",
        "2026-11-22T08:00:00",
        "2001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
    ):
        run(*given, "--out", tmp_path / "three", "--at", wrong, expect=1)


def test_filter_stops_above_the_limit_of_errors(tmp_path: Path, dataset: Path, snapshot_folder: Path) -> None:
    given: Arguments = [
        "filter",
        dataset,
        "--out",
        tmp_path / "run",
        "--snapshot",
        snapshot_folder,
        *ASKED,
        "--workers",
        "1",
    ]
    assert "--max-errors" in run(*given, "--max-errors", "4", expect=5).stderr
    run(*given, "--max-errors", "5", "--resume")


def test_a_stale_snapshot_is_refused_unless_the_papers_say_why(tmp_path: Path, dataset: Path) -> None:
    snapshot = lab.make_snapshot(tmp_path / "vb", datetime.now(UTC) - timedelta(days=3))
    given: Arguments = [
        "filter",
        dataset,
        "--out",
        tmp_path / "run",
        "--snapshot",
        snapshot,
        *ASKED,
        "--workers",
        "1",
    ]
    assert document(*given, expect=3)["error"]["code"] == StaleSnapshot.code
    assert not (tmp_path / "run").exists()
    run("check", dataset / "photos.txt", "--snapshot", snapshot, expect=3)
    assert "air-gapped site" in run(*given, "--allow-stale", "air-gapped site").stderr
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["snapshot"]["stale_override"] == "air-gapped site"
    assert manifest["counts"]["by_verdict"].get("licensed", 0) == 0  # the lab's licences had expired as well
    run("verify", tmp_path / "run")


def test_one_flipped_bit_in_the_snapshot_ends_with_4(
    tmp_path: Path, dataset: Path, snapshot_folder: Path
) -> None:
    snapshot = shutil.copytree(snapshot_folder, tmp_path / "vb", symlinks=True)
    path = snapshot / "editions" / "1" / "lists" / "terms.jsonl"
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    run("filter", dataset, "--out", tmp_path / "run", "--snapshot", snapshot, *ASKED, expect=4)
    assert not (tmp_path / "run").exists()


def test_filter_before_the_first_sync_says_what_to_do(tmp_path: Path, dataset: Path) -> None:
    given: Arguments = [
        "filter",
        dataset,
        "--out",
        tmp_path / "run",
        "--snapshot",
        tmp_path / "none",
        *ASKED,
    ]
    assert "vorbehalt sync" in run(*given, expect=7).stderr


def test_an_interrupt_says_how_to_go_on(
    tmp_path: Path, dataset: Path, snapshot_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    given: Arguments = [
        "filter",
        dataset,
        "--out",
        tmp_path / "run",
        "--snapshot",
        snapshot_folder,
        *ASKED,
        "--workers",
        "1",
    ]
    with monkeypatch.context() as patch:
        patch.setattr(display.Progress, "update", interrupted)
        assert "--resume" in run(*given, expect=130).stderr
    run(*given, "--resume")
    run("verify", tmp_path / "run")


# -- register, claim, receipt --------------------------------------------------------------------------------
def _registered(asked: Any) -> Answer:
    return Answer(201, {"id": lab.WORKS["open picture"].id, "contested": None, "versions": []})


def test_register_gives_each_file_its_own_result(tmp_path: Path) -> None:
    (tmp_path / "crest.png").write_bytes(lab.encoded(lab.picture(1)))
    (tmp_path / "empty.png").write_bytes(b"")
    with serving(_registered) as server:
        given: Arguments = [
            "register",
            tmp_path / "crest.png",
            tmp_path / "empty.png",
            "--server",
            server.url,
            "--api-key",
            "vbk_x",
        ]
        result = run(*given, "--made-by", "human", "--source", "https://a.example", expect=5)
        assert f"crest.png: {lab.WORKS['open picture'].id}" in result.stdout
        assert "empty.png: not registered" in result.stderr
        assert server.asked[0].json["source_urls"] == ["https://a.example"]
        made, failed = document(*given, expect=5)["works"]
        assert (made["work"], made["error"]) == (lab.WORKS["open picture"].id, None)
        assert failed["error"]["code"] == "media.undecodable"


def test_register_by_manifest_with_defaults_from_options(tmp_path: Path) -> None:
    (tmp_path / "crest.png").write_bytes(lab.encoded(lab.picture(1)))
    (tmp_path / "works.csv").write_text("file,title\ncrest.png,Kamm\n")
    with serving(_registered) as server:
        run(
            "register",
            "--manifest",
            tmp_path / "works.csv",
            "--server",
            server.url,
            "--disclosure",
            "digest-only",
        )
    assert server.asked[0].json["title"] == "Kamm"
    assert server.asked[0].json["disclosure"] == "digest-only"


def test_register_refuses_what_is_ambiguous_and_keys_in_the_clear(tmp_path: Path) -> None:
    url = "https://registry.example"
    run("register", "--server", url, expect=1)
    run("register", "a", "--manifest", tmp_path / "x.csv", "--server", url, expect=1)
    run("register", "a", "b", "--title", "One", "--server", url, expect=1)
    clear = run("register", "a", "--server", "http://registry.example", "--api-key", "vbk_x", expect=1)
    assert "in the clear" in clear.stderr


def test_a_claim_can_be_looked_at_before_it_is_made(finished_run: Path) -> None:
    given: Arguments = [
        "claim",
        finished_run,
        "--server",
        "https://registry.example",
        "--model",
        "model_x",
        "--dry-run",
    ]
    assert len(run(*given).stdout.splitlines()) == 3
    assert len(document(*given)["rows"]) == 3
    run("claim", finished_run.parent, "--server", "https://registry.example", "--model", "model_x", expect=1)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no receipt", b"c2sp.org/tlog-proof@v1\nindex 0\n\n"])
def test_what_is_no_receipt_ends_with_8(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r").write_bytes(content)
    (tmp_path / "p").write_text("quorum none\n")
    run("receipt", "verify", tmp_path / "r", "--policy", tmp_path / "p", expect=8)
    run("receipt", "verify", tmp_path / "missing", "--policy", tmp_path / "p", expect=1)
