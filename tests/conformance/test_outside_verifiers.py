"""Programs that are not ours accept our log, and refuse every copy in which a bit was changed."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pymerkle
import pytest
import urllib3

from registry.base.db import Base, Database
from registry.base.files import FolderStore
from registry.core.tlog import merkle, tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import SigningKey
from registry.log import service
from registry.log.keys import KEY_FILE, POLICY_FILE, LogKey
from tests.support import outside
from tests.support.witnesses import PaperLog, serving

ORIGIN = "registry.example/usage-log"
NOW = datetime(2026, 8, 2, tzinfo=UTC)
OLD, SIZE = 300, 700


class Published(NamedTuple):
    """A log as an outsider has it: files, an older checkpoint, and the keys to trust."""

    files: Path
    old: Path
    keys: Path


def body(number: int) -> bytes:
    """An entry."""
    return b"claim-%d" % number


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """Our own log, from the database, cosigned by two of our own witnesses."""
    folder = tmp_path_factory.mktemp("log")
    key = LogKey.generate(folder / "keys", ORIGIN)
    with ExitStack() as stack:
        witnesses = [
            stack.enter_context(serving(folder / name, f"{name}.example", key.verifier))
            for name in ("a", "b")
        ]
        lines = "".join(w.line(name) for w, name in zip(witnesses, ("a", "b"), strict=True))
        policy = f"log {key.verifier}\n{lines}group both all a b\nquorum both\n"
        (folder / "keys" / POLICY_FILE).write_text(policy)
        key = LogKey.load(folder / "keys")
        database = Database(f"sqlite:///{folder / 'registry.sqlite'}")
        stack.callback(database.dispose)
        Base.metadata.create_all(database.engine)
        store = FolderStore(folder / "files")
        for start, stop in ((0, OLD), (OLD, SIZE)):
            with database.writing() as session:
                items = [
                    (service.idempotency_key(body(n)), body(n)) for n in range(start, stop - (not start))
                ]
                service.append(session, items)
            assert service.sign_head(database, key, NOW)  # the first time, it enters the key
            service.project(database, store)
            if stop == OLD:
                shutil.copyfile(store.root / "log/checkpoint", folder / "old")
        shutil.rmtree(store.root / "log/tile")  # without what is superseded, so that every file counts
        service.project(database, store, recreate=True)
        keys = folder / "keys.txt"
        keys.write_text("\n".join(map(str, (key.verifier, *(w.key for w in witnesses)))))
        yield Published(store.root / "log", folder / "old", keys)


def flips(folder: Path, count: int) -> Iterator[tuple[Path, int]]:
    """Every file at least once, at random places; each is changed while it is given out."""
    order = random.Random(6962)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    assert len(files) > 2
    for path in itertools.islice(itertools.cycle(files), count):
        genuine = path.read_bytes()
        bit = order.randrange(8 * len(genuine))
        changed = bytearray(genuine)
        changed[bit >> 3] ^= 1 << (bit & 7)
        path.write_bytes(changed)
        yield path, bit
        path.write_bytes(genuine)


# -- Go ----------------------------------------------------------------------------------------------------
def test_go_accepts_every_entry_and_random_proofs(published: Published) -> None:
    found = outside.run(outside.go_verifier(), published.files, published.keys, "50", published.old)
    assert found.stdout == f"OK {SIZE}\n"


def test_go_refuses_every_bit_that_was_changed(published: Published, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(published.files, tmp_path / "copy"))
    accepted = [
        place
        for place in flips(copy, 150)
        if outside.run(outside.go_verifier(), copy, published.keys, "1").returncode == 0
    ]
    assert accepted == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_go_refuses_two_thousand_changed_bits(published: Published, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(published.files, tmp_path / "copy"))
    for place in flips(copy, 2_000):
        assert outside.run(outside.go_verifier(), copy, published.keys, "1").returncode != 0, place


def test_go_reads_three_levels_of_tiles(tmp_path: Path) -> None:
    """70,000 entries, whose root is also the published one of an independent implementation."""
    size, key = 70_000, SigningKey.generate(ORIGIN)
    levels = [[merkle.leaf_hash(body(n)) for n in range(size)]]
    while len(levels[-1]) >= tiles.WIDTH:
        last = levels[-1]
        levels.append(
            [merkle.root(last[i : i + tiles.WIDTH]) for i in range(0, len(last) - 255, tiles.WIDTH)]
        )
    for tile in tiles.tiles_of(size):
        path = tmp_path / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = tile.level is None
        path.write_bytes(
            tiles.bundle([body(n) for n in range(tile.start, tile.stop)])
            if entries
            else b"".join(levels[tile.level or 0][tile.start : tile.stop])
        )
    root = merkle.root(levels[0])
    assert root.hex() == "f04f5fb662a42777ea4870e2d3eede586d09f21061cccf7316cd9c621a271c60"
    (tmp_path / "checkpoint").write_text(str(Checkpoint(ORIGIN, size, root).signed(key)))
    (tmp_path / "keys").write_text(str(key.verifier()))
    found = outside.run(outside.go_verifier(), tmp_path, tmp_path / "keys", "200")
    assert found.stdout == f"OK {size}\n"


# -- aics-tlog ---------------------------------------------------------------------------------------------
def trusted(published: Published, files: Path) -> list[str | Path]:
    """The options by which it trusts the log and both witnesses."""
    log, *witnesses = published.keys.read_text().split()
    cosigned = [word for key in witnesses for word in ("--witness-key", key)]
    return ["--log-key", log, *cosigned, "--quorum", "2", "--tiles", files]


def test_aics_accepts_checkpoint_entries_and_growth(published: Published) -> None:
    options = trusted(published, published.files)
    found = outside.run_aics("aics_tlog", "verify-checkpoint", *options)
    assert (found.returncode, json.loads(found.stdout)["cosignatures"]) == (0, 2), found.stderr
    found = outside.run_aics("aics_tlog", "verify-consistency", *options, "--old-checkpoint", published.old)
    assert (found.returncode, json.loads(found.stdout)["ok"]) == (0, True), found.stderr
    found = outside.run_aics("aics_tlog", "verify-inclusion", *options, "--index", "699")
    assert json.loads(found.stdout)["leaf_hash"] == merkle.leaf_hash(body(699)).hex()


_EACH_LINE = """
import contextlib, io, json, sys
from aics_tlog.cli import main
for line in sys.stdin:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = main(json.loads(line))
        except SystemExit as end:
            code = end.code
    print(code, flush=True)
