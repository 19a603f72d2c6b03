"""A small registry for tests: an edition, keys, a file store, and a web server on this machine that serves it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from registry.base.files import FolderStore
from registry.core.decisions import Grant, Purpose, Terms
from registry.core.ids import format_id
from registry.core.matching import KIND_CODES, ListColumns
from registry.core.snapshots import (
    EditionContent,
    PersonalLicences,
    may_fetch,
    write_edition,
)
from registry.core.snapshots.trust import Published, Publisher, init_trust
from registry.publishing.parcels import make_parcel

NOW = datetime(2026, 8, 2, 9, 30, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
LAB = format_id("party", b"a lab's own id..")
KEY = "vbh_a-key-of-the-lab"


def work_id(row: int) -> bytes:
    """A stable 16-byte id."""
    return sha256(b"work %d" % row).digest()[:16]


def grant(licence: str = "offer_1", purpose: Purpose = Purpose.TRAIN_AI) -> Grant:
    """A grant for the whole world and all time."""
    return Grant(purpose, ("world",), 0, None, 0, licence)


def make_columns(width: int, rows: list[int], kind: str = "full", seed: int = 0, aux: int = 0) -> ListColumns:
    """One random code for each of these work rows."""
    codes = np.random.default_rng(seed).integers(0, 256, (len(rows), width), dtype=np.uint8)
    return ListColumns(
        codes=codes,
        work_rows=np.array(rows, np.uint32),
        kinds=np.full(len(rows), KIND_CODES[kind], np.uint8),
        aux=np.full(len(rows), aux, np.uint64),
    )


def make_content(sequence: int = 1, works: int = 5, created: int = SECONDS) -> EditionContent:
    """Pictures and a text; row 2 is withdrawn, and every third work is licensed to anyone."""
    withdrawn = {2} & set(range(works))
    public = [row for row in range(works) if row not in withdrawn]
    return EditionContent(
        sequence=sequence,
        created=created,
        change_seq=sequence * 10,
        log_size=sequence,
        log_root=sha256(b"log").digest(),
        work_ids=[work_id(row) for row in range(works)],
        work_terms=[int(row % 3 == 0) for row in range(works)],
        terms=[Terms(), Terms(grants=(grant(f"offer_{sequence}"),))],
        withdrawn=withdrawn,
        lists={
            "digest.sha256.v1": make_columns(32, public, "whole"),
            "image.phash256.v1": make_columns(32, [*public, *public[:2]], seed=sequence),
            "image.dhash256.v1": make_columns(32, public[:1], seed=sequence, aux=2**63 + 5),
            "text.minhash128.v1": make_columns(525, public[-1:], "whole", seed=3),
        },
    )


def growing_content(
    sequence: int, works: int, withdrawn: AbstractSet[int] = frozenset(), created: int = SECONDS
) -> EditionContent:
    """A registry in which works come and go while the others' codes stay: pictures, and texts with common phrases.

    With every edition other phrases are common, so that rows that stay are altered; and terms come and go.
    """
    public = [row for row in range(works) if row not in withdrawn]
    phrases = [row for row in public for _ in range(3)]
    common = np.array([(row + sequence) % 5 == 0 for row in phrases], np.uint64) << np.uint64(63)
    words = np.array([word for row in public for word in (row % 97, row % 97, row % 89)], "<u8")
    return replace(
        make_content(sequence, works, created),
        withdrawn=withdrawn,
        work_terms=[0 if row in withdrawn else (row + sequence) % 2 for row in range(works)],
        lists={
            "image.phash256.v1": ListColumns(
                codes=np.frombuffer(
                    b"".join(sha256(b"code %d" % row).digest() for row in public), np.uint8
                ).reshape(len(public), 32),
                work_rows=np.array(public, np.uint32),
                kinds=np.zeros(len(public), np.uint8),
                aux=np.array([row * 2**33 for row in public], np.uint64),
            ),
            "text.winnow32.v1": ListColumns(
                codes=words.view(np.uint8).reshape(len(phrases), 8),
                work_rows=np.array(phrases, np.uint32),
                kinds=np.zeros(len(phrases), np.uint8),
                aux=np.arange(len(phrases), dtype=np.uint64) % 3 | common,
            ),
        },
    )


def make_licences(
    sequence: int = 1, licensee: str = LAB, expires: int = SECONDS + 24 * 3600
) -> PersonalLicences:
    """The licensee may use work 1."""
    terms = {format_id("work", work_id(1)): Terms(grants=(grant("agreement_1"),))}
    return PersonalLicences(licensee, sequence, SECONDS, expires, terms)


@dataclass
class Registry:
    """A registry's files and keys, without its database."""

    folder: Path
    root: bytes
    store: FolderStore

    @classmethod
    def create(cls, folder: Path, now: datetime = NOW) -> Registry:
        """Keys are made; nothing is published."""
        root = init_trust(folder / "offline", folder / "online", now)
        return cls(folder, root, FolderStore(folder / "files"))

    @property
    def publisher(self) -> Publisher:
        """Loaded anew, as another process would."""
        return Publisher(self.folder / "online", self.store)

    @property
    def root_sha256(self) -> str:
        """What a client pins."""
        return sha256(self.root).hexdigest()

    def publish(
        self,
        content: EditionContent,
        now: datetime = NOW,
        licences: tuple[PersonalLicences, ...] = (),
        publisher: Publisher | None = None,
        more: Mapping[str, bytes] | None = None,
    ) -> Published:
        """Write the edition and publish it, with `more` files beside it."""
        folder = self.folder / f"edition-{content.sequence}-{len(list(self.folder.iterdir()))}"
        files = write_edition(folder, content)
        publisher = publisher or self.publisher
        parcel = make_parcel(publisher, files, folder, now)
        targets: dict[str, bytes | Path] = {**parcel.targets, **{p.target: p.to_bytes() for p in licences}}
        targets |= more or {}
        return publisher.publish(targets, parcel.custom, now, kept=parcel.kept)

    def published_files(self) -> dict[str, Path]:
        """Every file of the public tree, by its path below /v1/snapshot/."""
        root = self.store.root / "snapshot"
        return {p.relative_to(root).as_posix(): p for p in sorted(root.rglob("*")) if p.is_file()}


