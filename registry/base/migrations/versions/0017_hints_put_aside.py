"""What a person did about a hint, and why."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0017'
down_revision: str | None = '0016'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table(
        'hint_review',
        sa.Column('id', _ID, nullable=False),
        sa.Column('hint_id', _ID, nullable=False),
        sa.Column('act', sa.String(length=8), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
        sa.Column('log_index', sa.BigInteger(), nullable=False),
        sa.Column('reviewed_at', UtcDateTime(), nullable=False),
        sa.Column('reviewed_by', _ID, nullable=False),
        sa.ForeignKeyConstraint(['hint_id'], ['likeness_hint.id'], name=op.f('fk_hint_review_hint_id')),
        sa.ForeignKeyConstraint(['reviewed_by'], ['party.id'], name=op.f('fk_hint_review_reviewed_by')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_hint_review')),
    )
    op.create_index(op.f('ix_hint_review_hint_id'), 'hint_review', ['hint_id'])


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
