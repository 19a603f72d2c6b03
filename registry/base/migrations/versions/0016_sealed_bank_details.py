"""Bank details are sealed: longer than they were. What is on record is sealed by `db upgrade`, which has the key."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0016'
down_revision: str | None = '0015'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Compatible with the release before this one while both run, but for payouts: prepare none until all are new."""
    with op.batch_alter_table('bank_account') as account:
        account.alter_column('holder', type_=sa.Text(), existing_type=sa.String(70), existing_nullable=False)
        account.alter_column('iban', type_=sa.Text(), existing_type=sa.String(34), existing_nullable=False)


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
