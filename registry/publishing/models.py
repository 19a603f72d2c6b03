"""What was published when. The files themselves are in the file store; this is their history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.db import Base, BigId


class Edition(Base):
    """One published snapshot."""

    __tablename__ = "edition"

    sequence: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[datetime]
    change_seq: Mapped[int] = mapped_column(BigInteger)
    works_root: Mapped[bytes] = mapped_column(LargeBinary(32))
    works: Mapped[int] = mapped_column(BigInteger)
    log_index: Mapped[int] = mapped_column(BigInteger)
    """Where the log says so: the index of this edition's `optout` leaf."""
    published_at: Mapped[datetime | None]
    """When it became visible; never, if the publish was interrupted."""
