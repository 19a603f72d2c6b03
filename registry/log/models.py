"""The log's tables. The database is the sequencer and the truth; tiles are computed from it.

Every write goes through the single row of `log_head`, locked first, so indices have no gap and no order but one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, LargeBinary, SmallInteger, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.db import Base, BigId

HEAD_ID = 1


class LogHead(Base):
    """How far the log reaches, in one row. Also numbers all other changes, under the same lock."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint(f"id = {HEAD_ID}", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)
    edge: Mapped[bytes]
    """Roots of the complete subtrees, largest first: 32 bytes for each 1-bit of `size`."""
    change_seq: Mapped[int] = mapped_column(BigInteger)


class LogEntry(Base):
    """One entry; never changed, never deleted."""

    __tablename__ = "log_entry"

    idx: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    idem: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """What a retry is recognised by (`service.idempotency_key`)."""
    leaf: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Its hash: level 0 of the tree."""
    body: Mapped[bytes]


class LogNode(Base):
    """A hash of the tree's higher levels: the root over 256^level consecutive entries, once all of them are there."""

    __tablename__ = "log_node"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    idx: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class LogCheckpoint(Base):
    """A signed checkpoint. The primary key is what makes a second root for one size impossible here."""

    __tablename__ = "log_checkpoint"

    size: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    note: Mapped[str] = mapped_column(Text)
    """Signed by the log, and by the witnesses that have cosigned it so far."""
    published_at: Mapped[datetime]
    """When the log signed it."""
    witnessed: Mapped[bool] = mapped_column(Boolean, server_default=true())
    """Whether the log's own policy is satisfied; before that it is not shown to the public."""
