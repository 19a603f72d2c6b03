"""Figures that labs declare, what was charged and held by them, and offers of a society's whole repertoire."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0009'
down_revision: str | None = '0008'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_NEW = ('declared_charge', 'settlement_hold')
_REBUILT = ('settlement_pool', 'statement_line')
"""On SQLite a constraint changes only with its table, and the table's triggers go with it."""


def _guard_sqlite(table: str) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    return [
        f"CREATE TRIGGER {table}_no_{moment.lower()} BEFORE {moment} ON {table} {refuse}"
        for moment in ('UPDATE', 'DELETE')
    ]


def _guard_postgresql(table: str) -> list[str]:
    refuse = f"RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation';"
    call = f"EXECUTE FUNCTION {table}_append_only()"
    return [
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refuse} END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {call}",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}",
    ]


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.add_column('offer', sa.Column('repertoire', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        'declaration',
        sa.Column('lab_id', _ID, nullable=False),
        sa.Column('agreement_id', _ID, nullable=False),
        sa.Column('licence', sa.String(length=60), nullable=False),
        sa.Column('period', sa.String(length=7), nullable=False),
        sa.Column('figure', sa.String(length=20), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('value', sa.BigInteger(), nullable=False),
        sa.Column('models', sa.JSON(), nullable=False),
        sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
        sa.Column('log_index', sa.BigInteger(), nullable=False),
        sa.Column('declared_at', UtcDateTime(), nullable=False),
        sa.Column('id', _ID, nullable=False),
        sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(['agreement_id'], ['agreement.id'], name=op.f('fk_declaration_agreement_id')),
        sa.ForeignKeyConstraint(['lab_id'], ['party.id'], name=op.f('fk_declaration_lab_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_declaration')),
        sa.UniqueConstraint(
            'agreement_id', 'period', 'figure', 'number',
            name=op.f('uq_declaration_agreement_id_period_figure_number'),
        ),
        sa.UniqueConstraint('log_index', name=op.f('uq_declaration_log_index')),
        sa.UniqueConstraint('public_id', name=op.f('uq_declaration_public_id')),
    )
    op.create_index(op.f('ix_declaration_lab_id'), 'declaration', ['lab_id'])
    with op.batch_alter_table('settlement_pool') as pool:
        pool.add_column(sa.Column('part', sa.String(length=40), server_default='use', nullable=False))
        pool.add_column(sa.Column('declaration_id', _ID, nullable=True))
        pool.create_foreign_key(
            op.f('fk_settlement_pool_declaration_id'), 'declaration', ['declaration_id'], ['id']
        )
        pool.drop_constraint(op.f('uq_settlement_pool_settlement_id_agreement_id_period'), type_='unique')
        pool.create_unique_constraint(
            op.f('uq_settlement_pool_settlement_id_agreement_id_period_part'),
            ['settlement_id', 'agreement_id', 'period', 'part'],
        )
    with op.batch_alter_table('statement_line') as line:
        line.drop_constraint(op.f('uq_statement_line_claim_batch_id_row_account'), type_='unique')
        line.create_unique_constraint(
            op.f('uq_statement_line_pool_id_claim_batch_id_row_account'),
            ['pool_id', 'claim_batch_id', 'row', 'account'],
        )
    op.create_table(
        'declared_charge',
        sa.Column('declaration_id', _ID, nullable=False),
        sa.Column('component', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('agreement_id', _ID, nullable=False),
        sa.Column('period', sa.String(length=7), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('pool_id', _ID, nullable=False),
        sa.ForeignKeyConstraint(['agreement_id'], ['agreement.id'], name=op.f('fk_declared_charge_agreement_id')),
        sa.ForeignKeyConstraint(
            ['declaration_id'], ['declaration.id'], name=op.f('fk_declared_charge_declaration_id')
        ),
        sa.ForeignKeyConstraint(['pool_id'], ['settlement_pool.id'], name=op.f('fk_declared_charge_pool_id')),
        sa.PrimaryKeyConstraint('declaration_id', 'component', name=op.f('pk_declared_charge')),
    )
    op.create_index(op.f('ix_declared_charge_agreement_id'), 'declared_charge', ['agreement_id'])
    op.create_table(
        'settlement_hold',
        sa.Column('settlement_id', _ID, nullable=False),
        sa.Column('agreement_id', _ID, nullable=False),
        sa.Column('period', sa.String(length=7), nullable=False),
        sa.Column('component', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('licence', sa.String(length=60), nullable=False),
        sa.Column('figure', sa.String(length=20), nullable=False),
        sa.Column('reason', sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(['agreement_id'], ['agreement.id'], name=op.f('fk_settlement_hold_agreement_id')),
        sa.ForeignKeyConstraint(
            ['settlement_id'], ['settlement.id'], name=op.f('fk_settlement_hold_settlement_id')
        ),
        sa.PrimaryKeyConstraint(
            'settlement_id', 'agreement_id', 'period', 'component', name=op.f('pk_settlement_hold')
        ),
    )
    if op.get_bind().dialect.name == 'sqlite':
        statements = [each for table in (*_REBUILT, *_NEW) for each in _guard_sqlite(table)]
    else:
        statements = [each for table in _NEW for each in _guard_postgresql(table)]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
