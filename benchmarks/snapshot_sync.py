"""How an edition travels: size at rest, following a change of 1 %, opening, and a visit without news.

    python benchmarks/snapshot_sync.py [codes]        (10 million 256-bit codes if not given; about 4 GB of memory)

Ours: packed files and steps. The peer is python-tuf as it comes, which downloads each file that changed as a whole:
`Updater.download_target` of the same registry's unpacked files, over loopback, where the network costs nothing; so its
seconds flatter it, and its bytes are what a lab would wait for. Seconds are processor time, the web server's included.
One work has one code here, whose aux is a random number of 42 bits, as for `image.dhash256.v1`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tuf.ngclient import Updater

from benchmarks._measuring import best_of, machine
from crawler import verified
from crawler.sync import open_snapshot, sync
from registry.base.files import FolderStore
from registry.core.decisions import Terms
from registry.core.matching import ListColumns
from registry.core.snapshots import EditionContent, Snapshot, write_edition
from registry.core.snapshots.manifest import MANIFEST, list_file
from registry.core.snapshots.packs import pack, unpack
from registry.core.snapshots.steps import follow, steps_file
from registry.core.snapshots.tables import read_table, size_of, write_table
from registry.core.snapshots.trust import Publisher, init_trust
from registry.publishing.parcels import make_parcel

ALGORITHM = "image.dhash256.v1"
NAME = list_file(ALGORITHM)
Answer = TypeVar("Answer")
_AUX_BITS = 42
_LEAST = (256 + _AUX_BITS) / 8
"""Bytes of a row that nothing can do without: both numbers are random, and works are in the order of registration.

A set of codes alone, in their own order, would take 29.3; to say of each which work it is of takes the rest again.
"""


def columns(codes: int, seed: int = 1) -> ListColumns:
    """As many random codes, each of a work of its own."""
    rng = np.random.default_rng(seed)
    return ListColumns(
        codes=rng.integers(0, 256, (codes, 32), dtype=np.uint8),
        work_rows=np.arange(codes, dtype=np.uint32),
        kinds=np.zeros(codes, np.uint8),
        aux=rng.integers(0, 1 << _AUX_BITS, codes, dtype=np.uint64),
    )


def changed(before: ListColumns, removed: int, added: int) -> ListColumns:
    """Some works withdrawn, scattered over all; some new, at the end."""
    stays = np.ones(len(before.codes), np.bool_)
    stays[np.random.default_rng(2).choice(len(before.codes), removed, replace=False)] = False
    new = columns(added, seed=3)
    return ListColumns(
        codes=np.concatenate([before.codes[stays], new.codes]),
        work_rows=np.concatenate([before.work_rows[stays], new.work_rows + np.uint32(len(stays))]),
        kinds=np.concatenate([before.kinds[stays], new.kinds]),
        aux=np.concatenate([before.aux[stays], new.aux]),
    )


def content(sequence: int, listed: ListColumns, works: int) -> EditionContent:
    """An edition with this list, in which every work that has no code is withdrawn."""
    is_gone = np.ones(works, np.bool_)
    is_gone[listed.work_rows] = False
    ids = np.random.default_rng(4).bytes(16 * works)
    return EditionContent(
        sequence=sequence,
        created=int(time.time()),
        change_seq=sequence,
        log_size=0,
        log_root=sha256().digest(),
        work_ids=[ids[at : at + 16] for at in range(0, len(ids), 16)],
        work_terms=[0] * works,
        terms=[Terms()],
        withdrawn=set(np.flatnonzero(is_gone).tolist()),
        lists={ALGORITHM: listed},
    )


def elapsed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Seconds of processor time, of one time, and the answer."""
    begin = time.process_time()
    answer = work()
    return time.process_time() - begin, answer


