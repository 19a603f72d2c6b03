"""Answers kept for repeated requests, counted requests, past statements, lists of works, requests for licences."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0003'
down_revision: str | None = '0002'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table('rate_window',
    sa.Column('subject', sa.LargeBinary(length=32), nullable=False),
    sa.Column('rate', sa.String(length=16), nullable=False),
    sa.Column('ends', sa.BigInteger(), nullable=False),
    sa.Column('used', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'rate', name=op.f('pk_rate_window'))
    )
    with op.batch_alter_table('rate_window', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rate_window_ends'), ['ends'], unique=False)

    op.create_table('stored_answer',
    sa.Column('subject', sa.LargeBinary(length=32), nullable=False),
    sa.Column('request', sa.LargeBinary(length=32), nullable=False),
    sa.Column('answer', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_stored_answer'))
    )
    with op.batch_alter_table('stored_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stored_answer_created_at'), ['created_at'], unique=False)

    op.create_table('bulk_upload',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('owner', sa.LargeBinary(length=16), nullable=True),
    sa.Column('media_type', sa.String(length=50), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=True),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('registered', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_bulk_upload_party_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bulk_upload'))
    )
    op.create_table('bulk_row',
    sa.Column('upload_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('work', sa.LargeBinary(length=16), nullable=True),
    sa.Column('code', sa.String(length=40), nullable=True),
    sa.Column('message', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['upload_id'], ['bulk_upload.id'], name=op.f('fk_bulk_row_upload_id')),
    sa.PrimaryKeyConstraint('upload_id', 'n', name=op.f('pk_bulk_row'))
    )
    op.create_table('work_revision',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('statements', sa.JSON(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('superseded_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['superseded_by'], ['party.id'], name=op.f('fk_work_revision_superseded_by')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_work_revision_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_revision')),
    sa.UniqueConstraint('work_id', 'number', name=op.f('uq_work_revision_work_id_number'))
    )
    op.create_table('licence_request',
    sa.Column('licensee_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('territories', sa.JSON(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=True),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('message', sa.Text(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['answered_by'], ['party.id'], name=op.f('fk_licence_request_answered_by')),
    sa.ForeignKeyConstraint(['licensee_id'], ['party.id'], name=op.f('fk_licence_request_licensee_id')),
    sa.ForeignKeyConstraint(['offer_id'], ['offer.id'], name=op.f('fk_licence_request_offer_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['party.id'], name=op.f('fk_licence_request_owner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_licence_request')),
    sa.UniqueConstraint('public_id', name=op.f('uq_licence_request_public_id'))
    )
    with op.batch_alter_table('licence_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_licence_request_licensee_id'), ['licensee_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_licence_request_owner_id'), ['owner_id'], unique=False)

    op.create_table('licence_request_work',
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['licence_request.id'], name=op.f('fk_licence_request_work_request_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_licence_request_work_work_id')),
    sa.PrimaryKeyConstraint('request_id', 'work_id', name=op.f('pk_licence_request_work'))
    )
    with op.batch_alter_table('licence_request_work', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_licence_request_work_work_id'), ['work_id'], unique=False)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
