"""Turns: a queued job is found by its project first and by its priority within the project.

Expands only: a release that knows nothing of this keeps working on the migrated database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    op.create_index(
        "ix_jobs_turns",
        "jobs",
        ["queue", "project_id", sa.text("priority DESC"), "created_at", "id"],
        sqlite_where=QUEUED,
        postgresql_where=QUEUED,
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_turns", table_name="jobs")
