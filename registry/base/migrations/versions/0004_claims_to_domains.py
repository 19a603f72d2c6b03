"""Claims to domains."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0004'
down_revision: str | None = '0003'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table('domain_claim',
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('claimed_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('on_behalf_of', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('domain', sa.String(length=253), nullable=False),
    sa.Column('method', sa.String(length=8), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('holds', sa.String(length=254), nullable=True),
    sa.Column('proved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_check_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('missing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failure', sa.Text(), nullable=True),
    sa.Column('lapsed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['claimed_by'], ['party.id'], name=op.f('fk_domain_claim_claimed_by')),
    sa.ForeignKeyConstraint(['on_behalf_of'], ['party.id'], name=op.f('fk_domain_claim_on_behalf_of')),
    sa.ForeignKeyConstraint(['owner_id'], ['party.id'], name=op.f('fk_domain_claim_owner_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_domain_claim_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_domain_claim')),
    sa.UniqueConstraint('holds', name=op.f('uq_domain_claim_holds')),
    sa.UniqueConstraint('public_id', name=op.f('uq_domain_claim_public_id')),
    sa.UniqueConstraint('work_id', name=op.f('uq_domain_claim_work_id'))
    )
    with op.batch_alter_table('domain_claim', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_domain_claim_change_seq'), ['change_seq'], unique=False)
        batch_op.create_index(batch_op.f('ix_domain_claim_domain'), ['domain'], unique=False)
        batch_op.create_index(batch_op.f('ix_domain_claim_next_check_at'), ['next_check_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_domain_claim_owner_id'), ['owner_id'], unique=False)



def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
