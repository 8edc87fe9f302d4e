"""How far a step's training has got, so that a killed one goes on where it was.

Expands only: a release that knows nothing of this keeps working on the migrated database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "training_states",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("blob_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_id"], ["blobs.id"], name="fk_training_states_blob_id_blobs"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_training_states_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("project_id", "key", name="pk_training_states"),
    )
    op.create_index("ix_training_states_at", "training_states", ["at"])
    op.create_index("ix_training_states_blob_id", "training_states", ["blob_id"])


def downgrade() -> None:
    op.drop_index("ix_training_states_blob_id", table_name="training_states")
    op.drop_index("ix_training_states_at", table_name="training_states")
    op.drop_table("training_states")
