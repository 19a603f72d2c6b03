"""Money that was held or unclaimed is released by a later settlement, in further lines of the same use."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0014'
down_revision: str | None = '0013'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


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
    op.add_column(
        'settlement', sa.Column('released_count', sa.BigInteger(), server_default='0', nullable=False)
    )
    with op.batch_alter_table('statement_line') as line:
        line.drop_constraint(op.f('uq_statement_line_pool_id_claim_batch_id_row_account'), type_='unique')
        line.create_unique_constraint(
            op.f('uq_statement_line_once'), ['settlement_id', 'pool_id', 'claim_batch_id', 'row', 'account']
        )
    op.create_table(
        'released_line',
        sa.Column('line_id', _ID, nullable=False),
        sa.Column('settlement_id', _ID, nullable=False),
        sa.ForeignKeyConstraint(['line_id'], ['statement_line.id'], name=op.f('fk_released_line_line_id')),
        sa.ForeignKeyConstraint(
            ['settlement_id'], ['settlement.id'], name=op.f('fk_released_line_settlement_id')
        ),
        sa.PrimaryKeyConstraint('line_id', name=op.f('pk_released_line')),
    )
    op.create_index(op.f('ix_released_line_settlement_id'), 'released_line', ['settlement_id'])
    if op.get_bind().dialect.name == 'sqlite':  # a constraint changes only with its table, and triggers go with it
        statements = [each for table in ('statement_line', 'released_line') for each in _guard_sqlite(table)]
    else:
        statements = _guard_postgresql('released_line')
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