"""


def test_aics_refuses_every_bit_that_was_changed(published: Published, tmp_path: Path) -> None:
    """Its own `main`, asked again and again by one process: for an entry that the changed file should prove."""
    copy = Path(shutil.copytree(published.files, tmp_path / "copy"))
    asking = subprocess.Popen(
        [sys.executable, "-c", _EACH_LINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(outside.aics())},
    )
    assert asking.stdin is not None
    assert asking.stdout is not None

    def refused(index: int) -> bool:
        command = ["verify-inclusion", *map(str, trusted(published, copy)), "--index", str(index)]
        print(json.dumps(command), file=asking.stdin, flush=True)
        return asking.stdout.readline() != "0\n"  # type: ignore[union-attr]

    with asking:
        assert not any(refused(index) for index in (0, 256, 699))
        accepted = [
            (path, bit)
            for path, bit in flips(copy, 80)
            if not refused(_proved_by(published.files, path, bit))
        ]
        asking.stdin.close()
    assert accepted == []


def _proved_by(genuine: Path, path: Path, bit: int) -> int:
    """An entry whose proof needs this part of this file."""
    if path.name == "checkpoint":
        return 0
    tile = tiles.Tile.parse(str(path)[str(path).index("tile/") :])
    if tile.level is None:
        entries = tiles.unbundle((genuine / tile.path).read_bytes())
        ends = itertools.accumulate(2 + len(entry) for entry in entries)
        return tile.start + next(n for n, end in enumerate(ends) if end > bit >> 3)
    return (tile.start + (bit >> 8)) << tiles.HEIGHT * tile.level


# -- aics-witness ------------------------------------------------------------------------------------------
@pytest.fixture
def key(tmp_path: Path) -> LogKey:
    """The key of a log of our own."""
    return LogKey.generate(tmp_path / "keys", ORIGIN)


@pytest.fixture
def their_witness(tmp_path: Path, key: LogKey) -> Iterator[tuple[str, str]]:
    """Address and key of a running aics-witness that watches that log."""
    config = tmp_path / "theirs" / "witness.json"
    config.parent.mkdir()
    first = outside.run_aics(
        "aics_witness", "init", "-c", config, "--name", "theirs.example", "--listen", "127.0.0.1:0"
    )
    assert first.returncode == 0, first.stderr
    added = outside.run_aics(
        "aics_witness", "add-log", "-c", config, "--origin", ORIGIN, "--vkey", str(key.verifier)
    )
    assert added.returncode == 0, added.stderr
    with subprocess.Popen(
        [sys.executable, "-m", "aics_witness", "serve", "-c", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PYTHONPATH": str(outside.aics())},
    ) as process:
        assert process.stdout is not None
        line = ""
        while "listening on http://" not in line:
            line = process.stdout.readline()
            assert line, "it ended at once"
        yield line.partition("listening on ")[2].split()[0], first.stdout.split()[0]
        process.terminate()
        process.stdout.read()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_aics_cosigns_our_log_and_refuses_our_fork(
    database: Database, key: LogKey, their_witness: tuple[str, str], tmp_path: Path
) -> None:
    url, vkey = their_witness
    folder = tmp_path / "keys"
    (folder / POLICY_FILE).write_text(f"log {key.verifier}\nwitness theirs {vkey} {url}\nquorum theirs\n")
    for number in range(3):
        with database.writing() as session:
            service.append(session, [(service.idempotency_key(body(number)), body(number))])
        assert service.sign_head(database, LogKey.load(folder), NOW)
    secret = SigningKey.parse((folder / KEY_FILE).read_text())
    forged = urllib3.request(
        "POST", f"{url}/add-checkpoint", body=PaperLog(secret, "forged").submission(4, 6), retries=False
    )
    assert forged.status == 422
    kept = outside.run_aics("aics_witness", "evidence", "-c", tmp_path / "theirs/witness.json")
    assert ORIGIN in kept.stdout


_SUBMIT = """
import sys
from aics_witness.feeder import WitnessClient
url, vkey, note, proof = sys.argv[1:]
print(WitnessClient(url, vkey).submit(note.encode(), lambda old, new: [bytes.fromhex(h) for h in proof.split()]))
"""


def test_the_client_of_aics_is_content_with_our_witness(tmp_path: Path) -> None:
    log = PaperLog(SigningKey.generate(ORIGIN))
    with serving(tmp_path / "w", "ours.example", log.key.verifier(), now=lambda: int(time.time())) as running:
        for old, size in ((0, 3), (3, 10)):
            proof = " ".join(h.hex() for h in merkle.consistency_proof(old, log.leaves(size)))
            found = outside.run(
                sys.executable, "-c", _SUBMIT, running.url, str(running.key), str(log.note(size)), proof,
                PYTHONPATH=str(outside.aics()),
            )  # fmt: skip
            assert found.returncode == 0, found.stderr
            assert "ours.example" in found.stdout


# -- pymerkle ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 255, 300])
def test_pymerkle_finds_the_same_root(size: int) -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    tree.append_entries([body(n) for n in range(size)])
    assert tree.get_root() == merkle.root_of_leaves(body(n) for n in range(size))
