"""How titles came into conflict, what people decided about it, and hints."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0005'
down_revision: str | None = '0004'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    with op.batch_alter_table('work', schema=None) as batch_op:
        batch_op.add_column(sa.Column('upheld_at', sa.DateTime(timezone=True), nullable=True))
    op.create_table('contest',
    sa.Column('id', _ID, nullable=False),
    sa.Column('work_id', _ID, nullable=False),
    sa.Column('earlier_id', _ID, nullable=False),
    sa.Column('rule', sa.String(length=16), nullable=False),
    sa.Column('distance', sa.Integer(), nullable=False),
    sa.Column('mirrored', sa.Boolean(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['earlier_id'], ['work.id'], name=op.f('fk_contest_earlier_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_contest_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contest')),
    sa.UniqueConstraint('work_id', 'earlier_id', name=op.f('uq_contest_work_id_earlier_id')),
    )
    with op.batch_alter_table('contest', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contest_earlier_id'), ['earlier_id'], unique=False)
    op.create_table('title_decision',
    sa.Column('id', _ID, nullable=False),
    sa.Column('contest_id', _ID, nullable=False),
    sa.Column('outcome', sa.String(length=8), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
    sa.Column('log_index', sa.BigInteger(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', _ID, nullable=False),
    sa.ForeignKeyConstraint(['contest_id'], ['contest.id'], name=op.f('fk_title_decision_contest_id')),
    sa.ForeignKeyConstraint(['decided_by'], ['party.id'], name=op.f('fk_title_decision_decided_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_title_decision')),
    )
    with op.batch_alter_table('title_decision', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_title_decision_contest_id'), ['contest_id'], unique=False)
    op.create_table('likeness_hint',
    sa.Column('id', _ID, nullable=False),
    sa.Column('work_id', _ID, nullable=False),
    sa.Column('other_id', _ID, nullable=False),
    sa.Column('algorithm', sa.String(length=40), nullable=False),
    sa.Column('variant', sa.String(length=40), nullable=False),
    sa.Column('grade', sa.String(length=8), nullable=False),
    sa.Column('distance', sa.Integer(), nullable=False),
    sa.Column('found_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['other_id'], ['work.id'], name=op.f('fk_likeness_hint_other_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_likeness_hint_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_likeness_hint')),
    sa.UniqueConstraint('work_id', 'other_id', name=op.f('uq_likeness_hint_work_id_other_id')),
    )
    op.create_table('hints_looked',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hints_looked')),
    )
    op.execute(
        "INSERT INTO contest (work_id, earlier_id, rule, distance, mirrored, began_at) "
        "SELECT id, contested_by, CASE kind WHEN 'domain' THEN 'domain' ELSE 'same-file' END, 0, false, "
        "contested_since FROM work WHERE contested_since IS NOT NULL AND contested_by IS NOT NULL"
    )


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
