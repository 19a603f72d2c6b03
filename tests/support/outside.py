"""Verifiers that are not ours, unmodified: the Go project's libraries, and two programs from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.support.requirements import missing

_GO_SOURCE = Path(__file__).parents[1] / "conformance/go/verify_log.go"
_GO_PATH = Path("/usr/share/gocode")
_PINNED = """\
aics-tlog==0.2.1 --hash=sha256:e8cd2be003001576353bbd1a139b68252baf85df8e5d356c5ff26f3c417efdfc
aics-witness==0.1.0 --hash=sha256:cd3f5acd2e79a8e29411a5a810b65ad7c5709d468cf1e889533bb0d5e5fe8400
"""


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program's end and what it said."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
    )


@cache
def go_verifier() -> Path:
    """The verifier on golang.org/x/mod, built from Debian's packages."""
    if shutil.which("go") is None or not (_GO_PATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("Go with x/mod", "install golang-go and golang-golang-x-mod-dev")
    folder = Path(tempfile.mkdtemp(prefix="vorbehalt-go-"))
    program = folder / "verify_log"
    built = run(
        "go", "build", "-o", program, _GO_SOURCE,
        GO111MODULE="off", GOPATH=str(_GO_PATH), GOCACHE=str(Path(sys.prefix) / "go-cache"),
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return program


@cache
def aics() -> Path:
    """A folder with aics-tlog and aics-witness. They declare Python 3.12 and run on 3.11; kept in this environment."""
    folder = Path(sys.prefix) / "outside" / "aics-tlog-0.2.1"
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        rough = Path(tempfile.mkdtemp(dir=folder.parent))
        pins = rough / "pins.txt"
        pins.write_text(_PINNED)
        installed = run(
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--ignore-requires-python", "--require-hashes", "--target", rough, "-r", pins,
        )  # fmt: skip
        if installed.returncode:
            shutil.rmtree(rough)
            missing("aics-tlog", f"pip could not install it: {installed.stderr[-300:]}")
        try:
            rough.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(rough)
    return folder


def run_aics(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`aics_tlog` or `aics_witness`."""
    return run(sys.executable, "-m", program, *arguments, PYTHONPATH=str(aics()))