@dataclass
class Served:
    """A running web server over a registry's store, and what it was asked."""

    url: str
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path below /v1/snapshot/ and Authorization header of each request."""
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    """What to do instead of serving the file, by path or by its last part after the digest."""
    keys: Mapping[str, str] = field(default_factory=lambda: {KEY: LAB})
    """Which party each API key belongs to."""
    knows_ranges: bool = True
    """Whether it sends the rest of a file to who has the beginning."""


@contextmanager
def serve(store: FolderStore) -> Iterator[Served]:
    """Serve the store as the registry does, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet, else each answer waits for an acknowledgement

        def do_GET(self) -> None:
            path = self.path.removeprefix("/v1/snapshot/")
            authorization = self.headers.get("Authorization")
            served.requests.append((path, authorization))
            licensee = served.keys.get((authorization or "").removeprefix("Bearer "))
            special = served.answers.get(path) or served.answers.get(
                path.rpartition("/")[2].partition(".")[2]
            )
            if special is not None:
                special(self)
            elif path == "licensee":
                answer(self, b'{"licensee":"%s"}' % licensee.encode() if licensee else None)
            else:
                allowed = may_fetch(path.removeprefix("targets/"), licensee)
                body = store.get(f"snapshot/{path}") if allowed else None
                if body is not None and served.knows_ranges and "Range" in self.headers:
                    answer_rest(self, body)
                else:
                    answer(self, body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that has seen enough hangs up

    server = Server(("127.0.0.1", 0), Handler)
    served = Served(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, body: bytes | None, status: int = 200) -> None:
    """Send a body, or 404 without one."""
    handler.send_response(status if body is not None else 404)
    handler.send_header("Content-Length", str(len(body or b"")))
    handler.end_headers()
    handler.wfile.write(body or b"")


def answer_rest(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send what is asked for: the body from some byte on, if it is the body that the client knows."""
    tag = f'"{sha256(body).hexdigest()}"'
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    is_rest = handler.headers.get("If-Range", tag) == tag
    handler.send_response(206 if is_rest else 200)
    rest = body[start:] if is_rest else body
    if is_rest:
        handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    handler.send_header("ETag", tag)
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    handler.wfile.write(rest)


def redirect(handler: BaseHTTPRequestHandler, url: str) -> None:
    """Send the client elsewhere."""
    handler.send_response(302)
    handler.send_header("Location", url)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
