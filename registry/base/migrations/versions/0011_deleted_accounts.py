"""When an account was deleted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0011'
down_revision: str | None = '0010'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    op.add_column('party', sa.Column('deleted_at', UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
