"""Counts that outlive the rows that they count.

Expands only: a release that knows nothing of this keeps working on the migrated database; what
it does is not counted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("labels", sa.String(length=200), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("metric", "labels", "part", name=op.f("pk_tallies")),
    )


def downgrade() -> None:
    op.drop_table("tallies")
