"""Calls, the pair row, the outbox."""

from alembic import op

from ringline.outbox import OUTBOX_DDL

revision = "0001"
down_revision = None

CALL = """
CREATE TABLE call (
    id            text COLLATE "C" PRIMARY KEY,
    version       bigint NOT NULL,
    live          boolean NOT NULL,
    deadline_ms   bigint NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    caller_id     text COLLATE "C" NOT NULL,
    callee_id     text COLLATE "C" NOT NULL,
    place_command text COLLATE "C" NOT NULL,
    glare_command text COLLATE "C",
    gateways      text[] NOT NULL,
    record        bytea NOT NULL,
    caller_slot   bytea,
    callee_slot   bytea,
    UNIQUE (caller_id, place_command)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)
"""
PAIR = """
CREATE TABLE pair (
    k         text COLLATE "C" PRIMARY KEY,
    live_call text COLLATE "C",
    closed_by smallint NOT NULL DEFAULT 0,
    epoch     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70)
"""


def upgrade() -> None:
    """Makes the tables. Descriptions stay out of the row, uncompressed: updates of a call do not copy
    them."""
    op.execute(CALL)
    op.execute(
        "ALTER TABLE call ALTER caller_slot SET STORAGE EXTERNAL, ALTER callee_slot SET STORAGE EXTERNAL"
    )
    op.execute("CREATE INDEX call_live_caller ON call (caller_id) WHERE live")
    op.execute("CREATE INDEX call_live_callee ON call (callee_id) WHERE live")
    op.execute("CREATE INDEX call_due ON call (deadline_ms) WHERE live")
    op.execute("CREATE INDEX call_past_caller ON call (caller_id, ended_at) WHERE NOT live")
    op.execute("CREATE INDEX call_past_callee ON call (callee_id, ended_at) WHERE NOT live")
    op.execute("CREATE INDEX call_past ON call (ended_at) WHERE NOT live")
    op.execute(
        "CREATE UNIQUE INDEX call_glare ON call (callee_id, glare_command) WHERE glare_command IS NOT NULL"
    )
    op.execute(PAIR)
    op.execute("CREATE TABLE meta (incarnation bigint NOT NULL)")
    op.execute("INSERT INTO meta VALUES (1)")
    op.execute(OUTBOX_DDL)


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE outbox, meta, pair, call")
