"""What deletion needs: objects on their way out, deleted projects, indexes by age.

Expands only: a release that knows nothing of this works on the migrated database; what its
sweep deletes it deletes as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "dead_objects",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("with_all_below", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_dead_objects"),
    )
    op.create_index("ix_dead_objects_at", "dead_objects", ["at"])
    op.add_column("projects", sa.Column("deleted_at", MOMENT, nullable=True))
    op.create_index("ix_projects_deleted_at", "projects", ["deleted_at"])
    op.create_index("ix_audit_project_id_at", "audit", ["project_id", "at", "id"])
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_page_sessions_expires_at", "page_sessions", ["expires_at"])
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_index("ix_step_cache_created_at", "step_cache", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_step_cache_created_at", "step_cache")
    op.drop_index("ix_idempotency_keys_created_at", "idempotency_keys")
    op.drop_index("ix_page_sessions_expires_at", "page_sessions")
    op.drop_index("ix_audit_at", "audit")
    op.drop_index("ix_audit_project_id_at", "audit")
    op.drop_index("ix_projects_deleted_at", "projects")
    op.drop_column("projects", "deleted_at")
    op.drop_table("dead_objects")
