"""Coverage-guided fuzzing of every reader of opt-out signals finds nothing in twenty seconds each."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.properties.test_signal_parsers import MAGIC, READERS, VECTORS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All vectors as files, so that the search begins with what is valid."""
    folder = tmp_path_factory.mktemp("corpus")
    cases = [case["input"] for path in VECTORS.glob("*.json") for case in json.loads(path.read_text("utf-8"))]
    bodies = [base64.b64decode(c["base64"]) for c in cases if "base64" in c]
    bodies += [str(c["text"]).encode() for c in cases if "text" in c]
    for number, body in enumerate((*bodies, *MAGIC)):
        (folder / f"{number:03}").write_bytes(body)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", list(READERS))
def test_fuzzing_finds_nothing(name: str, corpus: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.fuzz_signals", name, str(corpus), "-max_total_time=20"]
    done = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(tmp_path.iterdir()) == []
