"""Settlements, the lines they consist of, and the ledger. Nothing here is ever changed or removed.

`safeguards.py` adds what the database itself refuses: an update or removal of any of these rows, and an entry that
does not balance. A mistake is corrected by a further entry.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from registry.base.db import Base, BigId, Identified
from registry.remuneration import (  # noqa: F401 - their tables are guarded with these
    invoice_models,
    payout_models,
)
from registry.remuneration.safeguards import guard


class Settlement(Identified, Base):
    """One distribution: every claim below `closing_size` that no earlier settlement took."""

    __tablename__ = "settlement"
    __table_args__ = (UniqueConstraint("period", "closing_size"),)

    period: Mapped[str] = mapped_column(String(7))
    closing_size: Mapped[int] = mapped_column(BigInteger)
    """Size of the usage log that the settlement rests on."""
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)
    """Of the leaf that commits to both roots."""
    input_root: Mapped[bytes] = mapped_column(LargeBinary(32))
    output_root: Mapped[bytes] = mapped_column(LargeBinary(32))
    management_ppm: Mapped[int] = mapped_column(server_default="0")
    """What was deducted from every pool, in ppm, for management and for social and cultural ends."""
    social_ppm: Mapped[int] = mapped_column(server_default="0")
    claim_count: Mapped[int] = mapped_column(BigInteger)
    line_count: Mapped[int] = mapped_column(BigInteger)
    """Those of its pools, and those that it released of earlier ones."""
    released_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """How many held lines of earlier settlements it gave to their holders."""
    settled_by: Mapped[int] = mapped_column(ForeignKey("party.id"))
    settled_at: Mapped[datetime]


class SettlementFile(Base):
    """A file that a settlement is published as (`registry.core.settlement.files`), kept as it was made."""

    __tablename__ = "settlement_file"

    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    side: Mapped[str] = mapped_column(String(7), primary_key=True)
    """`inputs` or `outputs`."""
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    entry: Mapped[str] = mapped_column(String(200))
    """Its line in the listing: name, number of lines, root."""
    data: Mapped[bytes]
    """Compressed (zlib)."""


class SettlementPayee(Base):
    """Opens a payee's commitment in a settlement's files. Not append-only: whoever erases the salt erases the link."""

    __tablename__ = "settlement_payee"

    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))


class SettledClaim(Base):
    """That a claim was taken, and by which settlement: its key makes a second time impossible."""

    __tablename__ = "settled_claim"

    claim_batch_id: Mapped[int] = mapped_column(ForeignKey("claim_batch.id"), primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), index=True)


class SettlementPool(Base):
    """What one agreement owed in one settlement, and by which prices."""

    __tablename__ = "settlement_pool"
    __table_args__ = (UniqueConstraint("settlement_id", "agreement_id", "period", "part"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"))
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreement.id"))
    lab_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    period: Mapped[str] = mapped_column(String(7))
    """The quarter in which the claims came in, or for which a figure was declared; a latecomer keeps its own."""
    part: Mapped[str] = mapped_column(String(40), server_default="use")
    """`use`, or for a component that is priced by a declared figure: the figure, the component's place in the tariff,
    and the declaration's log index, such as `net_income.2@17`."""
    declaration_id: Mapped[int | None] = mapped_column(ForeignKey("declaration.id"))
    licence: Mapped[str] = mapped_column(String(60))
    """As the claims name it: `agreement_…@<tariff version>`."""
    tariff: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Digest of that version."""
    currency: Mapped[str] = mapped_column(String(3))
    flat_minor: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    """What the lab owes: lines and deductions together. Below zero where a corrected figure is less than before."""
    management_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    social_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")


class FlatCharge(Base):
    """That an agreement's flat fee was charged for a period: its key makes a second time impossible."""

    __tablename__ = "flat_charge"

    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreement.id"), primary_key=True)
    period: Mapped[str] = mapped_column(String(7), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("settlement_pool.id"))


class DeclaredCharge(Base):
    """That a component was charged by this declaration: its key makes a second time impossible."""

    __tablename__ = "declared_charge"

    declaration_id: Mapped[int] = mapped_column(ForeignKey("declaration.id"), primary_key=True)
    component: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Its place in the tariff, from 0."""
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreement.id"), index=True)
    period: Mapped[str] = mapped_column(String(7))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    """What the component costs by this figure: a later correction is charged the difference to it."""
    pool_id: Mapped[int] = mapped_column(ForeignKey("settlement_pool.id"))


class SettlementHold(Base):
    """A component that a settlement could not price, and why; everything else of the agreement was settled."""

    __tablename__ = "settlement_hold"

    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreement.id"), primary_key=True)
    period: Mapped[str] = mapped_column(String(7), primary_key=True)
    component: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    licence: Mapped[str] = mapped_column(String(60))
    figure: Mapped[str] = mapped_column(String(20))
    """Which must be declared."""
    reason: Mapped[str] = mapped_column(String(20))
    """`not-over`, `not-declared`, or `model-missing`."""


class StatementLine(Base):
    """One account's part of one reported use. Lines and deductions of a pool sum to its total.

    A line that a later settlement than the pool's made is a part of a held one, which was released: those together sum
    to what was held.
    """

    __tablename__ = "statement_line"
    __table_args__ = (
        UniqueConstraint(
            "settlement_id", "pool_id", "claim_batch_id", "row", "account", name="uq_statement_line_once"
        ),
        Index("ix_statement_line_party_settlement", "party_id", "settlement_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), index=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("settlement_pool.id"), index=True)
    claim_batch_id: Mapped[int] = mapped_column(ForeignKey("claim_batch.id"))
    row: Mapped[int]
    work_id: Mapped[int] = mapped_column(ForeignKey("work.id"))
    account: Mapped[str] = mapped_column(String(100))
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    """The payee; null for what is unclaimed or in dispute."""
    units: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(String(40))
    ppm: Mapped[int]
    """Of the use's cost before deductions."""
    exact_minor: Mapped[str] = mapped_column(String(200))
    """The amount before rounding and after deductions, as a rational `n/d` in minor units."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))


class ReleasedLine(Base):
    """That a held line was released, and by which settlement: its key makes a second time impossible."""

    __tablename__ = "released_line"

    line_id: Mapped[int] = mapped_column(ForeignKey("statement_line.id"), primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), index=True)


class LedgerPosting(Base):
    """One side of an entry: debits positive, credits negative. Written before its entry, which seals it."""

    __tablename__ = "ledger_posting"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="not_zero"),
        Index("ix_ledger_posting_account_currency", "account", "currency"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    transfer_id: Mapped[bytes] = mapped_column(
        ForeignKey("ledger_entry.transfer_id", deferrable=True, initially="DEFERRED"), index=True
    )
    account: Mapped[str] = mapped_column(String(100))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class LedgerEntry(Base):
    """A balanced set of postings under an id that its author chose: the same id is never posted twice."""

    __tablename__ = "ledger_entry"

    transfer_id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    settlement_id: Mapped[int | None] = mapped_column(ForeignKey("settlement.id"), index=True)
    recorded_at: Mapped[datetime]


guard(Base.metadata)
