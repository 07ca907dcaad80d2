"""People: accounts and their names, devices, the graph between people."""

from alembic import op

revision = "0001"
down_revision = None

# A name is borne by its user, or held for him after he gave it up. The skeleton is what must be unique;
# username and skeleton are one row, so one statement takes a name. Skeletons depend on Unicode's
# table: who upgrades confusable-homoglyphs writes a migration that computes them anew.
NAME = """
CREATE TABLE name (
    skeleton    text COLLATE "C" PRIMARY KEY,
    username    text COLLATE "C" NOT NULL UNIQUE,
    user_id     text COLLATE "C" NOT NULL,
    released_ms bigint
)
"""
ACCOUNT = """
CREATE TABLE account (
    user_id      text COLLATE "C" PRIMARY KEY,
    username     text COLLATE "C" NOT NULL UNIQUE REFERENCES name (username) ON UPDATE CASCADE,
    display_name text NOT NULL DEFAULT '',
    verified     boolean NOT NULL DEFAULT false,
    tier         text COLLATE "C" NOT NULL,
    searchable   boolean NOT NULL DEFAULT false,
    created_ms   bigint NOT NULL,
    password     text COLLATE "C" NOT NULL DEFAULT ''
)
"""
RECOVERY_CODE = """
CREATE TABLE recovery_code (
    user_id text COLLATE "C" NOT NULL REFERENCES account ON DELETE CASCADE,
    hash    bytea NOT NULL,
    PRIMARY KEY (user_id, hash)
)
"""
# Deferred: the identity is inserted first, because its key decides between two who adopt the same person.
IDENTITY = """
CREATE TABLE identity (
    issuer  text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL UNIQUE
            REFERENCES account ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    claim   text COLLATE "C" NOT NULL,
    PRIMARY KEY (issuer, subject)
)
"""
DEVICE = """
CREATE TABLE device (
    device_id    text COLLATE "C" PRIMARY KEY,
    user_id      text COLLATE "C" NOT NULL REFERENCES account ON DELETE CASCADE,
    public_key   bytea NOT NULL,
    name         text NOT NULL,
    created_ms   bigint NOT NULL,
    last_seen_ms bigint NOT NULL,
    revoked_ms   bigint,
    UNIQUE (user_id, public_key)
)
"""
EDGE = """
CREATE TABLE edge (
    user_id  text COLLATE "C" NOT NULL REFERENCES account ON DELETE CASCADE,
    other_id text COLLATE "C" NOT NULL REFERENCES account ON DELETE CASCADE,
    contact  boolean NOT NULL DEFAULT false,
    follows  boolean NOT NULL DEFAULT false,
    messaged boolean NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, other_id)
)
"""
# Only of those who opted in: who is not in this table is not found, whatever the query.
WORD = """
CREATE TABLE word (
    word    text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES account ON DELETE CASCADE,
    PRIMARY KEY (word, user_id)
)
"""
TALLY = """
CREATE TABLE tally (
    kind     text COLLATE "C" NOT NULL,
    subject  bytea NOT NULL,
    times    bigint[] NOT NULL,
    until_ms bigint NOT NULL,
    PRIMARY KEY (kind, subject)
) WITH (fillfactor = 70)
"""
# Where no key is configured (never in production): one that all processes share.
ISSUER_KEY = """
CREATE TABLE issuer_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    seed     bytea NOT NULL
)
"""


def upgrade() -> None:
    """Makes the tables."""
    for table in (NAME, ACCOUNT, RECOVERY_CODE, IDENTITY, DEVICE, EDGE, WORD, TALLY, ISSUER_KEY):
        op.execute(table)
    op.execute("CREATE INDEX edge_other ON edge (other_id, user_id)")
    op.execute("CREATE INDEX word_user ON word (user_id)")
    op.execute("CREATE INDEX tally_until ON tally (until_ms)")


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE issuer_key, tally, word, edge, device, identity, recovery_code, account, name")
