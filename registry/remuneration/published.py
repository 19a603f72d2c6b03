"""A settlement's files, as anyone may fetch them: from the database, or from the static files made of it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.base.actor import Actor, Role
from registry.base.db import Database
from registry.base.files import Store
from registry.base.settings import SOCIETIES
from registry.core.errors import Forbidden, NotFound
from registry.core.ids import format_id
from registry.core.settlement.files import LISTING, SIDES, listing
from registry.remuneration.models import Settlement, SettlementFile

FOLDER = "log/settlements"
"""Beside the log's static files, whose entries commit to them."""


def settlement_file(session: Session, public_id: bytes, side: str, name: str) -> bytes:
    """One file of one side, or its listing; `NotFound` if there is none."""
    key = session.scalar(select(Settlement.id).where(Settlement.public_id == public_id))
    if key is not None and side in SIDES:
        if name == LISTING:
            return listing(entry for _, entry in _entries(session, key, side))
        stored = session.get(SettlementFile, (key, side, name))
        if stored is not None:
            return zlib.decompress(stored.data)
    raise NotFound(f"{format_id('settlement', public_id)} has no {side[:20]}/{name[:40]}.")


def check_file_reader(actor: Actor, readers: str) -> None:
    """`Forbidden` unless the files are shown to this actor; auditors and the operator always see them.

    `readers` is the setting `settlement_readers`, other than `public`.
    """
    if actor.sees_all_usage or (readers == SOCIETIES and actor.role is Role.SOCIETY):
        return
    raise Forbidden("The operator shows the files of settlements to others only.", readers=readers)


def published_settlement(session: Session, public_id: bytes) -> Settlement:
    """One settlement as its entry in the log has it; `NotFound` if there is none."""
    found = session.scalar(select(Settlement).where(Settlement.public_id == public_id))
    if found is None:
        raise NotFound(f"There is no {format_id('settlement', public_id)}.")
    return found


def newest_settlements(session: Session, limit: int) -> Sequence[Settlement]:
    """The newest first, as anyone may know of them from the log."""
    return session.scalars(select(Settlement).order_by(Settlement.log_index.desc()).limit(limit)).all()


def project_settlements(database: Database, store: Store, *, recreate: bool = False) -> None:
    """Write the files of settlements that the store has not yet; the listings last, which say that all are there."""
    with database.reading() as session:
        for key, public_id in session.execute(select(Settlement.id, Settlement.public_id)).all():
            folder = f"{FOLDER}/{format_id('settlement', public_id)}"
            if store.exists(f"{folder}/{SIDES[-1]}/{LISTING}") and not recreate:
                continue
            for side in SIDES:
                for name in [*(name for name, _ in _entries(session, key, side)), LISTING]:
                    store.put(f"{folder}/{side}/{name}", settlement_file(session, public_id, side, name))
                session.expunge_all()


def _entries(session: Session, settlement_id: int, side: str) -> list[tuple[str, str]]:
    query = select(SettlementFile.name, SettlementFile.entry).where(
        SettlementFile.settlement_id == settlement_id, SettlementFile.side == side
    )
    return [(name, entry) for name, entry in session.execute(query)]
