"""Call settings, blocks, entitlements."""

from alembic import op

revision = "0001"
down_revision = None

CALL_SETTINGS = """
CREATE TABLE call_settings (
    user_id    text COLLATE "C" PRIMARY KEY,
    audiences  smallint[] NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
)
"""
BLOCK = """
CREATE TABLE block (
    user_id       text COLLATE "C" NOT NULL,
    other_user_id text COLLATE "C" NOT NULL,
    closed        boolean NOT NULL,
    generation    bigint NOT NULL DEFAULT 1,
    settled       bigint NOT NULL DEFAULT 0,
    blocked_at    timestamptz NOT NULL DEFAULT now(),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, other_user_id)
)
"""
ENTITLEMENT = """
CREATE TABLE entitlement (
    version     bigint NOT NULL REFERENCES entitlement_version ON DELETE CASCADE,
    tier        text COLLATE "C" NOT NULL,
    place_audio boolean NOT NULL,
    place_video boolean NOT NULL,
    PRIMARY KEY (version, tier)
)
"""


def upgrade() -> None:
    """Makes the tables. A block's row is unsettled until signaling has closed, or opened, its gate."""
    op.execute(CALL_SETTINGS)
    op.execute(BLOCK)
    op.execute("CREATE INDEX block_unsettled ON block (changed_at) WHERE settled < generation")
    op.execute(
        "CREATE TABLE entitlement_version"
        " (version bigint PRIMARY KEY, set_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute(ENTITLEMENT)


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE entitlement, entitlement_version, block, call_settings")
