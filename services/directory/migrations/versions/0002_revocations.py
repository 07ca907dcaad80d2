"""What is still to be done about a revoked device."""

from alembic import op

revision = "0002"
down_revision = "0001"

# When presence and signaling are told next that the device was revoked; null once both have confirmed. Those
# that were revoked before this column was there were carried out by the gateway.
OWED = "ALTER TABLE device ADD COLUMN settle_at timestamptz"
# Holds those that are owed only: next to nothing, most of the time.
DUE = "CREATE INDEX device_settle_at ON device (settle_at) WHERE settle_at IS NOT NULL"


def upgrade() -> None:
    """Adds the column and its index."""
    op.execute(OWED)
    op.execute(DUE)


def downgrade() -> None:
    """Drops both."""
    op.execute("ALTER TABLE device DROP COLUMN settle_at")
