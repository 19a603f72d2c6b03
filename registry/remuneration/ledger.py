"""Write balanced entries to the ledger and read balances from it.

The conventions are TigerBeetle's (https://docs.tigerbeetle.com): entries never change, the id of a transfer comes
from its author and is used at most once, and a correction is a transfer of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from registry.base.bulk_insert import insert_many
from registry.core.errors import Conflict, InvalidInput
from registry.remuneration.models import LedgerEntry, LedgerPosting
from registry.remuneration.rules import Posting, balanced


def post(
    session: Session,
    transfer_id: bytes,
    kind: str,
    postings: Sequence[Posting],
    recorded_at: datetime,
    settlement_id: int | None = None,
) -> bool:
    """Record one entry; `False`, and nothing written, if exactly this entry was recorded before.

    `InvalidInput` if it does not balance or is empty, `Conflict` if the id was used for other postings.
    The postings go in first: the entry's arrival is what the database checks and seals (`safeguards.py`).
    """
    if not postings or not balanced(postings):
        raise InvalidInput("An entry has postings that sum to zero in each currency; nothing was recorded.")
    recorded = _recorded(session, transfer_id)
    if recorded:
        if recorded != sorted(postings):
            raise Conflict("This transfer id was used for another entry; take a new id.")
        return False
    insert_many(
        session,
        LedgerPosting,
        ("transfer_id", "account", "currency", "amount_minor"),
        [(transfer_id, posting.account, posting.currency, posting.amount_minor) for posting in postings],
    )
    session.execute(
        insert(LedgerEntry).values(
            transfer_id=transfer_id, kind=kind, settlement_id=settlement_id, recorded_at=recorded_at
        )
    )
    return True


def balance(session: Session, account: str) -> dict[str, int]:
    """Minor units by currency; credits are negative, so what is owed to a payee is a negative balance."""
    rows = session.execute(
        select(LedgerPosting.currency, func.sum(LedgerPosting.amount_minor))
        .where(LedgerPosting.account == account)
        .group_by(LedgerPosting.currency)
    )
    return {currency: int(amount) for currency, amount in rows}


def _recorded(session: Session, transfer_id: bytes) -> list[Posting]:
    rows = session.execute(
        select(LedgerPosting.account, LedgerPosting.currency, LedgerPosting.amount_minor).where(
            LedgerPosting.transfer_id == transfer_id
        )
    )
    return sorted(Posting(*row) for row in rows)
