"""Verdicts that are kept, reports with their evidence, sanctions, and the operator's audit."""

from alembic import op

revision = "0007"
down_revision = "0006"

# By `number`, which rises with time, for the sweep; the rest of what there is to know is in `verdict`.
KEPT_VERDICT = """
CREATE TABLE kept_verdict (
    number    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id   text COLLATE "C" NOT NULL,
    act       smallint NOT NULL,
    at        timestamptz NOT NULL,
    caller_id text COLLATE "C" NOT NULL,
    callee_id text COLLATE "C" NOT NULL,
    audio     boolean NOT NULL,
    video     boolean NOT NULL,
    rule      text COLLATE "C" NOT NULL,
    shown     boolean NOT NULL,
    verdict   bytea NOT NULL
)
"""
REPORT = """
CREATE TABLE report (
    report_id   text COLLATE "C" PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    reporter_id text COLLATE "C" NOT NULL,
    reported_id text COLLATE "C" NOT NULL,
    client_id   text COLLATE "C",
    category    smallint NOT NULL,
    words       text NOT NULL,
    state       smallint NOT NULL DEFAULT 1,
    taken_by    text NOT NULL DEFAULT '',
    closed_at   timestamptz,
    sanction    smallint NOT NULL DEFAULT 0,
    note        text NOT NULL DEFAULT '',
    UNIQUE (reporter_id, client_id)
)
"""
EVIDENCE = """
CREATE TABLE evidence (
    report_id   text COLLATE "C" NOT NULL REFERENCES report ON DELETE CASCADE,
    item_id     text COLLATE "C" NOT NULL,
    verified    boolean NOT NULL,
    at_ms       bigint NOT NULL,
    by_reported boolean NOT NULL,
    words       text NOT NULL,
    PRIMARY KEY (report_id, item_id)
)
"""
SANCTION = """
CREATE TABLE sanction (
    user_id   text COLLATE "C" NOT NULL,
    kind      smallint NOT NULL,
    until     timestamptz NOT NULL,
    report_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, kind)
)
"""
AUDIT = """
CREATE TABLE audit (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    operator text NOT NULL,
    why      text NOT NULL,
    what     text COLLATE "C" NOT NULL,
    about    text COLLATE "C" NOT NULL
)
"""


def upgrade() -> None:
    """Makes the tables. An attempt to place a call is kept once, however often it is asked about."""
    for table in (KEPT_VERDICT, REPORT, EVIDENCE, SANCTION, AUDIT):
        op.execute(table)
    op.execute("CREATE UNIQUE INDEX kept_verdict_place ON kept_verdict (call_id) WHERE act = 1")
    op.execute("CREATE INDEX kept_verdict_media ON kept_verdict (call_id) WHERE act <> 1")
    op.execute("CREATE INDEX kept_verdict_shown ON kept_verdict (callee_id, number) WHERE shown")
    op.execute("CREATE INDEX report_queue ON report (report_id) WHERE state <> 3")
    op.execute("CREATE INDEX report_by ON report (reporter_id, at)")
    op.execute("CREATE INDEX report_about ON report (reported_id)")
    op.execute("CREATE INDEX sanction_end ON sanction (until)")


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE audit, sanction, evidence, report, kept_verdict")
