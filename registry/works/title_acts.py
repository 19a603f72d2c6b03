"""What a person does about titles: it has a reason, and the public log has a commitment to it and to the works."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.core.errors import InvalidInput
from registry.core.records.leaves import TitleLeaf, commitment
from registry.log import service as log

MAX_REASON: Final = 2_000


class Logged(NamedTuple):
    """Where an act stands in the log, and the salt that opens it for those who may know."""

    log_index: int
    salt: bytes


def check_reason(text: str, rule: str) -> str:
    """The reason without spaces around it; `InvalidInput` with the rule for one that is empty, long or unprintable."""
    reason = text.strip()
    if not 0 < len(reason) <= MAX_REASON or not all(c.isprintable() or c == "\n" for c in reason):
        raise InvalidInput(f"{rule} 1 to {MAX_REASON:,} characters.")
    return reason


def log_act(
    session: Session, room: bytes, act: str, case: Mapping[str, str], now: datetime, sources: Sources
) -> Logged:
    """Commit to an act; `case` names the works and the reason, which stay between their owners."""
    salt = sources.new_id() + sources.new_id()
    leaf = TitleLeaf(act=act, case=commitment(salt, dict(case)), at=int(now.timestamp()))
    (log_index,) = log.append(session, [(log.idempotency_key(room, salt), leaf.body())])
    return Logged(log_index, salt)
