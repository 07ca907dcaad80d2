"""Which wish of either side the gate of a pair is."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the numbers."""
    op.execute(
        "ALTER TABLE pair ADD COLUMN wish_1 bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN wish_2 bigint NOT NULL DEFAULT 0"
    )


def downgrade() -> None:
    """Takes them away."""
    op.execute("ALTER TABLE pair DROP COLUMN wish_1, DROP COLUMN wish_2")
