"""Whether a line was expelled; what a gateway lost, by gateway."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the mark and the index."""
    op.execute("ALTER TABLE line ADD COLUMN expelled boolean NOT NULL DEFAULT false")
    op.execute(
        "CREATE INDEX line_displaced ON line (displaced_gateway_id, since) WHERE displaced_gateway_id <> ''"
    )


def downgrade() -> None:
    """Takes them away."""
    op.execute("DROP INDEX line_displaced")
    op.execute("ALTER TABLE line DROP COLUMN expelled")
