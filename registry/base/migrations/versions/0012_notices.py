"""What people are told, the outbox of mails, and the language of an account."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0012'
down_revision: str | None = '0011'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.add_column('party', sa.Column('language', sa.String(length=2), server_default='en', nullable=False))
    op.create_table(
        'notice',
        sa.Column('id', _ID, nullable=False),
        sa.Column('party_id', _ID, nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('told_at', UtcDateTime(), nullable=False),
        sa.Column('message', sa.LargeBinary(length=16), nullable=False),
        sa.Column('mail', sa.String(length=8), nullable=False),
        sa.Column('mailed_at', UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_notice_party_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
        sa.UniqueConstraint('message', name=op.f('uq_notice_message')),
    )
    op.create_index('ix_notice_mail', 'notice', ['mail', 'id'])
    op.create_index(op.f('ix_notice_party_id'), 'notice', ['party_id'])
    op.create_table(
        'notice_opt_out',
        sa.Column('party_id', _ID, nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_notice_opt_out_party_id')),
        sa.PrimaryKeyConstraint('party_id', 'kind', name=op.f('pk_notice_opt_out')),
    )


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
