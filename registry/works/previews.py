"""Small pictures by which makers recognise their works: kept for those who asked for it, and shown to nobody else.

The maker's browser makes them, or this server of a file that was uploaded. Either way the picture is decoded within
narrow limits and written anew, so that nothing of what was sent is kept but its pixels.

In the file store each is sealed with a key of its own, which lies in the database. Whoever reads the store, or an old
copy of it, sees nothing; and what the database has forgotten nobody can open, even if its object is still there.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from PIL import Image
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.base import jobs
from registry.base.actor import Actor
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import Store
from registry.core.errors import Corrupt, TooLarge, UnsupportedMedia
from registry.core.fingerprints.decode import Picture, decode
from registry.core.fingerprints.image import known_format
from registry.core.fingerprints.model import DEFAULT_LIMITS, Limits
from registry.works.models import Work, WorkPreview

LONGEST: Final = 320
"""Pixels of the longer side, at most."""
MOST_BYTES: Final = 20_000
MEDIA_TYPE: Final = "image/webp"
REMOVE: Final = "remove-previews"
SWEEP: Final = "sweep-previews"
REMOVE_ORPHANS: Final = "remove-orphaned-previews"
ORPHANED_FOR: Final = timedelta(days=7)
"""How long a stored preview that no work has is left alone, from when it was noticed."""

_FOLDER = "previews"
_SENT = Limits(max_file_bytes=MOST_BYTES, max_pixels=LONGEST * LONGEST)
_TAKEN = frozenset({"image/webp", "image/jpeg"})
_SAVED = ((LONGEST, 80), (LONGEST, 55), (LONGEST, 30), (LONGEST // 2, 40), (LONGEST // 2, 10))
"""Longer side and quality, tried in this order until the file is small enough."""
_AT_ONCE = 1_000
"""Orphans in one job."""
_NONCE = bytes(12)
"""A key seals one object only."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture as it is kept."""

    data: bytes
    """WebP without metadata, at most `MOST_BYTES`."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StoredPreview:
    """One that lies in the file store already, and belongs to no work yet."""

    path: str
    key: bytes
    width: int
    height: int


# -- making -------------------------------------------------------------------------------------------------
def read_preview(data: bytes) -> Preview:
    """What a browser made, checked and written anew.

    `TooLarge` beyond 20,000 bytes or 320 pixels a side, `UnsupportedMedia` unless it is WebP or JPEG, `Undecodable` if
    it is broken.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(f"A preview has at most {MOST_BYTES:,} bytes; this has {len(data):,}.")
    form = known_format(data)
    if form.media_type not in _TAKEN:
        raise UnsupportedMedia(f"A preview is WebP or JPEG, not {form.media_type}.")
    picture = decode(data, form, _SENT)
    if max(picture.luma.shape) > LONGEST:
        raise TooLarge(f"A preview has at most {LONGEST} pixels a side.")
    return _saved(_image(picture))


def preview_of(data: bytes) -> Preview:
    """The preview of a picture file; `InvalidInput` if it is none that we read."""
    return _saved(_image(decode(data, known_format(data), DEFAULT_LIMITS, draft="RGB")))


def _image(picture: Picture) -> Image.Image:
    pixels = picture.luma if picture.colours is None else picture.colours
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")


def _saved(image: Image.Image) -> Preview:
    image.thumbnail((LONGEST, LONGEST))
    for side, quality in _SAVED:
        small = image.copy()
        small.thumbnail((side, side))
        file = io.BytesIO()
        small.save(file, "WEBP", quality=quality, method=2)
        if len(file.getvalue()) <= MOST_BYTES:
            return Preview(file.getvalue(), small.width, small.height)
    raise TooLarge("No preview of this picture is small enough.")


# -- keeping ------------------------------------------------------------------------------------------------
def store_preview(store: Store, preview: Preview) -> StoredPreview:
    """Put it into the file store, sealed; before the transaction that registers its work, since a store takes time."""
    key, name = AESGCM.generate_key(256), secrets.token_hex(16)
    path = f"{_FOLDER}/{name[:2]}/{name[2:]}"
    store.put(path, AESGCM(key).encrypt(_NONCE, preview.data, path.encode()))
    return StoredPreview(path, key, preview.width, preview.height)


