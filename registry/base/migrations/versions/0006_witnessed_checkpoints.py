"""Which checkpoints of the log satisfy its policy: those before had no witnesses to ask for."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


revision: str = '0006'
down_revision: str | None = '0005'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    with op.batch_alter_table('log_checkpoint', schema=None) as batch_op:
        batch_op.add_column(sa.Column('witnessed', sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
