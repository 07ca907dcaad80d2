"""Devices that were revoked: what they still say is refused."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table."""
    op.execute(
        """CREATE TABLE revoked (
            device_id text COLLATE "C" PRIMARY KEY,
            user_id   text COLLATE "C" NOT NULL,
            at        timestamptz NOT NULL DEFAULT now()
        )"""
    )
    op.execute("CREATE INDEX revoked_user ON revoked (user_id, at)")


def downgrade() -> None:
    """Drops it."""
    op.execute("DROP TABLE revoked")
