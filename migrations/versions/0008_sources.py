"""Uploads by reference: a model or data set may be there before its bytes are.

Expands only: a release that knows nothing of this keeps working on the migrated database, and
does not show what is still to be fetched.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = ("models", "datasets")


def upgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                "upload_blob_id", existing_type=sa.String(length=40), nullable=True
            )
            batch.add_column(sa.Column("source", sa.Text(), nullable=True))
            batch.add_column(sa.Column("fetch_url", sa.Text(), nullable=True))
            batch.add_column(sa.Column("fetch_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for table, column in (("models", "model_id"), ("datasets", "dataset_id")):
        unfetched = f"SELECT id FROM {table} WHERE upload_blob_id IS NULL"
        op.execute(f"UPDATE jobs SET {column} = NULL WHERE {column} IN ({unfetched})")
        op.execute(f"DELETE FROM {table} WHERE upload_blob_id IS NULL")
        with op.batch_alter_table(table) as batch:
            batch.drop_column("fetch_sha256")
            batch.drop_column("fetch_url")
            batch.drop_column("source")
            batch.alter_column(
                "upload_blob_id", existing_type=sa.String(length=40), nullable=False
            )
