"""Scheduling: deferred and waiting jobs, claims by index, workers that say what they serve.

Expands only: a release that knows nothing of this keeps working on the migrated database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, columns, sqlite_where=condition, postgresql_where=condition
    )


def upgrade() -> None:
    op.add_column("jobs", sa.Column("not_before", MOMENT, nullable=True))
    op.add_column("jobs", sa.Column("waiting_for", sa.String(length=300), nullable=True))
    _partial(
        "ix_jobs_queued",
        "jobs",
        ["queue", "priority", "project_id", "created_at", "id"],
        "state = 'queued'",
    )
    _partial("ix_jobs_running", "jobs", ["queue", "project_id"], "state = 'running'")
    _partial("ix_jobs_waiting", "jobs", ["queue"], "waiting_for IS NOT NULL")
    op.create_index(
        "ix_jobs_project_id_state", "jobs", ["project_id", "state", "created_at", "id"]
    )
    op.create_index("ix_jobs_served", "jobs", ["project_id", "queue", "started_at"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])

    op.add_column("workers", sa.Column("slots", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("release", sa.String(length=40), nullable=True))
    op.add_column("workers", sa.Column("spec_oldest", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("spec_newest", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("stopped_at", MOMENT, nullable=True))


def downgrade() -> None:
    for column in ("stopped_at", "spec_newest", "spec_oldest", "release", "slots"):
        op.drop_column("workers", column)
    op.drop_index("ix_jobs_finished_at", table_name="jobs")
    op.drop_index("ix_jobs_project_id_state", table_name="jobs")
    for index in ("ix_jobs_served", "ix_jobs_waiting", "ix_jobs_running", "ix_jobs_queued"):
        op.drop_index(index, table_name="jobs")
    op.drop_column("jobs", "waiting_for")
    op.drop_column("jobs", "not_before")
