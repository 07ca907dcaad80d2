"""Lines, the leases of gateways, spent tickets."""

from alembic import op

revision = "0001"
down_revision = None

LINE = """
CREATE TABLE line (
    device_id            text COLLATE "C" NOT NULL,
    instance             text COLLATE "C" NOT NULL,
    user_id              text COLLATE "C" NOT NULL,
    epoch                bigint NOT NULL,
    gateway_id           text COLLATE "C" NOT NULL,
    displaced_gateway_id text COLLATE "C" NOT NULL DEFAULT '',
    displaced_epoch      bigint NOT NULL DEFAULT 0,
    since                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, instance)
) WITH (autovacuum_vacuum_scale_factor = 0.05)
"""
GATEWAY = """
CREATE TABLE gateway (
    gateway_id  text COLLATE "C" PRIMARY KEY,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)
"""
TICKET = """
CREATE TABLE ticket (
    ticket_id  text COLLATE "C" PRIMARY KEY,
    expires_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05)
"""


def upgrade() -> None:
    """Makes the tables. A line that is open nowhere has the gateway ''."""
    op.execute("CREATE SEQUENCE epoch CACHE 1")
    op.execute(LINE)
    op.execute("CREATE INDEX line_user ON line (user_id)")
    op.execute("CREATE INDEX line_gateway ON line (gateway_id) WHERE gateway_id <> ''")
    op.execute("CREATE INDEX line_released ON line (since) WHERE gateway_id = ''")
    op.execute(GATEWAY)
    op.execute(TICKET)
    op.execute("CREATE INDEX ticket_expiry ON ticket (expires_at)")


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE ticket, gateway, line")
    op.execute("DROP SEQUENCE epoch")
