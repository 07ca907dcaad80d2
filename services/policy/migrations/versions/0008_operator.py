"""The operator's rules, the history of what was in force, and what a rule set in the shadow would change."""

from alembic import op

revision = "0008"
down_revision = "0007"

RULES = """
CREATE TABLE operator_rules (
    version bigint PRIMARY KEY,
    digest  text COLLATE "C" NOT NULL UNIQUE,
    text    text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
)
"""
CHANGE = """
CREATE TABLE operator_change (
    revision    bigint PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    by_whom     text NOT NULL,
    what        text COLLATE "C" NOT NULL,
    comment     text NOT NULL,
    live        bigint REFERENCES operator_rules,
    shadow      bigint REFERENCES operator_rules,
    off         smallint[] NOT NULL,
    file_digest text COLLATE "C" NOT NULL
)
"""
TALLY = """
CREATE TABLE operator_tally (
    version bigint NOT NULL REFERENCES operator_rules ON DELETE CASCADE,
    kind    text COLLATE "C" NOT NULL,
    allows  boolean NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (version, kind, allows)
)
"""
SAMPLE = """
CREATE TABLE operator_sample (
    version   bigint NOT NULL REFERENCES operator_rules ON DELETE CASCADE,
    at        timestamptz NOT NULL DEFAULT now(),
    caller_id text COLLATE "C" NOT NULL,
    callee_id text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    allows    boolean NOT NULL
)
"""


def upgrade() -> None:
    """Makes the tables. The newest change is what is in force; a process of before reads none of them."""
    for table in (RULES, CHANGE, TALLY, SAMPLE):
        op.execute(table)
    op.execute("CREATE INDEX operator_sample_version ON operator_sample (version, at)")


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE operator_sample, operator_tally, operator_change, operator_rules")
