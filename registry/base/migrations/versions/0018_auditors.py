"""Accounts of auditors, who read and write nothing."""

from collections.abc import Sequence

from alembic import op


revision: str = '0018'
down_revision: str | None = '0017'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = 'ck_party_role_known'


def upgrade() -> None:
    """Compatible with the release before this one while both run, until the first auditor has an account."""
    with op.batch_alter_table('party') as party:
        party.drop_constraint(op.f(_NAME), type_='check')
        party.create_check_constraint(
            op.f(_NAME), "role IN ('creator', 'lab', 'society', 'operator', 'auditor')"
        )


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
