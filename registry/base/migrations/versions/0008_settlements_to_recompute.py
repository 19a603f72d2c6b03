"""Settlements that anyone can compute again: their files, whose numbers payees are, and what was deducted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0008'
down_revision: str | None = '0007'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

_GUARDS = {
    "sqlite": [
        "CREATE TRIGGER settlement_file_no_update BEFORE UPDATE ON settlement_file BEGIN SELECT RAISE(ABORT, 'settlement_file is append-only'); END",
        "CREATE TRIGGER settlement_file_no_delete BEFORE DELETE ON settlement_file BEGIN SELECT RAISE(ABORT, 'settlement_file is append-only'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION settlement_file_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'settlement_file is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER settlement_file_no_change BEFORE UPDATE OR DELETE ON settlement_file FOR EACH ROW EXECUTE FUNCTION settlement_file_append_only()",
        "CREATE TRIGGER settlement_file_no_truncate BEFORE TRUNCATE ON settlement_file FOR EACH STATEMENT EXECUTE FUNCTION settlement_file_append_only()",
    ],
}


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    for name in ('management_ppm', 'social_ppm'):
        op.add_column('settlement', sa.Column(name, sa.Integer(), server_default='0', nullable=False))
    for name in ('management_minor', 'social_minor'):
        op.add_column('settlement_pool', sa.Column(name, sa.BigInteger(), server_default='0', nullable=False))
    op.create_table(
        'settlement_file',
        sa.Column('settlement_id', _ID, nullable=False),
        sa.Column('side', sa.String(length=7), nullable=False),
        sa.Column('name', sa.String(length=40), nullable=False),
        sa.Column('entry', sa.String(length=200), nullable=False),
        sa.Column('data', sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(['settlement_id'], ['settlement.id'], name=op.f('fk_settlement_file_settlement_id')),
        sa.PrimaryKeyConstraint('settlement_id', 'side', 'name', name=op.f('pk_settlement_file')),
    )
    op.create_table(
        'settlement_payee',
        sa.Column('settlement_id', _ID, nullable=False),
        sa.Column('party_id', _ID, nullable=False),
        sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_settlement_payee_party_id')),
        sa.ForeignKeyConstraint(
            ['settlement_id'], ['settlement.id'], name=op.f('fk_settlement_payee_settlement_id')
        ),
        sa.PrimaryKeyConstraint('settlement_id', 'party_id', name=op.f('pk_settlement_payee')),
    )
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
