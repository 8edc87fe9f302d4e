"""Served: when a project had its last turn is remembered beyond the job that it was.

Expands only: a release that knows nothing of this works on the migrated database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "served",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_served_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("project_id", "queue", name="pk_served"),
    )


def downgrade() -> None:
    op.drop_table("served")
