"""The first schema: every table of the chain, and what the database itself refuses about money."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0001'
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SAFEGUARDS = {
    'sqlite': (
        "CREATE TRIGGER settlement_no_update BEFORE UPDATE ON settlement BEGIN SELECT RAISE(ABORT, 'settlement is append-only'); END",
        "CREATE TRIGGER settlement_no_delete BEFORE DELETE ON settlement BEGIN SELECT RAISE(ABORT, 'settlement is append-only'); END",
        "CREATE TRIGGER settled_claim_no_update BEFORE UPDATE ON settled_claim BEGIN SELECT RAISE(ABORT, 'settled_claim is append-only'); END",
        "CREATE TRIGGER settled_claim_no_delete BEFORE DELETE ON settled_claim BEGIN SELECT RAISE(ABORT, 'settled_claim is append-only'); END",
        "CREATE TRIGGER settlement_pool_no_update BEFORE UPDATE ON settlement_pool BEGIN SELECT RAISE(ABORT, 'settlement_pool is append-only'); END",
        "CREATE TRIGGER settlement_pool_no_delete BEFORE DELETE ON settlement_pool BEGIN SELECT RAISE(ABORT, 'settlement_pool is append-only'); END",
        "CREATE TRIGGER flat_charge_no_update BEFORE UPDATE ON flat_charge BEGIN SELECT RAISE(ABORT, 'flat_charge is append-only'); END",
        "CREATE TRIGGER flat_charge_no_delete BEFORE DELETE ON flat_charge BEGIN SELECT RAISE(ABORT, 'flat_charge is append-only'); END",
        "CREATE TRIGGER statement_line_no_update BEFORE UPDATE ON statement_line BEGIN SELECT RAISE(ABORT, 'statement_line is append-only'); END",
        "CREATE TRIGGER statement_line_no_delete BEFORE DELETE ON statement_line BEGIN SELECT RAISE(ABORT, 'statement_line is append-only'); END",
        "CREATE TRIGGER ledger_posting_no_update BEFORE UPDATE ON ledger_posting BEGIN SELECT RAISE(ABORT, 'ledger_posting is append-only'); END",
        "CREATE TRIGGER ledger_posting_no_delete BEFORE DELETE ON ledger_posting BEGIN SELECT RAISE(ABORT, 'ledger_posting is append-only'); END",
        "CREATE TRIGGER ledger_posting_open BEFORE INSERT ON ledger_posting WHEN EXISTS (SELECT 1 FROM ledger_entry WHERE transfer_id = NEW.transfer_id) BEGIN SELECT RAISE(ABORT, 'the entry is sealed'); END",
        "CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END",
        "CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END",
        "CREATE TRIGGER ledger_entry_balances BEFORE INSERT ON ledger_entry WHEN \n    NOT EXISTS (SELECT 1 FROM ledger_posting WHERE transfer_id = NEW.transfer_id)\n    OR EXISTS (SELECT 1 FROM ledger_posting WHERE transfer_id = NEW.transfer_id\n               GROUP BY currency HAVING sum(amount_minor) <> 0) BEGIN SELECT RAISE(ABORT, 'the entry does not balance'); END",
    ),
    'postgresql': (
        "CREATE OR REPLACE FUNCTION settlement_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'settlement is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER settlement_no_change BEFORE UPDATE OR DELETE ON settlement FOR EACH ROW EXECUTE FUNCTION settlement_append_only()',
        'CREATE TRIGGER settlement_no_truncate BEFORE TRUNCATE ON settlement FOR EACH STATEMENT EXECUTE FUNCTION settlement_append_only()',
        "CREATE OR REPLACE FUNCTION settled_claim_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'settled_claim is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER settled_claim_no_change BEFORE UPDATE OR DELETE ON settled_claim FOR EACH ROW EXECUTE FUNCTION settled_claim_append_only()',
        'CREATE TRIGGER settled_claim_no_truncate BEFORE TRUNCATE ON settled_claim FOR EACH STATEMENT EXECUTE FUNCTION settled_claim_append_only()',
        "CREATE OR REPLACE FUNCTION settlement_pool_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'settlement_pool is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER settlement_pool_no_change BEFORE UPDATE OR DELETE ON settlement_pool FOR EACH ROW EXECUTE FUNCTION settlement_pool_append_only()',
        'CREATE TRIGGER settlement_pool_no_truncate BEFORE TRUNCATE ON settlement_pool FOR EACH STATEMENT EXECUTE FUNCTION settlement_pool_append_only()',
        "CREATE OR REPLACE FUNCTION flat_charge_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'flat_charge is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER flat_charge_no_change BEFORE UPDATE OR DELETE ON flat_charge FOR EACH ROW EXECUTE FUNCTION flat_charge_append_only()',
        'CREATE TRIGGER flat_charge_no_truncate BEFORE TRUNCATE ON flat_charge FOR EACH STATEMENT EXECUTE FUNCTION flat_charge_append_only()',
        "CREATE OR REPLACE FUNCTION statement_line_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'statement_line is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER statement_line_no_change BEFORE UPDATE OR DELETE ON statement_line FOR EACH ROW EXECUTE FUNCTION statement_line_append_only()',
        'CREATE TRIGGER statement_line_no_truncate BEFORE TRUNCATE ON statement_line FOR EACH STATEMENT EXECUTE FUNCTION statement_line_append_only()',
        "CREATE OR REPLACE FUNCTION ledger_posting_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_posting is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER ledger_posting_no_change BEFORE UPDATE OR DELETE ON ledger_posting FOR EACH ROW EXECUTE FUNCTION ledger_posting_append_only()',
        'CREATE TRIGGER ledger_posting_no_truncate BEFORE TRUNCATE ON ledger_posting FOR EACH STATEMENT EXECUTE FUNCTION ledger_posting_append_only()',
        "CREATE OR REPLACE FUNCTION ledger_posting_open() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM ledger_entry WHERE transfer_id = NEW.transfer_id) THEN RAISE EXCEPTION 'the entry is sealed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$",
        'CREATE TRIGGER ledger_posting_open BEFORE INSERT ON ledger_posting FOR EACH ROW EXECUTE FUNCTION ledger_posting_open()',
        "CREATE OR REPLACE FUNCTION ledger_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_entry is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        'CREATE TRIGGER ledger_entry_no_change BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_entry_append_only()',
        'CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_append_only()',
        "CREATE OR REPLACE FUNCTION ledger_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF \n    NOT EXISTS (SELECT 1 FROM ledger_posting WHERE transfer_id = NEW.transfer_id)\n    OR EXISTS (SELECT 1 FROM ledger_posting WHERE transfer_id = NEW.transfer_id\n               GROUP BY currency HAVING sum(amount_minor) <> 0) THEN RAISE EXCEPTION 'the entry does not balance' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$",
        'CREATE TRIGGER ledger_entry_balances BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances()',
    ),
}


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.create_table('edition',
    sa.Column('sequence', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.Column('works_root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('works', sa.BigInteger(), nullable=False),
    sa.Column('log_index', sa.BigInteger(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('sequence', name=op.f('pk_edition'))
    )
    op.create_table('job',
    sa.Column('kind', sa.String(length=50), nullable=False),
    sa.Column('unique_key', sa.String(length=200), nullable=True),
    sa.Column('party_id', sa.Integer(), nullable=True),
    sa.Column('payload', sa.JSON(), nullable=False),
    sa.Column('result', sa.JSON(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('run_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sa.UniqueConstraint('public_id', name=op.f('uq_job_public_id')),
    sa.UniqueConstraint('unique_key', name=op.f('uq_job_unique_key'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index('ix_job_due', ['state', 'run_at'], unique=False)

    op.create_table('log_checkpoint',
    sa.Column('size', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('size', name=op.f('pk_log_checkpoint'))
    )
    op.create_table('log_entry',
    sa.Column('idx', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('idem', sa.LargeBinary(length=32), nullable=False),
    sa.Column('leaf', sa.LargeBinary(length=32), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('idx', name=op.f('pk_log_entry')),
    sa.UniqueConstraint('idem', name=op.f('uq_log_entry_idem'))
    )
    op.create_table('log_head',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('edge', sa.LargeBinary(), nullable=False),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_log_head_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_head'))
    )
    op.create_table('log_node',
    sa.Column('level', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('idx', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
    sa.PrimaryKeyConstraint('level', 'idx', name=op.f('pk_log_node'))
    )
    op.create_table('party',
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('password', sa.String(length=200), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.CheckConstraint("role IN ('creator', 'lab', 'society', 'operator')", name=op.f('ck_party_role_known')),
    sa.CheckConstraint('email = lower(email)', name=op.f('ck_party_email_lower')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_party')),
    sa.UniqueConstraint('email', name=op.f('uq_party_email')),
    sa.UniqueConstraint('public_id', name=op.f('uq_party_public_id'))
    )
    op.create_table('api_key',
    sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('scope_names', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_api_key_party_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_key')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_key_digest')),
    sa.UniqueConstraint('public_id', name=op.f('uq_api_key_public_id'))
    )
    with op.batch_alter_table('api_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_key_party_id'), ['party_id'], unique=False)

    op.create_table('mandate',
    sa.Column('principal_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('agent_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.CheckConstraint('principal_id <> agent_id', name=op.f('ck_mandate_two_parties')),
    sa.ForeignKeyConstraint(['agent_id'], ['party.id'], name=op.f('fk_mandate_agent_id')),
    sa.ForeignKeyConstraint(['principal_id'], ['party.id'], name=op.f('fk_mandate_principal_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mandate')),
    sa.UniqueConstraint('public_id', name=op.f('uq_mandate_public_id'))
    )
    with op.batch_alter_table('mandate', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mandate_agent_id'), ['agent_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_mandate_principal_id'), ['principal_id'], unique=False)

    op.create_table('model',
    sa.Column('lab_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('version', sa.String(length=100), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['lab_id'], ['party.id'], name=op.f('fk_model_lab_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_model')),
    sa.UniqueConstraint('lab_id', 'name', 'version', name=op.f('uq_model_lab_id_name_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_model_public_id'))
    )
    op.create_table('run',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('lab_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('territory', sa.String(length=8), nullable=False),
    sa.Column('manifest', sa.LargeBinary(), nullable=False),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['lab_id'], ['party.id'], name=op.f('fk_run_lab_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run')),
    sa.UniqueConstraint('lab_id', 'run_id', name=op.f('uq_run_lab_id_run_id'))
    )
    op.create_table('settlement',
    sa.Column('period', sa.String(length=7), nullable=False),
    sa.Column('closing_size', sa.BigInteger(), nullable=False),
    sa.Column('log_index', sa.BigInteger(), nullable=False),
    sa.Column('input_root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('output_root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('claim_count', sa.BigInteger(), nullable=False),
    sa.Column('line_count', sa.BigInteger(), nullable=False),
    sa.Column('settled_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['settled_by'], ['party.id'], name=op.f('fk_settlement_settled_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_settlement')),
    sa.UniqueConstraint('log_index', name=op.f('uq_settlement_log_index')),
    sa.UniqueConstraint('period', 'closing_size', name=op.f('uq_settlement_period_closing_size')),
    sa.UniqueConstraint('public_id', name=op.f('uq_settlement_public_id'))
    )
    op.create_table('tariff',
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['created_by'], ['party.id'], name=op.f('fk_tariff_created_by')),
    sa.ForeignKeyConstraint(['owner_id'], ['party.id'], name=op.f('fk_tariff_owner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tariff')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tariff_public_id'))
    )
    with op.batch_alter_table('tariff', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_tariff_owner_id'), ['owner_id'], unique=False)

    op.create_table('work',
    sa.Column('row', sa.BigInteger(), nullable=False),
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('registered_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('on_behalf_of', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('title', sa.String(length=500), nullable=False),
    sa.Column('made_by', sa.String(length=16), nullable=False),
    sa.Column('tool', sa.String(length=200), nullable=True),
    sa.Column('prompt', sa.Text(), nullable=True),
    sa.Column('disclosure', sa.String(length=16), nullable=False),
    sa.Column('persons_depicted', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('contested_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('contested_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['contested_by'], ['work.id'], name=op.f('fk_work_contested_by')),
    sa.ForeignKeyConstraint(['on_behalf_of'], ['party.id'], name=op.f('fk_work_on_behalf_of')),
    sa.ForeignKeyConstraint(['owner_id'], ['party.id'], name=op.f('fk_work_owner_id')),
    sa.ForeignKeyConstraint(['registered_by'], ['party.id'], name=op.f('fk_work_registered_by')),
    sa.ForeignKeyConstraint(['withdrawn_by'], ['party.id'], name=op.f('fk_work_withdrawn_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work')),
    sa.UniqueConstraint('public_id', name=op.f('uq_work_public_id')),
    sa.UniqueConstraint('row', name=op.f('uq_work_row'))
    )
    with op.batch_alter_table('work', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_work_change_seq'), ['change_seq'], unique=False)
        batch_op.create_index(batch_op.f('ix_work_owner_id'), ['owner_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_work_registered_by'), ['registered_by'], unique=False)

    op.create_table('claim_batch',
    sa.Column('lab_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('model_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('idem', sa.LargeBinary(length=32), nullable=False),
    sa.Column('log_index', sa.BigInteger(), nullable=False),
    sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
    sa.Column('rows_root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('row_count', sa.Integer(), nullable=False),
    sa.Column('rows', sa.LargeBinary(), nullable=False),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.ForeignKeyConstraint(['lab_id'], ['party.id'], name=op.f('fk_claim_batch_lab_id')),
    sa.ForeignKeyConstraint(['model_id'], ['model.id'], name=op.f('fk_claim_batch_model_id')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_claim_batch_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_claim_batch')),
    sa.UniqueConstraint('idem', name=op.f('uq_claim_batch_idem')),
    sa.UniqueConstraint('log_index', name=op.f('uq_claim_batch_log_index')),
    sa.UniqueConstraint('public_id', name=op.f('uq_claim_batch_public_id')),
    sa.UniqueConstraint('run_id', 'model_id', name=op.f('uq_claim_batch_run_id_model_id'))
    )
    with op.batch_alter_table('claim_batch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_claim_batch_lab_id'), ['lab_id'], unique=False)

    op.create_table('identifier',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('scheme', sa.String(length=8), nullable=False),
    sa.Column('value', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_identifier_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_identifier')),
    sa.UniqueConstraint('work_id', 'scheme', 'value', name=op.f('uq_identifier_work_id_scheme_value'))
    )
    with op.batch_alter_table('identifier', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identifier_scheme_value'), ['scheme', 'value'], unique=False)

    op.create_table('ledger_entry',
    sa.Column('transfer_id', sa.LargeBinary(length=32), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('settlement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['settlement_id'], ['settlement.id'], name=op.f('fk_ledger_entry_settlement_id')),
    sa.PrimaryKeyConstraint('transfer_id', name=op.f('pk_ledger_entry'))
    )
    with op.batch_alter_table('ledger_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ledger_entry_settlement_id'), ['settlement_id'], unique=False)

    op.create_table('mandate_version',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('mandate_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('may', sa.JSON(), nullable=False),
    sa.Column('repertoire', sa.JSON(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('valid_to IS NULL OR valid_to >= valid_from', name=op.f('ck_mandate_version_period')),
    sa.ForeignKeyConstraint(['mandate_id'], ['mandate.id'], name=op.f('fk_mandate_version_mandate_id')),
    sa.ForeignKeyConstraint(['recorded_by'], ['party.id'], name=op.f('fk_mandate_version_recorded_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mandate_version'))
    )
    with op.batch_alter_table('mandate_version', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mandate_version_mandate_id'), ['mandate_id'], unique=False)
        batch_op.create_index('uq_mandate_version_current', ['mandate_id'], unique=True, sqlite_where=sa.text('superseded_at IS NULL'), postgresql_where=sa.text('superseded_at IS NULL'))

    op.create_table('reservation',
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['recorded_by'], ['party.id'], name=op.f('fk_reservation_recorded_by')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_reservation_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reservation'))
    )
    with op.batch_alter_table('reservation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reservation_work_id'), ['work_id'], unique=False)

    op.create_table('share',
    sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('right', sa.String(length=16), nullable=False),
    sa.Column('territory', sa.String(length=8), nullable=False),
    sa.Column('ppm', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_share_party_id')),
    sa.ForeignKeyConstraint(['recorded_by'], ['party.id'], name=op.f('fk_share_recorded_by')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_share_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_share'))
    )
    with op.batch_alter_table('share', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_share_party_id'), ['party_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_share_work_id'), ['work_id'], unique=False)

    op.create_table('source_url',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('url', sa.String(length=2000), nullable=False),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_source_url_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_source_url')),
    sa.UniqueConstraint('work_id', 'url', name=op.f('uq_source_url_work_id_url'))
    )
    op.create_table('tariff_version',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('tariff_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('components', sa.JSON(), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('log_index', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_tariff_version_from_one')),
    sa.ForeignKeyConstraint(['created_by'], ['party.id'], name=op.f('fk_tariff_version_created_by')),
    sa.ForeignKeyConstraint(['tariff_id'], ['tariff.id'], name=op.f('fk_tariff_version_tariff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tariff_version')),
    sa.UniqueConstraint('digest', name=op.f('uq_tariff_version_digest')),
    sa.UniqueConstraint('tariff_id', 'version', name=op.f('uq_tariff_version_tariff_id_version'))
    )
    op.create_table('work_version',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('media_type', sa.String(length=100), nullable=True),
    sa.Column('size', sa.BigInteger(), nullable=True),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('notes', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_work_version_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_version')),
    sa.UniqueConstraint('work_id', 'number', name=op.f('uq_work_version_work_id_number'))
    )
    with op.batch_alter_table('work_version', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_work_version_sha256'), ['sha256'], unique=False)

    op.create_table('fingerprint',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('version_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('algorithm', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('code', sa.LargeBinary(), nullable=False),
    sa.Column('made_by', sa.String(length=8), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['version_id'], ['work_version.id'], name=op.f('fk_fingerprint_version_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fingerprint')),
    sa.UniqueConstraint('version_id', 'algorithm', 'kind', name=op.f('uq_fingerprint_version_id_algorithm_kind'))
    )
    op.create_table('ledger_posting',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('transfer_id', sa.LargeBinary(length=32), nullable=False),
    sa.Column('account', sa.String(length=100), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount_minor <> 0', name=op.f('ck_ledger_posting_not_zero')),
    sa.ForeignKeyConstraint(['transfer_id'], ['ledger_entry.transfer_id'], name=op.f('fk_ledger_posting_transfer_id'), initially='DEFERRED', deferrable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_posting'))
    )
    with op.batch_alter_table('ledger_posting', schema=None) as batch_op:
        batch_op.create_index('ix_ledger_posting_account_currency', ['account', 'currency'], unique=False)
        batch_op.create_index(batch_op.f('ix_ledger_posting_transfer_id'), ['transfer_id'], unique=False)

    op.create_table('offer',
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('offered_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('to_anyone', sa.Boolean(), nullable=False),
    sa.Column('tariff_version_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('revoked_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('log_index', sa.BigInteger(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('territories', sa.JSON(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('terms_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['offered_by'], ['party.id'], name=op.f('fk_offer_offered_by')),
    sa.ForeignKeyConstraint(['owner_id'], ['party.id'], name=op.f('fk_offer_owner_id')),
    sa.ForeignKeyConstraint(['revoked_by'], ['party.id'], name=op.f('fk_offer_revoked_by')),
    sa.ForeignKeyConstraint(['tariff_version_id'], ['tariff_version.id'], name=op.f('fk_offer_tariff_version_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offer')),
    sa.UniqueConstraint('public_id', name=op.f('uq_offer_public_id'))
    )
    with op.batch_alter_table('offer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_offer_owner_id'), ['owner_id'], unique=False)

    op.create_table('settled_claim',
    sa.Column('claim_batch_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('settlement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['claim_batch_id'], ['claim_batch.id'], name=op.f('fk_settled_claim_claim_batch_id')),
    sa.ForeignKeyConstraint(['settlement_id'], ['settlement.id'], name=op.f('fk_settled_claim_settlement_id')),
    sa.PrimaryKeyConstraint('claim_batch_id', name=op.f('pk_settled_claim'))
    )
    with op.batch_alter_table('settled_claim', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_settled_claim_settlement_id'), ['settlement_id'], unique=False)

    op.create_table('agreement',
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('licensee_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('accepted_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('tariff_version_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('tariff_digest', sa.LargeBinary(length=32), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('log_index', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('public_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('territories', sa.JSON(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('terms_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('salt', sa.LargeBinary(length=32), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('change_seq', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['accepted_by'], ['party.id'], name=op.f('fk_agreement_accepted_by')),
    sa.ForeignKeyConstraint(['ended_by'], ['party.id'], name=op.f('fk_agreement_ended_by')),
    sa.ForeignKeyConstraint(['licensee_id'], ['party.id'], name=op.f('fk_agreement_licensee_id')),
    sa.ForeignKeyConstraint(['offer_id'], ['offer.id'], name=op.f('fk_agreement_offer_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['party.id'], name=op.f('fk_agreement_owner_id')),
    sa.ForeignKeyConstraint(['tariff_version_id'], ['tariff_version.id'], name=op.f('fk_agreement_tariff_version_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_agreement')),
    sa.UniqueConstraint('public_id', name=op.f('uq_agreement_public_id'))
    )
    with op.batch_alter_table('agreement', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_agreement_licensee_id'), ['licensee_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_agreement_offer_id'), ['offer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_agreement_owner_id'), ['owner_id'], unique=False)

    op.create_table('offer_licensee',
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['offer_id'], ['offer.id'], name=op.f('fk_offer_licensee_offer_id')),
    sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_offer_licensee_party_id')),
    sa.PrimaryKeyConstraint('offer_id', 'party_id', name=op.f('pk_offer_licensee'))
    )
    with op.batch_alter_table('offer_licensee', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_offer_licensee_party_id'), ['party_id'], unique=False)

    op.create_table('offer_work',
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['offer_id'], ['offer.id'], name=op.f('fk_offer_work_offer_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_offer_work_work_id')),
    sa.PrimaryKeyConstraint('offer_id', 'work_id', name=op.f('pk_offer_work'))
    )
    with op.batch_alter_table('offer_work', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_offer_work_work_id'), ['work_id'], unique=False)

    op.create_table('claim_row',
    sa.Column('batch_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('agreement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('licence', sa.String(length=60), nullable=False),
    sa.Column('tariff', sa.LargeBinary(length=32), nullable=True),
    sa.Column('units', sa.BigInteger(), nullable=False),
    sa.Column('unit', sa.String(length=40), nullable=False),
    sa.Column('how', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['agreement_id'], ['agreement.id'], name=op.f('fk_claim_row_agreement_id')),
    sa.ForeignKeyConstraint(['batch_id'], ['claim_batch.id'], name=op.f('fk_claim_row_batch_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_claim_row_work_id')),
    sa.PrimaryKeyConstraint('batch_id', 'n', name=op.f('pk_claim_row'))
    )
    with op.batch_alter_table('claim_row', schema=None) as batch_op:
        batch_op.create_index('ix_claim_row_agreement_id', ['agreement_id'], unique=False)
        batch_op.create_index('ix_claim_row_work_id', ['work_id'], unique=False)

    op.create_table('settlement_pool',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('settlement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('agreement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('lab_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('period', sa.String(length=7), nullable=False),
    sa.Column('licence', sa.String(length=60), nullable=False),
    sa.Column('tariff', sa.LargeBinary(length=32), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('flat_minor', sa.BigInteger(), nullable=False),
    sa.Column('total_minor', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['agreement_id'], ['agreement.id'], name=op.f('fk_settlement_pool_agreement_id')),
    sa.ForeignKeyConstraint(['lab_id'], ['party.id'], name=op.f('fk_settlement_pool_lab_id')),
    sa.ForeignKeyConstraint(['settlement_id'], ['settlement.id'], name=op.f('fk_settlement_pool_settlement_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_settlement_pool')),
    sa.UniqueConstraint('settlement_id', 'agreement_id', 'period', name=op.f('uq_settlement_pool_settlement_id_agreement_id_period'))
    )
    op.create_table('flat_charge',
    sa.Column('agreement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('period', sa.String(length=7), nullable=False),
    sa.Column('pool_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['agreement_id'], ['agreement.id'], name=op.f('fk_flat_charge_agreement_id')),
    sa.ForeignKeyConstraint(['pool_id'], ['settlement_pool.id'], name=op.f('fk_flat_charge_pool_id')),
    sa.PrimaryKeyConstraint('agreement_id', 'period', name=op.f('pk_flat_charge'))
    )
    op.create_table('statement_line',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('settlement_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('pool_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('claim_batch_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('row', sa.Integer(), nullable=False),
    sa.Column('work_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account', sa.String(length=100), nullable=False),
    sa.Column('party_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('units', sa.BigInteger(), nullable=False),
    sa.Column('unit', sa.String(length=40), nullable=False),
    sa.Column('ppm', sa.Integer(), nullable=False),
    sa.Column('exact_minor', sa.String(length=200), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.ForeignKeyConstraint(['claim_batch_id'], ['claim_batch.id'], name=op.f('fk_statement_line_claim_batch_id')),
    sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_statement_line_party_id')),
    sa.ForeignKeyConstraint(['pool_id'], ['settlement_pool.id'], name=op.f('fk_statement_line_pool_id')),
    sa.ForeignKeyConstraint(['settlement_id'], ['settlement.id'], name=op.f('fk_statement_line_settlement_id')),
    sa.ForeignKeyConstraint(['work_id'], ['work.id'], name=op.f('fk_statement_line_work_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_statement_line')),
    sa.UniqueConstraint('claim_batch_id', 'row', 'account', name=op.f('uq_statement_line_claim_batch_id_row_account'))
    )
    with op.batch_alter_table('statement_line', schema=None) as batch_op:
        batch_op.create_index('ix_statement_line_party_settlement', ['party_id', 'settlement_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_statement_line_pool_id'), ['pool_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_statement_line_settlement_id'), ['settlement_id'], unique=False)
    for statement in _SAFEGUARDS[op.get_bind().dialect.name]:
        op.execute(sa.DDL(statement))  # type: ignore[no-untyped-call]



def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
