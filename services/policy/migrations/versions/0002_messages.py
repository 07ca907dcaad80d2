"""Message settings, and the budgets of those who write."""

from alembic import op

revision = "0002"
down_revision = "0001"

MESSAGE_SETTINGS = """
CREATE TABLE message_settings (
    user_id    text COLLATE "C" PRIMARY KEY,
    audiences  smallint[] NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
)
"""
# Written with every message: room in the page keeps the new row beside the old one.
MESSAGE_BUDGET = """
CREATE TABLE message_budget (
    user_id   text COLLATE "C" PRIMARY KEY,
    due       timestamptz NOT NULL,
    strangers timestamptz[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)
"""


def upgrade() -> None:
    """Makes the tables."""
    op.execute(MESSAGE_SETTINGS)
    op.execute(MESSAGE_BUDGET)


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE message_budget, message_settings")
