"""The proof that goes with an edition: its entry in the usage log, under a checkpoint that witnesses have cosigned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from registry.base.db import Database
from registry.core.snapshots.trust import Publisher
from registry.core.snapshots.witnessed import PROOF
from registry.log import service as log
from registry.log.service import LogKey

Facts = dict[str, Any]


def prove(database: Database, key: LogKey, log_index: int, now: datetime) -> tuple[bytes, Facts]:
    """The proof for the entry at `log_index`, and whether the log's quorum has witnessed it, to be signed with it.

    Witnesses that do not answer keep no edition back: labs that ask for none get it at once, the others keep theirs
    until the proof is renewed.
    """
    witnessed = log.sign_head(database, key, now)
    return _receipt(database, log_index), {"witnessed": witnessed}


def renew(database: Database, publisher: Publisher, log_index: int, now: datetime) -> None:
    """Publish a better proof for the edition that is out, if witnesses were missing: they are there now."""
    published = publisher.published()
    if published is None or published.custom(PROOF).get("witnessed") is True:
        return
    others = [file for name, file in published.targets.items() if name != PROOF]
    publisher.publish({PROOF: _receipt(database, log_index)}, {PROOF: {"witnessed": True}}, now, kept=others)


def _receipt(database: Database, log_index: int) -> bytes:
    with database.reading() as session:
        return log.receipt(session, log_index).encode()
