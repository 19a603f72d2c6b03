"""Claim: inside the server, a thousand codes are checked against ten million in a few milliseconds.

    python benchmarks/check_inside.py [codes] [folder]        (10 million codes of pictures and as many of files)

A request goes through the whole application, from the WSGI call to the last byte of the answer: API key, counted
request, reading the codes, search, terms, answer. There is no socket and no second process, so that what is measured is
the server's own time; `check_api.py` measures the rest of the way. One code in a hundred is registered, or 20 bits away
from a picture that is. The index is the real one, filled with random codes, of which the first thousand are works in
the database. It is built in the folder, and opened from there the next time.

The peer is what Meta's HMA does: one code a request through a Flask route, over `faiss.IndexBinaryFlat` for pictures
and a dictionary for files; without accounts, terms or reasons, and for the picture as it stands alone, where ours also
finds it mirrored, turned and inverted. Times are of the processor.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import faiss
import numpy as np
import orjson
from flask import Flask, request
from numpy.typing import NDArray
from werkzeug.test import Client, run_wsgi_app

from benchmarks._measuring import machine
from benchmarks.check_api import ARROW, PHASH, SHA256, UNLIMITED, arrow_stream, codes_of, digest_of, fill
from registry.app import create_app
from registry.base.settings import Settings
from registry.checking.base_files import Base
from registry.checking.live import LiveIndex
from registry.core.matching import ListColumns, Matcher

WORKS = 1_000
FORMS = (("Arrow", 100_000, 4), ("JSON", 10_000, 12), ("JSON", 1_000, 60), ("JSON", 1, 400))
"""How codes are sent, how many, and how often: what large requests have loaded, small ones would load much later."""
Codes = NDArray[np.uint8]


def index_of(codes: Codes, digests: Codes, folder: Path) -> Base:
    """What a registry with so many works would hold."""
    rows = np.arange(len(codes), dtype=np.uint32)
    beside = np.zeros(len(codes), np.uint8), np.zeros(len(codes), np.uint64)
    lists = {PHASH: ListColumns(codes, rows, *beside), SHA256: ListColumns(digests, rows, *beside)}
    owners, learned = np.arange(len(codes)), np.empty(0, np.uint64)
    return Base(0, lists, Matcher(lists, folder, verify=False), owners, learned)


def asked_for(registered: Codes, number: int, bits: int) -> Codes:
    """Random codes, one in a hundred so many bits away from one of the first thousand that are registered."""
    rng = np.random.default_rng(11)
    asked = rng.integers(0, 256, (number, 32), dtype=np.uint8)
    for n in range(0, number, 100):
        changed = np.unpackbits(registered[rng.integers(WORKS)])
        changed[rng.choice(256, bits, replace=False)] ^= 1
        asked[n] = np.packbits(changed)
    return asked


def application(home: Path, key: str, base: Base) -> Callable[[bytes, str, str], bytes]:
    """The registry's application with this index; what posts to `/v1/check`."""
    app = create_app(Settings.load(UNLIMITED | {"VORBEHALT_LOG_LEVEL": "error"}, home))
    parts = app.extensions["vorbehalt"]
    live = parts.parts[LiveIndex]
    with parts.database.reading() as session:
        index, change_seq = live.current(session)
    live._index = replace(index, base=replace(base, change_seq=change_seq))
    environment = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/check",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "HTTP_AUTHORIZATION": f"Bearer {key}",
    }

    def post(body: bytes, content_type: str, query: str) -> bytes:
        own = {"wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "QUERY_STRING": query}
        own |= {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
        parts, status, _ = run_wsgi_app(app, environment | own, buffered=True)
        answer = b"".join(parts)
        if not status.startswith("200"):
            raise RuntimeError(f"{status}: {answer[:500]!r}")
        return answer

    return post


def flat(codes: Codes) -> Callable[[bytes], list[int]]:
    """Rows of the pictures that differ in at most 31 bits, as the peer finds them."""
    index = faiss.IndexBinaryFlat(256)
    index.add(codes)
    faiss.omp_set_num_threads(1)

    def near(code: bytes) -> list[int]:
        found: list[int] = index.range_search(np.frombuffer(code, np.uint8).reshape(1, -1), 32)[2].tolist()
        return found

    return near


def dictionary(digests: Codes) -> Callable[[bytes], list[int]]:
    """Rows of the same file, as the peer finds them."""
    rows = {digest.tobytes(): row for row, digest in enumerate(digests)}
    return lambda code: [rows[code]] if code in rows else []


def peer(find: Callable[[bytes], list[int]], asked: Codes) -> Callable[[], None]:
    """The peer's application; what asks it for one code after the other."""
    app = Flask("peer")

    @app.get("/m/lookup")
    def lookup() -> dict[str, list[int]]:
        return {"matches": find(bytes.fromhex(request.args["signal"]))}

    client, turn = Client(app), iter(asked)

    def ask() -> None:
        client.get("/m/lookup", query_string={"signal": next(turn).tobytes().hex()}).close()

    return ask


def request_of(form: str, algorithm: str, asked: Codes) -> tuple[bytes, str, str]:
    """Body, content type and query."""
    terms = {"algorithm": algorithm, "purpose": "train_genai", "policy": "consent-first"}
    if form == "Arrow":
        return arrow_stream(asked), ARROW, urlencode(terms)
    return orjson.dumps(terms | {"hashes": [code.tobytes().hex() for code in asked]}), "application/json", ""


def times(ask: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Milliseconds of processor time: the median, and what 99 in 100 stay below."""
    for _ in range(max(2, rounds // 4)):  # loads what is compiled
        ask()
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        ask()
        taken.append(1e3 * (time.process_time() - begin))
    return float(np.median(taken)), float(np.quantile(taken, 0.99))


def main() -> None:
    """Print a line for each algorithm, form and size of request."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    codes = codes_of(number)
    digests = np.random.default_rng(5).integers(0, 256, (number, 32), dtype=np.uint8)
    digests[:WORKS] = [list(digest_of(n)) for n in range(WORKS)]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(home) / "index"
        key = fill(Path(home), codes[:WORKS])
        post = application(Path(home), key, index_of(codes, digests, folder))
        print(f"{number:,} codes of pictures, as many of files; {machine()}")
        print("Milliseconds of processor time inside the server. Of the peer: so many requests of one code.")
        print(f"{'a request':>32}{'median':>10}{'99 %':>10}{'codes/s':>14}{'peer':>12}{'ratio':>9}")
        kinds = ("pictures", PHASH, codes, 20, flat), ("files", SHA256, digests, 0, dictionary)
        for kind, algorithm, registered, bits, find in kinds:
            theirs, _ = times(peer(find(registered), asked_for(registered, 100, bits)), 40)
            for form, size, rounds in FORMS:
                asked = asked_for(registered, size, bits)
                median, slow = times(partial(post, *request_of(form, algorithm, asked)), rounds)
                print(
                    f"{f'{kind}, {form}, {size:,}':>32}{median:>10.2f}{slow:>10.2f}{1e3 * size / median:>14,.0f}"
                    f"{theirs * size:>12,.1f}{theirs * size / median:>9.1f}"
                )


if __name__ == "__main__":
    main()
