"""Tables: letters to addresses, and the links in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.db import Base, BigId


class Letter(Base):
    """One letter to one address; what is in it is decided when it goes out, and its link is made then."""

    __tablename__ = "letter"
    __table_args__ = (Index("ix_letter_mail", "mail", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    """`None`: somebody asked by naming the address, which may be nobody's."""
    kind: Mapped[str] = mapped_column(String(16))
    """See `rules.Kind`."""
    address: Mapped[str] = mapped_column(String(254), index=True)
    language: Mapped[str] = mapped_column(String(2))
    asked_at: Mapped[datetime]
    message: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    """Names the mail (Message-ID)."""
    mail: Mapped[str] = mapped_column(String(8))
    """See `registry.base.outbox.Mail`."""
    mailed_at: Mapped[datetime | None]


class AddressLink(Base):
    """A link that went out in a letter. Of the secret in it only the SHA-256 is kept: it was in the mail alone."""

    __tablename__ = "address_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    """See `rules.Purpose`."""
    address: Mapped[str] = mapped_column(String(254))
    """What it proves, if it is used."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
