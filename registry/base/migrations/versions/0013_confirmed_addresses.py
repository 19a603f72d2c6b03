"""Which addresses are confirmed, the letters that ask for it, and the links in them. Nobody has confirmed one yet."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from registry.base.db import UtcDateTime


revision: str = '0013'
down_revision: str | None = '0012'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_CONFIRMED = sa.text('email_confirmed_at IS NOT NULL')


def upgrade() -> None:
    """Compatible with the release before this one while both run."""
    with op.batch_alter_table('party') as party:
        party.add_column(sa.Column('email_confirmed_at', UtcDateTime(), nullable=True))
        party.drop_constraint('uq_party_email', type_='unique')
    op.create_index(op.f('ix_party_email'), 'party', ['email'])
    op.create_index(
        'uq_party_email_confirmed',
        'party',
        ['email'],
        unique=True,
        sqlite_where=_CONFIRMED,
        postgresql_where=_CONFIRMED,
    )
    op.create_table(
        'letter',
        sa.Column('id', _ID, nullable=False),
        sa.Column('party_id', _ID, nullable=True),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('address', sa.String(length=254), nullable=False),
        sa.Column('language', sa.String(length=2), nullable=False),
        sa.Column('asked_at', UtcDateTime(), nullable=False),
        sa.Column('message', sa.LargeBinary(length=16), nullable=False),
        sa.Column('mail', sa.String(length=8), nullable=False),
        sa.Column('mailed_at', UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_letter_party_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_letter')),
        sa.UniqueConstraint('message', name=op.f('uq_letter_message')),
    )
    op.create_index('ix_letter_mail', 'letter', ['mail', 'id'])
    op.create_index(op.f('ix_letter_party_id'), 'letter', ['party_id'])
    op.create_index(op.f('ix_letter_address'), 'letter', ['address'])
    op.create_table(
        'address_link',
        sa.Column('id', _ID, nullable=False),
        sa.Column('party_id', _ID, nullable=False),
        sa.Column('purpose', sa.String(length=16), nullable=False),
        sa.Column('address', sa.String(length=254), nullable=False),
        sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
        sa.Column('expires_at', UtcDateTime(), nullable=False),
        sa.Column('used_at', UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(['party_id'], ['party.id'], name=op.f('fk_address_link_party_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_address_link')),
        sa.UniqueConstraint('digest', name=op.f('uq_address_link_digest')),
    )
    op.create_index(op.f('ix_address_link_party_id'), 'address_link', ['party_id'])


def downgrade() -> None:
    """Migrations only go forward; to go back, restore the backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
