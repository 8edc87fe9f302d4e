"""What uploaders say about their files of data, such as which column is the label.

Expands only: a release that knows nothing of this keeps working on the migrated database.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("layout", JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "layout")
