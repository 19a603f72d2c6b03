"""Tables: what people were told, and what they do not want by mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.db import Base, BigId


class Notice(Base):
    """One thing that one account is told: shown on its page, and the outbox of mails."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_mail", "mail", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    """See `rules.Kind`."""
    facts: Mapped[dict[str, Any]]
    """What the sentence is made of, in any language; no secrets."""
    told_at: Mapped[datetime]
    message: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    """Names the mail (Message-ID): should one be sent again after a crash, the receiving end knows it."""
    mail: Mapped[str] = mapped_column(String(8))
    """See `registry.base.outbox.Mail`."""
    mailed_at: Mapped[datetime | None]


class NoticeOptOut(Base):
    """That an account wants no mail of this kind."""

    __tablename__ = "notice_opt_out"

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
