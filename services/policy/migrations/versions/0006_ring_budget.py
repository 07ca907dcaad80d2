"""The ring budget: what each user spent as a caller, and what strangers spent of each one's patience."""

from alembic import op

revision = "0006"
down_revision = "0005"

# Written with every call: room in the page keeps the new row beside the old one.
TABLE = """
(
    user_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    state   jsonb NOT NULL,
    until   timestamptz NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)
"""
RING_CALLER = f"CREATE TABLE ring_caller {TABLE}"
RING_CALLEE = f"CREATE TABLE ring_callee {TABLE}"


def upgrade() -> None:
    """Makes the tables."""
    op.execute(RING_CALLER)
    op.execute(RING_CALLEE)


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE ring_callee, ring_caller")
