"""Invoices to labs, and what labs say of themselves for them. Nothing here is ever changed or removed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from registry.base.db import Base, BigId, Identified


class BillingDetails(Base):
    """To whom a lab wants its invoices addressed from `recorded_at` on; its newest row counts."""

    __tablename__ = "billing_details"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(400))
    """Lines with line feeds between them."""
    country: Mapped[str] = mapped_column(String(2))
    vat_id: Mapped[str | None] = mapped_column(String(20))
    recorded_at: Mapped[datetime]


class Invoice(Identified, Base):
    """An invoice or a credit note, kept as it was issued."""

    __tablename__ = "invoice"
    __table_args__ = (
        CheckConstraint("kind IN ('invoice', 'credit-note')", name="kind_known"),
        UniqueConstraint("kind", "year", "sequence"),
        UniqueConstraint("settlement_id", "lab_id", "currency", "attempt"),
    )

    kind: Mapped[str] = mapped_column(String(12))
    year: Mapped[int]
    sequence: Mapped[int]
    """From 1 in each year, for each kind, without a gap."""
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"))
    lab_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    attempt: Mapped[int | None]
    """From 1: the next is issued when the one before was taken back. Null for what takes back."""
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), unique=True)
    """What a credit note takes back."""
    net_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """All that it says, as canonical JSON."""
    pdf: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    issued_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    issued_at: Mapped[datetime]

    @property
    def number(self) -> str:
        """As it is printed: `INV-2026-000001`, or `CRN-` for a credit note."""
        return f"{'INV' if self.kind == 'invoice' else 'CRN'}-{self.year}-{self.sequence:06d}"
