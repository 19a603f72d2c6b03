"""Payouts: where a party wants its money, what was prepared for the bank, and what became of each payment.

What happened to a payment is a row of `payout_event`, and its key makes a second time impossible. Of these tables only
`bank_account` ever loses a row.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from registry.base.db import Base, BigId, Identified
from registry.base.sealing import SealedBytes, SealedText


class BankAccount(Base):
    """Where a party wants its money from `recorded_at` on; its newest row counts."""

    __tablename__ = "bank_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    holder: Mapped[str] = mapped_column(SealedText)
    """Private."""
    iban: Mapped[str] = mapped_column(SealedText)
    """Private: leaves the database for the bank's file only, and is shown by its last four digits."""
    recorded_at: Mapped[datetime]


class PayoutRun(Identified, Base):
    """One file for the bank, kept as it was made."""

    __tablename__ = "payout_run"

    message_id: Mapped[str] = mapped_column(String(35), unique=True)
    """By which the bank's replies name the file."""
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int] = mapped_column(BigInteger)
    payments: Mapped[int]
    file: Mapped[bytes] = mapped_column(SealedBytes, deferred=True)
    """Names and IBANs are in it, so it is sealed as they are."""
    file_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)
    prepared_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    prepared_at: Mapped[datetime]


class Payout(Base):
    """One payment to one party."""

    __tablename__ = "payout"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="positive"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("payout_run.id"), index=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    end_to_end_id: Mapped[str] = mapped_column(String(35), unique=True)
    """By which the bank's replies name the payment."""
    iban_end: Mapped[str] = mapped_column(String(6))
    """Country and last four digits of where it went: `DE3000`."""
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class PayoutEvent(Base):
    """That a payment reached a state; each at most once."""

    __tablename__ = "payout_event"

    payout_id: Mapped[int] = mapped_column(ForeignKey("payout.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), primary_key=True)
    """See `payout_rules.State`."""
    reason: Mapped[str | None] = mapped_column(String(200))
    """Of a return, as the bank gave it."""
    reply_sha256: Mapped[bytes | None] = mapped_column(ForeignKey("bank_reply.sha256"))
    recorded_at: Mapped[datetime]


class BankReply(Base):
    """A file of the bank that was taken in: the same one is never taken twice."""

    __tablename__ = "bank_reply"

    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    changes: Mapped[int]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    recorded_at: Mapped[datetime]
