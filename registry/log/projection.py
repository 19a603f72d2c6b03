"""The log as static files: tiles, entry bundles and the checkpoint, for any web server or bucket.

The database is the truth. The files are computed from it, byte for byte the same each time, so they may be deleted
and written anew. Whatever a checkpoint covers is in place before the checkpoint itself is: a reader at any moment,
also after a crash, finds everything that the checkpoint in front of them names.
"""

from __future__ import annotations

from registry.base.db import Database
from registry.base.files import Store
from registry.base.locks import exclusive
from registry.core.errors import TrustRefused, VerificationFailed
from registry.core.tlog import tiles
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.notes import Note
from registry.log.signing import SignedCheckpoint, latest_checkpoint
from registry.log.tree import read_tile, root_at

FOLDER = "log"
"""Where the files are in the file store: `log/checkpoint`, `log/tile/…`."""
CHECKPOINT = f"{FOLDER}/checkpoint"
_LOCK = "log-files"
_WAIT_SECONDS = 60


def project(database: Database, store: Store, *, recreate: bool = False) -> Checkpoint:
    """Bring the files up to the newest public checkpoint, which is returned; only what is new is written.

    `recreate`: all of it, whatever is there. `NotReady` before the first checkpoint; `TrustRefused` if the files are
    those of a longer log or of another one, for then this database is not the one that was published.
    """
    with exclusive(database, _LOCK, wait_seconds=_WAIT_SECONDS), database.reading() as session:
        signed = latest_checkpoint(session)
        size = signed.checkpoint.size
        written = _published(store, signed)
        if written is not None and (written.size > size or root_at(session, written.size) != written.root):
            raise TrustRefused(
                f"The published files are of another log, or of a longer one ({written.size} entries, here {size}). "
                "Was an older database restored? Nothing was written."
            )
        since = 0 if recreate or written is None else written.size
        for tile in tiles.tiles_of(size, since):
            store.put(f"{FOLDER}/{tile.path}", read_tile(session, tile))
        note = str(signed.note).encode()
        if recreate or store.get(CHECKPOINT) != note:
            store.put(CHECKPOINT, note)
        return signed.checkpoint


def _published(store: Store, signed: SignedCheckpoint) -> Checkpoint | None:
    """What the files' own checkpoint says; `None` if there is none, or one that nobody can read."""
    data = store.get(CHECKPOINT)
    if data is None:
        return None
    try:
        found = Checkpoint.parse(Note.parse(data).text)
    except VerificationFailed:
        return None
    if found.origin != signed.checkpoint.origin:
        raise TrustRefused(
            f"The published files are of the log {found.origin[:80]}, not of {signed.checkpoint.origin}."
        )
    return found