def record_preview(session: Session, work: Work, stored: StoredPreview, now: datetime) -> None:
    """Let it be the preview of this work, which has none."""
    session.add(
        WorkPreview(
            work_id=work.id,
            path=stored.path,
            key=stored.key,
            width=stored.width,
            height=stored.height,
            created_at=now,
        )
    )


def remove_previews(session: Session, work_ids: Collection[int], sources: Sources) -> int:
    """Forget the previews of these works, so that nobody can open them, and have their objects removed; how many."""
    mine = WorkPreview.work_id.in_(work_ids)
    paths = list(session.scalars(select(WorkPreview.path).where(mine)))
    if paths:
        session.execute(delete(WorkPreview).where(mine))
        jobs.enqueue(session, REMOVE, {"paths": paths}, sources)
    return len(paths)


def remove_objects(
    store: Store, _database: Database, payload: Mapping[str, Any], _sources: Sources
) -> dict[str, Any]:
    """The job that `remove_previews` orders."""
    for path in payload["paths"]:
        store.remove(path)
    return {"removed": len(payload["paths"])}


# -- sweeping -----------------------------------------------------------------------------------------------
def look_for_orphans(
    store: Store, database: Database, _payload: Mapping[str, Any], sources: Sources
) -> dict[str, Any]:
    """Order the removal, in a week, of what was stored for works whose registration never came to an end.

    A store does not say how old an object is, and one may belong to a registration that is under way; so the week
    counts from now. It also leaves time to notice that a worker was started on another database than its files'.
    """
    left = set(store.paths(f"{_FOLDER}/"))
    with database.reading() as session:
        for path in session.scalars(select(WorkPreview.path), execution_options={"yield_per": _AT_ONCE}):
            left.discard(path)
    orphans = sorted(left)
    if orphans:
        with database.writing() as session:
            for start in range(0, len(orphans), _AT_ONCE):
                paths = {"paths": orphans[start : start + _AT_ONCE]}
                jobs.enqueue(session, REMOVE_ORPHANS, paths, sources, run_at=sources.now() + ORPHANED_FOR)
    return {"orphans": len(orphans)}


def remove_orphans(
    store: Store, database: Database, payload: Mapping[str, Any], _sources: Sources
) -> dict[str, Any]:
    """The job that `look_for_orphans` orders: remove those that still belong to no work."""
    with database.reading() as session:
        kept = set(session.scalars(select(WorkPreview.path).where(WorkPreview.path.in_(payload["paths"]))))
    orphans = [path for path in payload["paths"] if path not in kept]
    for path in orphans:
        store.remove(path)
    return {"removed": len(orphans)}


# -- showing ------------------------------------------------------------------------------------------------
def with_preview(session: Session, actor: Actor, work_ids: Collection[int]) -> dict[int, WorkPreview]:
    """Those of these works that have a preview which the actor may see: the owner alone, by private key."""
    query = select(WorkPreview).join(Work, Work.id == WorkPreview.work_id)
    mine = query.where(Work.id.in_(work_ids), Work.owner_id == actor.party_id)
    return {row.work_id: row for row in session.scalars(mine)}


def preview_for(session: Session, actor: Actor, public_id: bytes) -> WorkPreview | None:
    """The preview of a work of the actor's own; `None` for everybody else, and where there is none."""
    query = select(WorkPreview).join(Work, Work.id == WorkPreview.work_id)
    return session.scalar(query.where(Work.public_id == public_id, Work.owner_id == actor.party_id))


def open_preview(store: Store, row: WorkPreview) -> bytes | None:
    """Its bytes; `None` if the object is gone, `Corrupt` if it is not the one that was stored."""
    sealed = store.get(row.path)
    if sealed is None:
        return None
    try:
        return AESGCM(row.key).decrypt(_NONCE, sealed, row.path.encode())
    except InvalidTag:
        raise Corrupt(f"The stored file {row.path} is damaged; restore it from a backup.") from None


def previews_of_owner(session: Session, store: Store, party_id: int) -> Iterator[tuple[bytes, bytes]]:
    """Public id of each work of this account that has a preview, and the picture."""
    query = select(Work.public_id, WorkPreview).join(WorkPreview, WorkPreview.work_id == Work.id)
    mine = query.where(Work.owner_id == party_id).order_by(Work.id)
    for public_id, row in session.execute(mine, execution_options={"yield_per": 100}):
        with suppress(Corrupt):  # one damaged object must not keep the others back
            data = open_preview(store, row)
            if data is not None:
                yield public_id, data
