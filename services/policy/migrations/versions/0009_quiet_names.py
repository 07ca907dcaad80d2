"""Which attempt it was that was made in vain in quiet hours: the same, asked again, is no second one."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds it; a process of before notes attempts without it, and each of those counts."""
    op.execute("ALTER TABLE quiet_attempt ADD COLUMN name text COLLATE \"C\" NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Drops it."""
    op.execute("ALTER TABLE quiet_attempt DROP COLUMN name")
