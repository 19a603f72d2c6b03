"""Baskets: the works that a lab would like to use."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0019'
down_revision: str | None = '0018'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table(
        'basket_work',
        sa.Column('party_id', _ID, nullable=False),
        sa.Column('work_id', _ID, nullable=False),
        sa.Column('units', sa.BigInteger(), nullable=False),
        sa.Column('put_at', UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_basket_work_party_id')),
        sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_basket_work_work_id')),
        sa.PrimaryKeyConstraint('party_id', 'work_id', name=op.f('pk_basket_work')),
    )
    op.create_index(op.f('ix_basket_work_work_id'), 'basket_work', ['work_id'])


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
