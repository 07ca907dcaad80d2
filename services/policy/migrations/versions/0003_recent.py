"""The last messages that counted, so that one that is asked about again counts once."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the column; a process of before leaves it as it is."""
    op.execute("ALTER TABLE message_budget ADD COLUMN recent text[] COLLATE \"C\" NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    """Drops it."""
    op.execute("ALTER TABLE message_budget DROP COLUMN recent")
