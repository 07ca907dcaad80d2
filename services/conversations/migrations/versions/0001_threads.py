"""People with their feed, their threads, the entries of these."""

from alembic import op

revision = "0001"
down_revision = None

PERSON = """
CREATE TABLE person (
    user_id  text COLLATE "C" PRIMARY KEY,
    feed     bigint NOT NULL DEFAULT 0,
    unread   integer NOT NULL DEFAULT 0,
    requests integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70)
"""
THREAD = """
CREATE TABLE thread (
    owner_id text COLLATE "C" NOT NULL,
    other_id text COLLATE "C" NOT NULL,
    folder   smallint NOT NULL,
    number   bigint NOT NULL,
    moved    bigint NOT NULL,
    feed     bigint NOT NULL,
    read     bigint NOT NULL,
    unread   integer NOT NULL,
    removed  bigint NOT NULL,
    wrote    boolean NOT NULL,
    messaged boolean NOT NULL,
    PRIMARY KEY (owner_id, other_id)
) WITH (fillfactor = 70)
"""
ENTRY = """
CREATE TABLE entry (
    owner_id  text COLLATE "C" NOT NULL,
    other_id  text COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    at_ms     bigint NOT NULL,
    item_id   text COLLATE "C" NOT NULL,
    client_id text COLLATE "C",
    is_call   boolean NOT NULL,
    counts    boolean NOT NULL,
    version   bigint NOT NULL,
    body      bytea NOT NULL,
    PRIMARY KEY (owner_id, other_id, number)
)
"""
INDEXES = (
    # The list of a folder, the newest entry first; what changed since.
    "CREATE INDEX thread_list ON thread (owner_id, folder, moved) WHERE number > removed",
    "CREATE UNIQUE INDEX thread_feed ON thread (owner_id, feed)",
    # A message or a call is in a box once, and so is what a sender calls by his own id.
    "CREATE UNIQUE INDEX entry_item ON entry (owner_id, item_id)",
    "CREATE UNIQUE INDEX entry_client ON entry (owner_id, client_id) WHERE client_id IS NOT NULL",
    # What is unread; the calls of a person, all of them and the missed ones; what is old.
    "CREATE INDEX entry_counts ON entry (owner_id, other_id, number) WHERE counts",
    "CREATE INDEX entry_calls ON entry (owner_id, at_ms, item_id) WHERE is_call",
    "CREATE INDEX entry_missed ON entry (owner_id, at_ms, item_id) WHERE is_call AND counts",
    "CREATE INDEX entry_age ON entry USING brin (at_ms)",
)


def upgrade() -> None:
    """Makes the tables. Whoever changes a box holds the row of its owner in `person`."""
    op.execute(PERSON)
    op.execute(THREAD)
    op.execute(ENTRY)
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE entry, thread, person")
