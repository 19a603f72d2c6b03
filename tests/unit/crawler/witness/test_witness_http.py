"""A witness over HTTP, and the command that runs one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import urllib3

from registry.core.tlog.notes import SigningKey
from tests.support.witnesses import PaperLog, serving

LOG_KEY = SigningKey.generate("registry.example/usage-log")
LOG = PaperLog(LOG_KEY)


def post(url: str, body: bytes, path: str = "/add-checkpoint") -> urllib3.BaseHTTPResponse:
    """One submission."""
    return urllib3.request("POST", url + path, body=body, retries=False, timeout=10)


def test_the_statuses_of_the_protocol(tmp_path: Path) -> None:
    with serving(tmp_path / "w", "w.example", LOG_KEY.verifier()) as running:
        assert post(running.url, LOG.submission(0, 3)).status == 200
        stale = post(running.url, LOG.submission(1, 4))
        assert (stale.status, stale.headers["Content-Type"], stale.data) == (409, "text/x.tlog.size", b"3\n")
        assert post(running.url, b"nonsense").status == 400
        assert post(running.url, b"", "/elsewhere").status == 404
        assert post(running.url, bytes(70_000)).status == 413
        digest = sha256(LOG_KEY.name.encode()).hexdigest()
        held = urllib3.request("GET", f"{running.url}/{digest}/checkpoint", retries=False)
        assert (held.status, held.data) == (200, running.witness.checkpoint(digest))
        assert urllib3.request("GET", f"{running.url}/{'0' * 64}/checkpoint", retries=False).status == 404
        assert urllib3.request("GET", f"{running.url}/../w/lock", retries=False).status == 404


def test_one_command_runs_a_witness_in_little_memory(tmp_path: Path) -> None:
    """It says its line for policies, answers, stays below 50 MB, ends when told, and knows on its return."""
    policy = tmp_path / "log.policy"
    policy.write_text(f"log {LOG_KEY.verifier()}\nquorum none\n")
    program = Path(sys.executable).with_name("vorbehalt")
    options = [
        "--name",
        "w.example",
        "--policy",
        policy,
        "--state",
        tmp_path / "state",
        "--port",
        "0",
        "--json",
    ]
    command = [str(word) for word in (program, "witness", "serve", *options)]
    for status in (200, 409):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            said = ""
            while not said.endswith("}\n"):
                said += process.stdout.readline()
            address = json.loads(said)["address"]
            process.stderr.readline()
            assert post(address, LOG.submission(0, 3)).status == status
            memory = Path(f"/proc/{process.pid}/status").read_text().partition("VmRSS:")[2].split()[0]
            assert int(memory) < 50_000
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            assert process.wait(20) == 0