def measure_list(folder: Path, codes: int) -> None:
    """The list alone, at full size: packing, steps, following them."""
    from registry.core.snapshots import columns as arrow

    before = columns(codes)
    after = changed(before, codes // 500, codes // 100)
    for name, listed in (("old", before), ("new", after)):
        arrow.write_list(folder / name, listed)
    del before, after
    old, new = read_table(folder / "old", NAME), read_table(folder / "new", NAME)
    size = (folder / "old").stat().st_size
    packing, packed = elapsed(lambda: pack(NAME, old))
    unpacking, _ = elapsed(lambda: write_table(folder / "back", NAME, unpack(packed, NAME, size)))
    print(f"  at rest         {len(packed) / codes:6.2f} bytes per code and aux, unpacked {size / codes:.2f}")
    print(
        f"    goal          30 bytes: missed; which work has which random code and aux takes {_LEAST:.2f} at least"
    )
    print(f"  packing         {packing:6.2f} s, unpacking and digest {unpacking:.2f} s")
    making, step = elapsed(lambda: steps_file(1, 2, {NAME: old}, {NAME: new}))
    added, removed = codes // 100, codes // 500
    only = steps_file(1, 2, {NAME: old}, {NAME: _without(folder, old, removed)})
    print(
        f"  steps           {len(step):,} bytes for {added:,} added, {removed:,} removed; made in {making:.2f} s"
    )
    print(
        f"    per removal   {len(only) / removed:6.2f} bytes; per addition {(len(step) - len(only)) / added:.2f}"
    )
    budget = size_of(NAME, old) + size_of(NAME, new)

    def applied() -> str:
        return write_table(folder / "back", NAME, follow(NAME, old, [step], 1, 2, budget))

    seconds, digest = best_of(2, applied)
    assert digest == write_table(folder / "other", NAME, new)
    print(f"  following them  {seconds:6.2f} s, with the file that they lead to and its digest (processor)")
    print(f"    goal          a change of 1 % in less than 1 s: {_met(seconds)}")


def _met(seconds: float, goal: float = 1) -> str:
    return "met" if seconds < goal else "missed"


def _without(folder: Path, old: Any, removed: int) -> Any:
    """The same table with only the removals."""
    from registry.core.snapshots import columns as arrow

    stays = np.ones(old.rows, np.bool_)
    stays[np.random.default_rng(2).choice(old.rows, removed, replace=False)] = False
    arrow.write_list(
        folder / "fewer", ListColumns(*(old.columns[c][stays] for c in ("code", "work_row", "kind", "aux")))
    )
    return read_table(folder / "fewer", NAME)


class Quiet(SimpleHTTPRequestHandler):
    """A plain web server over the published tree: no ranges, no code of ours."""

    sent = 0

    def translate_path(self, path: str) -> str:
        """Below `/v1/snapshot/`."""
        return super().translate_path(path.removeprefix("/v1/snapshot"))

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Counts what is sent."""
        data = source.read()
        Quiet.sent += len(data)
        outputfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def measure_visits(folder: Path, codes: int) -> None:
    """A whole registry, with its works table: ours beside the TUF library's own download."""
    now = datetime.now(UTC)
    init_trust(folder / "offline", folder / "online", now)
    store = FolderStore(folder / "files")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "files/snapshot")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    listed = columns(codes)
    for sequence in (1, 2):
        if sequence == 2:
            listed = changed(listed, codes // 500, codes // 100)
        works = int(listed.work_rows.max()) + 1
        files = write_edition(folder / str(sequence), content(sequence, listed, works))
        publisher = Publisher(folder / "online", store)
        parcel = make_parcel(publisher, files, folder / str(sequence), now)
        raw = {name: path for name, path in files.paths.items() if name != MANIFEST}
        publisher.publish({**parcel.targets, **raw}, parcel.custom, now, kept=parcel.kept)
        theirs, their_bytes = _by_the_library(folder, url, list(files.paths))
        ours, result = elapsed(lambda: sync(url, folder / "lab", now=now))
        print(
            f"  edition {sequence}: ours {ours:5.2f} s {result.received:12,} bytes, works tree and all digests checked"
        )
        ratio = their_bytes / result.received
        print(f"             python-tuf {theirs:5.2f} s {their_bytes:12,} bytes   ratio {ratio:.1f}")
    seconds, result = best_of(3, lambda: sync(url, folder / "lab", now=now))
    met = _met(seconds, 0.05) if result.received < 2_000 else "missed"
    print(
        f"  no change       {seconds * 1000:6.1f} ms, {result.received:,} bytes; goal 50 ms and 2 kB: {met}"
    )

    def in_full() -> object:
        verified.forget((folder / "lab/current").resolve())
        return sync(url, folder / "lab", now=now)

    print(f"    once a day    {best_of(3, in_full)[0] * 1000:6.1f} ms, with the digests of what is here")
    opening, _ = best_of(3, lambda: open_snapshot(folder / "lab", now=now, verify=False))
    verifying, _ = best_of(3, lambda: open_snapshot(folder / "lab", now=now))
    current = (folder / "lab/current").resolve()
    checking, _ = best_of(3, lambda: Snapshot.open(current, works_root=False))
    print(f"  open            {opening * 1000:6.1f} ms")
    print(f"    and verify    {verifying * 1000:6.1f} ms, of which digests {checking * 1000:.1f} ms")
    server.shutdown()


def _by_the_library(folder: Path, url: str, names: list[str]) -> tuple[float, int]:
    """Seconds and bytes of the TUF library's client that keeps what is unchanged and fetches the rest whole."""
    metadata, targets = folder / "plain/metadata", folder / "plain/targets"
    for place in (metadata, targets):
        place.mkdir(parents=True, exist_ok=True)
    root = (folder / "files/snapshot/metadata/1.root.json").read_bytes()
    Quiet.sent = 0

    def bring() -> None:
        updater = Updater(
            str(metadata),
            f"{url}/v1/snapshot/metadata/",
            str(targets),
            f"{url}/v1/snapshot/targets/",
            bootstrap=root,
        )
        updater.refresh()
        for name in names:
            info = updater.get_targetinfo(name)
            assert info is not None
            if updater.find_cached_target(info) is None:
                updater.download_target(info)

    return elapsed(bring)[0], Quiet.sent


def main() -> None:
    """Print everything."""
    codes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="snapshot-sync-"))
    try:
        print(f"One list of {codes:,} codes of 256 bits:")
        measure_list(folder, codes)
        visited = min(codes, 500_000)
        print(
            f"A registry of {visited:,} works with a code each, visited over loopback; then 1 % more, 0.2 % withdrawn:"
        )
        measure_visits(folder, visited)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
