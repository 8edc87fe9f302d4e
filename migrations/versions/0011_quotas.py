"""Limits of projects, and when attempts ran.

Expands only: a release that knows nothing of this works on the migrated database; the attempts
that it begins are counted for no month, and it does not heed a project's own limit.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_quotas_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_quotas"),
    )
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_attempts_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("job_id", "attempt", name="pk_attempts"),
    )
    op.create_index(
        "ix_attempts_queue_project_id_ended_at",
        "attempts",
        ["queue", "project_id", "ended_at"],
    )
    op.create_index("ix_attempts_project_id", "attempts", ["project_id"])


def downgrade() -> None:
    op.drop_index("ix_attempts_project_id", table_name="attempts")
    op.drop_index("ix_attempts_queue_project_id_ended_at", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("quotas")
