"""Filter runs that labs reported, and the claim batches that rest on them. Rows are only ever added."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registry.base.db import Base, BigId, Identified


class Run(Base):
    """A filter run as its manifest describes it; named by the digest that the manifest carries."""

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("lab_id", "run_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    lab_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    run_id: Mapped[str] = mapped_column(String(64))
    """Hex SHA-256 of the manifest's hashed part."""
    purpose: Mapped[str] = mapped_column(String(16))
    territory: Mapped[str] = mapped_column(String(8))
    manifest: Mapped[bytes]
    """The whole manifest as canonical JSON."""
    submitted_at: Mapped[datetime]


class ClaimBatch(Identified, Base):
    """What one model version used of one run, committed to by one leaf of the usage log."""

    __tablename__ = "claim_batch"
    __table_args__ = (UniqueConstraint("run_id", "model_id"),)

    lab_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"))
    idem: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 over lab, run, model and rows: the same batch again is the same leaf."""
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Opens the leaf's commitment to who reported; only the lab and the operator see it."""
    rows_root: Mapped[bytes] = mapped_column(LargeBinary(32))
    row_count: Mapped[int]
    rows: Mapped[bytes]
    """The rows as the tab-separated bytes that `rows_root` was made of."""
    submitted_at: Mapped[datetime]


class ClaimRow(Base):
    """One work used under one licence: what a settlement prices."""

    __tablename__ = "claim_row"
    __table_args__ = (
        Index("ix_claim_row_agreement_id", "agreement_id"),
        Index("ix_claim_row_work_id", "work_id"),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("claim_batch.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    """Place among the batch's rows, from 0."""
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreement.id"))
    licence: Mapped[str] = mapped_column(String(60))
    """As reported: `agreement_…@<tariff version>`."""
    tariff: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Digest of the tariff version that the agreement pins; null where the licence is free of charge."""
    units: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(String(40))
    how: Mapped[int]
    """1 exact, 2 near, 3 declared."""


class Declaration(Identified, Base):
    """A figure that a lab declared for one agreement and quarter. A correction is a further row, the next number."""

    __tablename__ = "declaration"
    __table_args__ = (UniqueConstraint("agreement_id", "period", "figure", "number"),)

    lab_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreement.id"))
    licence: Mapped[str] = mapped_column(String(60))
    """`agreement_…@<tariff version>`"""
    period: Mapped[str] = mapped_column(String(7))
    figure: Mapped[str] = mapped_column(String(20))
    number: Mapped[int]
    value: Mapped[int] = mapped_column(BigInteger)
    """An income in minor units of the tariff's currency, or how many model versions."""
    models: Mapped[list[str]]
    """The public ids of those model versions, in order; empty for an income."""
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Opens the commitment in the log."""
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)
    declared_at: Mapped[datetime]
