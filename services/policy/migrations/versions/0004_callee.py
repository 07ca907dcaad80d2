"""More of what a callee may say: about all callers, about single people; and who tried in quiet hours."""

from alembic import op

revision = "0004"
down_revision = "0003"

# Spans lie flat, three numbers each: a bit for each ISO weekday (1 is Monday), begin and end in minutes.
CALL_SETTINGS = """
ALTER TABLE call_settings
    ADD COLUMN audio_only smallint[] NOT NULL DEFAULT '{}',
    ADD COLUMN must_have_messaged boolean NOT NULL DEFAULT false,
    ADD COLUMN always_relay boolean NOT NULL DEFAULT false,
    ADD COLUMN spans smallint[] NOT NULL DEFAULT '{}',
    ADD COLUMN time_zone text NOT NULL DEFAULT '',
    ADD COLUMN favourites boolean NOT NULL DEFAULT false,
    ADD COLUMN repeated boolean NOT NULL DEFAULT false
"""
PERSON_SETTINGS = """
CREATE TABLE person_settings (
    user_id       text COLLATE "C" NOT NULL,
    other_user_id text COLLATE "C" NOT NULL,
    allowed       boolean NOT NULL,
    audio_only    boolean NOT NULL,
    favourite     boolean NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, other_user_id)
)
"""
# Says nothing any more after three minutes; lost in a crash, somebody has to try once more.
QUIET_ATTEMPT = """
CREATE UNLOGGED TABLE quiet_attempt (
    callee_id text COLLATE "C" NOT NULL,
    caller_id text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (callee_id, caller_id)
)
"""


def upgrade() -> None:
    """Adds them; a process of before writes audiences alone, and leaves the rest as it is."""
    op.execute(CALL_SETTINGS)
    op.execute(PERSON_SETTINGS)
    op.execute(QUIET_ATTEMPT)


def downgrade() -> None:
    """Drops them."""
    op.execute("DROP TABLE quiet_attempt, person_settings")
    op.execute(
        "ALTER TABLE call_settings DROP COLUMN audio_only, DROP COLUMN must_have_messaged,"
        " DROP COLUMN always_relay, DROP COLUMN spans, DROP COLUMN time_zone, DROP COLUMN favourites,"
        " DROP COLUMN repeated"
    )
