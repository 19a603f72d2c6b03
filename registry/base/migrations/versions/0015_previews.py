"""Previews of works: where each lies, sealed, and the key that opens it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0015'
down_revision: str | None = '0014'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table(
        'work_preview',
        sa.Column('work_id', _ID, nullable=False),
        sa.Column('path', sa.String(length=80), nullable=False),
        sa.Column('key', sa.LargeBinary(length=32), nullable=False),
        sa.Column('width', sa.Integer(), nullable=False),
        sa.Column('height', sa.Integer(), nullable=False),
        sa.Column('created_at', UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_work_preview_work_id')),
        sa.PrimaryKeyConstraint('work_id', name=op.f('pk_work_preview')),
    )


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
