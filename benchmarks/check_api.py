"""`POST /v1/check` over HTTP: JSON with 1 to 10,000 hashes, lines, Arrow, beside the way of Meta's HMA: one a request.

The registry holds 100,000 pictures; one hash in a hundred is near one of them. Lines and streams have 10,000 codes of
pictures, or 100,000 SHA-256 of files, of which one in a hundred is registered. Ours is the real application under
gunicorn (gthread) on the loopback, with API keys, counted requests, licences and reasons. The peer is the same number
of hashes, one a request, through a Flask route under the same gunicorn over `faiss.IndexBinaryFlat`, as HMA's
`/m/lookup` does it; without accounts, licences or reasons, and for the picture as it stands alone, where ours also
finds it mirrored, turned and inverted: so it does less.

    python benchmarks/check_api.py [works] [seconds]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks._measuring import machine
from registry.base.actor import Role
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.schema import upgrade
from registry.models import metadata
from registry.parties import service as parties
from registry.works import bulk
from registry.works import service as works
from registry.works.bulk_rows import JSON_LINES

PHASH, SHA256 = "image.phash256.v1", "digest.sha256.v1"
ARROW, LINES = "application/vnd.apache.arrow.stream", "application/jsonl"
FILES = 100_000
SIZES = (1, 1_000, 10_000)
CLIENTS = 4
WORKERS = 2
UNLIMITED = {
    f"VORBEHALT_RATE_{name}": "99999999/hour" for name in ("CHECK", "READ", "WRITE", "BULK", "HIDDEN")
}

PEER = """
import numpy, faiss
from flask import Flask, request
codes = numpy.load({path!r})
index = faiss.IndexBinaryFlat(256)
index.add(codes)
faiss.omp_set_num_threads(1)
app = Flask("peer")

@app.get("/m/lookup")
def lookup():
    query = numpy.frombuffer(bytes.fromhex(request.args["signal"]), numpy.uint8).reshape(1, -1)
    _, _, found = index.range_search(query, 32)
    return {{"matches": found.tolist()}}
"""


def codes_of(number: int) -> NDArray[np.uint8]:
    """(N, 32) random codes."""
    return np.random.default_rng(7).integers(0, 256, (number, 32), dtype=np.uint8)


def questions(codes: NDArray[np.uint8], number: int) -> list[str]:
    """Random hashes, one in a hundred 20 bits away from a registered one."""
    rng = np.random.default_rng(11)
    asked = rng.integers(0, 256, (number, 32), dtype=np.uint8)
    for n in range(0, number, 100):
        bits = np.unpackbits(codes[rng.integers(len(codes))])
        bits[rng.choice(256, 20, replace=False)] ^= 1
        asked[n] = np.packbits(bits)
    return [row.tobytes().hex() for row in asked]


def fill(home: Path, codes: NDArray[np.uint8]) -> str:
    """A registry with these works; the key of a lab."""
    database, sources = Database(f"sqlite:///{home / 'registry.sqlite'}"), Sources()
    upgrade(database, metadata)
    with database.writing() as session:
        maker = parties.actor_of(
            parties.register_party(session, parties.RegisterParty(Role.SOCIETY, "A society"), sources)
        )
        lab = parties.actor_of(
            parties.register_party(session, parties.RegisterParty(Role.LAB, "A lab"), sources)
        )
        _, key = parties.create_api_key(session, lab, parties.CreateApiKey("bench", lab.scopes), sources)
    for start in range(0, len(codes), 50_000):
        lines = b"\n".join(_row(start + n, code) for n, code in enumerate(codes[start : start + 50_000]))
        with database.writing() as session:
            command = works.UploadWorks(lines, JSON_LINES)
            payload = dict(works.upload_works(session, maker, command, sources).payload)
        bulk.register_bulk(database, payload, sources)
    database.dispose()
    return key


def digest_of(n: int) -> bytes:
    """The SHA-256 of the n-th file."""
    return sha256(b"%d" % n).digest()


def _row(n: int, code: NDArray[np.uint8]) -> bytes:
    def made(algorithm: str, kind: str, width: int) -> dict[str, str]:
        return {"algorithm": algorithm, "kind": kind, "code": n.to_bytes(width, "big").hex()}

    frame = [("image.phash64.v1", 8), ("image.dhash256.v1", 32), ("image.colour42.v1", 8)]
    fingerprints = [{"algorithm": SHA256, "kind": "whole", "code": digest_of(n).hex()}]
    fingerprints += [made(a, "full", w) for a, w in frame]
    fingerprints.append({"algorithm": PHASH, "kind": "full", "code": code.tobytes().hex()})
    return orjson.dumps({"title": f"Picture {n}", "kind": "image", "fingerprints": fingerprints})


@dataclass(frozen=True)
class Server:
    """A server and its port."""

    pid: int
    port: int

    def processor_seconds(self) -> float:
        """What it and its workers have used so far (proc(5): fields 14 and 15 of `stat`)."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        stats = [Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for p in [self.pid, *workers]]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Speed:
    """Requests, or hashes, that were answered."""

    by_clock: float
    by_processor: float
    """A second of processor time of the server: what is left when the machine does nothing else."""
    median: float
    """Milliseconds by the clock that a client waits for an answer."""
    slow: float
    """Milliseconds below which 99 of 100 answers stay."""

    def times(self, size: int) -> Speed:
        """The same in hashes, with so many in a request."""
        return replace(self, by_clock=self.by_clock * size, by_processor=self.by_processor * size)


