"""What rotating keys and webhook secrets needs, and when a key was last used.

Expands only: a release that knows nothing of this works on the migrated database; until it is
gone its messages are signed with a webhook's newest secret alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("last_used_at", MOMENT, nullable=True))
    op.add_column("api_keys", sa.Column("replaced_by", sa.String(length=40), nullable=True))
    op.add_column("webhooks", sa.Column("former_secret", sa.String(length=100), nullable=True))
    op.add_column("webhooks", sa.Column("former_secret_until", MOMENT, nullable=True))


def downgrade() -> None:
    op.drop_column("webhooks", "former_secret_until")
    op.drop_column("webhooks", "former_secret")
    op.drop_column("api_keys", "replaced_by")
    op.drop_column("api_keys", "last_used_at")
