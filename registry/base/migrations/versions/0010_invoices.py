"""Invoices to labs, and to whom they are addressed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0010'
down_revision: str | None = '0009'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

_GUARDS = {
    "sqlite": [
        "CREATE TRIGGER invoice_no_update BEFORE UPDATE ON invoice BEGIN SELECT RAISE(ABORT, 'invoice is append-only'); END",
        "CREATE TRIGGER invoice_no_delete BEFORE DELETE ON invoice BEGIN SELECT RAISE(ABORT, 'invoice is append-only'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION invoice_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'invoice is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER invoice_no_change BEFORE UPDATE OR DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION invoice_append_only()",
        "CREATE TRIGGER invoice_no_truncate BEFORE TRUNCATE ON invoice FOR EACH STATEMENT EXECUTE FUNCTION invoice_append_only()",
    ],
}


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table(
        'billing_details',
        sa.Column('id', _ID, nullable=False),
        sa.Column('party_id', _ID, nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('address', sa.String(length=400), nullable=False),
        sa.Column('country', sa.String(length=2), nullable=False),
        sa.Column('vat_id', sa.String(length=20), nullable=True),
        sa.Column('recorded_at', UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_billing_details_party_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_billing_details')),
    )
    op.create_index(op.f('ix_billing_details_party_id'), 'billing_details', ['party_id'])
    op.create_table(
        'invoice',
        sa.Column('kind', sa.String(length=12), nullable=False),
        sa.Column('year', sa.Integer(), nullable=False),
        sa.Column('sequence', sa.Integer(), nullable=False),
        sa.Column('settlement_id', _ID, nullable=False),
        sa.Column('lab_id', _ID, nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=True),
        sa.Column('corrects_id', _ID, nullable=True),
        sa.Column('net_minor', sa.BigInteger(), nullable=False),
        sa.Column('tax_minor', sa.BigInteger(), nullable=False),
        sa.Column('document', sa.LargeBinary(), nullable=False),
        sa.Column('pdf', sa.LargeBinary(), nullable=False),
        sa.Column('issued_by', _ID, nullable=False),
        sa.Column('issued_at', UtcDateTime(), nullable=False),
        sa.Column('id', _ID, nullable=False),
        sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'credit-note')", name=op.f('ck_invoice_kind_known')),
        sa.ForeignKeyConstraint(['corrects_id'], ['invoice.id'], name=op.f('fk_invoice_corrects_id')),
        sa.ForeignKeyConstraint(['issued_by'], ['party.id'], name=op.f('fk_invoice_issued_by')),
        sa.ForeignKeyConstraint(['lab_id'], ['party.id'], name=op.f('fk_invoice_lab_id')),
        sa.ForeignKeyConstraint(['settlement_id'], ['settlement.id'], name=op.f('fk_invoice_settlement_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice')),
        sa.UniqueConstraint('corrects_id', name=op.f('uq_invoice_corrects_id')),
        sa.UniqueConstraint('kind', 'year', 'sequence', name=op.f('uq_invoice_kind_year_sequence')),
        sa.UniqueConstraint('public_id', name=op.f('uq_invoice_public_id')),
        sa.UniqueConstraint(
            'settlement_id', 'lab_id', 'currency', 'attempt',
            name=op.f('uq_invoice_settlement_id_lab_id_currency_attempt'),
        ),
    )
    op.create_index(op.f('ix_invoice_lab_id'), 'invoice', ['lab_id'])
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
