"""Payouts: bank details, files for the bank, what became of each payment, and the bank's replies."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0007'
down_revision: str | None = '0006'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_GUARDS = {
    "sqlite": [
        "CREATE TRIGGER payout_run_no_update BEFORE UPDATE ON payout_run BEGIN SELECT RAISE(ABORT, 'payout_run is append-only'); END",
        "CREATE TRIGGER payout_run_no_delete BEFORE DELETE ON payout_run BEGIN SELECT RAISE(ABORT, 'payout_run is append-only'); END",
        "CREATE TRIGGER payout_no_update BEFORE UPDATE ON payout BEGIN SELECT RAISE(ABORT, 'payout is append-only'); END",
        "CREATE TRIGGER payout_no_delete BEFORE DELETE ON payout BEGIN SELECT RAISE(ABORT, 'payout is append-only'); END",
        "CREATE TRIGGER payout_event_no_update BEFORE UPDATE ON payout_event BEGIN SELECT RAISE(ABORT, 'payout_event is append-only'); END",
        "CREATE TRIGGER payout_event_no_delete BEFORE DELETE ON payout_event BEGIN SELECT RAISE(ABORT, 'payout_event is append-only'); END",
        "CREATE TRIGGER bank_reply_no_update BEFORE UPDATE ON bank_reply BEGIN SELECT RAISE(ABORT, 'bank_reply is append-only'); END",
        "CREATE TRIGGER bank_reply_no_delete BEFORE DELETE ON bank_reply BEGIN SELECT RAISE(ABORT, 'bank_reply is append-only'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION payout_run_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'payout_run is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER payout_run_no_change BEFORE UPDATE OR DELETE ON payout_run FOR EACH ROW EXECUTE FUNCTION payout_run_append_only()",
        "CREATE TRIGGER payout_run_no_truncate BEFORE TRUNCATE ON payout_run FOR EACH STATEMENT EXECUTE FUNCTION payout_run_append_only()",
        "CREATE OR REPLACE FUNCTION payout_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'payout is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER payout_no_change BEFORE UPDATE OR DELETE ON payout FOR EACH ROW EXECUTE FUNCTION payout_append_only()",
        "CREATE TRIGGER payout_no_truncate BEFORE TRUNCATE ON payout FOR EACH STATEMENT EXECUTE FUNCTION payout_append_only()",
        "CREATE OR REPLACE FUNCTION payout_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'payout_event is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER payout_event_no_change BEFORE UPDATE OR DELETE ON payout_event FOR EACH ROW EXECUTE FUNCTION payout_event_append_only()",
        "CREATE TRIGGER payout_event_no_truncate BEFORE TRUNCATE ON payout_event FOR EACH STATEMENT EXECUTE FUNCTION payout_event_append_only()",
        "CREATE OR REPLACE FUNCTION bank_reply_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'bank_reply is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER bank_reply_no_change BEFORE UPDATE OR DELETE ON bank_reply FOR EACH ROW EXECUTE FUNCTION bank_reply_append_only()",
        "CREATE TRIGGER bank_reply_no_truncate BEFORE TRUNCATE ON bank_reply FOR EACH STATEMENT EXECUTE FUNCTION bank_reply_append_only()",
    ],
}


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table(
        'bank_account',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('holder', sa.String(length=70), nullable=False),
        sa.Column('iban', sa.String(length=34), nullable=False),
        sa.Column('recorded_at', UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_bank_account_party_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_bank_account')),
    )
    op.create_index(op.f('ix_bank_account_party_id'), 'bank_account', ['party_id'])
    op.create_table(
        'payout_run',
        sa.Column('message_id', sa.String(length=35), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('total_minor', sa.BigInteger(), nullable=False),
        sa.Column('payments', sa.Integer(), nullable=False),
        sa.Column('file', sa.LargeBinary(), nullable=False),
        sa.Column('file_sha256', sa.LargeBinary(length=32), nullable=False),
        sa.Column('log_index', sa.BigInteger(), nullable=False),
        sa.Column('prepared_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('prepared_at', UtcDateTime(), nullable=False),
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(['prepared_by'], ['party.id'], name=op.f('fk_payout_run_prepared_by')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_payout_run')),
        sa.UniqueConstraint('file_sha256', name=op.f('uq_payout_run_file_sha256')),
        sa.UniqueConstraint('log_index', name=op.f('uq_payout_run_log_index')),
        sa.UniqueConstraint('message_id', name=op.f('uq_payout_run_message_id')),
        sa.UniqueConstraint('public_id', name=op.f('uq_payout_run_public_id')),
    )
    op.create_table(
        'payout',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('end_to_end_id', sa.String(length=35), nullable=False),
        sa.Column('iban_end', sa.String(length=6), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('ck_payout_positive')),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_payout_party_id')),
        sa.ForeignKeyConstraint(['run_id'], ['payout_run.id'], name=op.f('fk_payout_run_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_payout')),
        sa.UniqueConstraint('end_to_end_id', name=op.f('uq_payout_end_to_end_id')),
    )
    op.create_index(op.f('ix_payout_party_id'), 'payout', ['party_id'])
    op.create_index(op.f('ix_payout_run_id'), 'payout', ['run_id'])
    op.create_table(
        'bank_reply',
        sa.Column('sha256', sa.LargeBinary(length=32), nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('changes', sa.Integer(), nullable=False),
        sa.Column('recorded_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('recorded_at', UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(['recorded_by'], ['party.id'], name=op.f('fk_bank_reply_recorded_by')),
        sa.PrimaryKeyConstraint('sha256', name=op.f('pk_bank_reply')),
    )
    op.create_table(
        'payout_event',
        sa.Column('payout_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('reason', sa.String(length=200), nullable=True),
        sa.Column('reply_sha256', sa.LargeBinary(length=32), nullable=True),
        sa.Column('recorded_at', UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(['payout_id'], ['payout.id'], name=op.f('fk_payout_event_payout_id')),
        sa.ForeignKeyConstraint(['reply_sha256'], ['bank_reply.sha256'], name=op.f('fk_payout_event_reply_sha256')),
        sa.PrimaryKeyConstraint('payout_id', 'state', name=op.f('pk_payout_event')),
    )
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