@contextmanager
def serving(command: list[str], **environment: str) -> Iterator[Server]:
    """A server as a process of its own, which tells its port on standard output or error."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if "http://127.0.0.1:" in line)
        threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True).start()
        yield Server(process.pid, int(line.split("http://127.0.0.1:")[1].split()[0].strip("/)")))
    finally:
        process.terminate()
        process.wait()


def rate(
    server: Server,
    seconds: float,
    requests: list[tuple[str, str, bytes | None]],
    key: str | None,
    content_type: str = "application/json",
) -> Speed:
    """Requests that four clients with kept connections get answered."""
    headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {key}"} if key else {})

    def ask(n: int, until: float) -> list[float]:
        connection, waits = HTTPConnection("127.0.0.1", server.port, timeout=60), list[float]()
        while (begin := time.perf_counter()) < until:
            method, path, body = requests[(len(waits) * CLIENTS + n) % len(requests)]
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
            waits.append(1e3 * (time.perf_counter() - begin))
        connection.close()
        return waits

    def round_of(length: float) -> Speed:
        begin, used = time.perf_counter(), server.processor_seconds()
        with ThreadPoolExecutor(CLIENTS) as clients:
            waits = [w for own in clients.map(lambda n: ask(n, begin + length), range(CLIENTS)) for w in own]
        used, took = server.processor_seconds() - used, time.perf_counter() - begin
        median, slow = np.quantile(waits, (0.5, 0.99)).tolist()
        return Speed(len(waits) / took, len(waits) / max(used, 0.01), median, slow)

    round_of(2 * seconds)  # builds the index in each process, and loads what is compiled
    return round_of(seconds)


def ours(server: Server, key: str, asked: list[str], seconds: float) -> dict[str, Speed]:
    """Hashes by how many stand in a request of JSON."""
    found = {}
    for size in reversed(SIZES):  # what large requests have loaded, small ones would load much later
        batches = [asked[n : n + size] for n in range(0, len(asked), size)]
        body = {"algorithm": PHASH, "purpose": "train_genai", "policy": "consent-first"}
        requests = [("POST", "/v1/check", orjson.dumps(body | {"hashes": batch})) for batch in batches]
        found[f"JSON, {size:,}"] = rate(server, seconds, list(requests), key).times(size)
    return dict(reversed(found.items()))


def columns(server: Server, key: str, asked: list[str], known: int, seconds: float) -> dict[str, Speed]:
    """Hashes in Arrow streams and as JSON lines, by what they are hashes of."""
    pictures = np.frombuffer(bytes.fromhex("".join(asked)), np.uint8).reshape(-1, 32)
    files = np.random.default_rng(13).integers(0, 256, (FILES, 32), dtype=np.uint8)
    files[::100] = [list(digest_of(n % known)) for n in range(0, FILES, 100)]
    found = {}
    for name, algorithm, codes in (("pictures", PHASH, pictures), ("files", SHA256, files)):
        path = f"/v1/check?algorithm={algorithm}&purpose=train_genai&policy=consent-first"
        lines = b"".join(b'{"hash": "%s"}\n' % code.tobytes().hex().encode() for code in codes)
        for form, body in ((ARROW, arrow_stream(codes)), (LINES, lines)):
            spoken = "Arrow" if form == ARROW else "lines"
            speed = rate(server, seconds, [("POST", path, body)], key, form)
            found[f"{spoken}, {name}"] = speed.times(len(codes))
    return found


def arrow_stream(codes: NDArray[np.uint8]) -> bytes:
    """(N, 32) codes as the body of a request."""
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(codes), [None, pa.py_buffer(codes)])
    batch = pa.record_batch([column], names=["hash"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def main() -> None:
    """Print a line for each form and size of request."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 6.0
    codes = codes_of(number)
    asked = questions(codes, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        key = fill(home, codes)
        options = ["--host", "127.0.0.1", "--port", "0", "--workers", str(WORKERS), "--no-background"]
        program = "from registry.cli import main; main()"
        server = [sys.executable, "-c", program, "serve", "--home", folder, *options]
        with serving(server, VORBEHALT_LOG_LEVEL="error", **UNLIMITED) as running:
            checked = ours(running, key, asked, seconds) | columns(running, key, asked, number, seconds)
        np.save(home / "codes.npy", codes)
        (home / "peer.py").write_text(PEER.format(path=str(home / "codes.npy")))
        gunicorn = [sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "--threads", "4", "-k", "gthread"]
        with serving([*gunicorn, "-b", "127.0.0.1:0", "--chdir", folder, "peer:app"]) as running:
            peer = rate(running, seconds, [("GET", f"/m/lookup?signal={h}", None) for h in asked], None)
    print(f"{number:,} works, {CLIENTS} clients, {WORKERS} gunicorn workers; {machine()}")
    print(
        "Hashes a second by the clock, and a second of the server's processor time; the peer: one a request."
    )
    print(
        "Then what a client waits for an answer, four clients asking at once: median and 99 %, in milliseconds."
    )
    head = f"{'a request':>16}{'ours':>10}{'peer':>10}{'ratio':>8}{'ours':>14}{'peer':>10}{'ratio':>8}"
    print(f"{head}{'median':>10}{'99 %':>10}")
    for form, ours_ in checked.items():
        by_clock = f"{ours_.by_clock:>10,.0f}{peer.by_clock:>10,.0f}{ours_.by_clock / peer.by_clock:>8.1f}"
        ratio = ours_.by_processor / peer.by_processor
        by_processor = f"{ours_.by_processor:>14,.0f}{peer.by_processor:>10,.0f}{ratio:>8.1f}"
        print(f"{form:>16}{by_clock}{by_processor}{ours_.median:>10.2f}{ours_.slow:>10.2f}")
    print(f"{'the peer':>16}{'':>60}{peer.median:>10.2f}{peer.slow:>10.2f}")


if __name__ == "__main__":
    main()
