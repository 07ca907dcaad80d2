"""Accounts and their names, in the database.

A name is one row of `name`: borne by a user, or held for him 30 days after he gave it up. Taking it is one
upsert on its skeleton, which the database decides, so of any number of people who ask at once one gets it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ringline.db import Connection, Database, Record
from ringline.refusal import Refusal
from ringline.v1.accounts_pb2 import Account
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.types_pb2 import Profile
from services.directory import profile, username

HELD_MS = 30 * 24 * 3_600_000
"""For how long a name that was given up is kept for who gave it up."""

ACCOUNT_COLUMNS = "user_id, username, display_name, verified, tier, searchable, created_ms"

_TAKE = """
INSERT INTO name AS n (skeleton, username, user_id) VALUES ($1, $2, $3)
ON CONFLICT (skeleton) DO UPDATE
   SET username = excluded.username, user_id = excluded.user_id, released_ms = NULL
 WHERE n.user_id = excluded.user_id OR n.released_ms < $4
RETURNING true
"""
_WHOSE = "SELECT username FROM name WHERE skeleton = $1 AND coalesce(released_ms >= $2, true)"
_INSERT = f"""
INSERT INTO account (user_id, username, display_name, verified, tier, created_ms, password)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {ACCOUNT_COLUMNS}
"""
_BY_IDENTITY = f"""
SELECT {ACCOUNT_COLUMNS}, claim FROM identity JOIN account USING (user_id) WHERE issuer = $1 AND subject = $2
"""
_IDENTIFY = """
INSERT INTO identity (issuer, subject, user_id, claim) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
RETURNING true
"""
_PROFILES = "SELECT user_id, username, display_name, verified FROM account WHERE user_id = ANY($1::text[])"
_UPDATE_PROFILE = f"""
UPDATE account SET display_name = coalesce($2, display_name), searchable = coalesce($3, searchable)
 WHERE user_id = $1 RETURNING {ACCOUNT_COLUMNS}
"""
_UPDATE_STANDING = f"""
UPDATE account SET tier = coalesce($2, tier), verified = coalesce($3, verified)
 WHERE user_id = $1 RETURNING {ACCOUNT_COLUMNS}
"""


class Credentials(NamedTuple):
    """What a sign-in is compared with."""

    account: Account
    password: str
    """The hash; empty where the account came from elsewhere."""


class Identity(NamedTuple):
    """An account that came from the platform's identity provider."""

    account: Account
    claim: str
    """The username claim at the last visit."""


class Newcomer(NamedTuple):
    """An account that is to be made. `username` and `display_name` are in their normal forms."""

    username: str
    display_name: str
    tier: str
    verified: bool
    password: str
    """The hash; empty where the account comes from elsewhere."""


def profile_of(row: Record) -> Profile:
    """What everybody may know, from a row with the columns of an account."""
    return Profile(
        user_id=row["user_id"],
        username=row["username"],
        display_name=row["display_name"],
        verified=row["verified"],
    )


def account_of(row: Record) -> Account:
    """An account, from a row with its columns."""
    return Account(
        profile=profile_of(row),
        tier=row["tier"],
        searchable=row["searchable"],
        created_at_ms=row["created_ms"],
    )


def unknown_user() -> Refusal:
    """There is no such user."""
    return Refusal(Reason.REASON_USER_NOT_FOUND)


class Store:
    """Reads and writes accounts."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def account(self, user_id: str) -> Account:
        """The account. Raises Refusal(USER_NOT_FOUND)."""
        row = await self._db.fetchrow(f"SELECT {ACCOUNT_COLUMNS} FROM account WHERE user_id = $1", user_id)
        return account_of(_found(row))

    async def profiles(self, user_ids: Sequence[str]) -> list[Profile]:
        """The profiles of those who exist, in no particular order."""
        rows = await self._db.fetch(_PROFILES, list(user_ids))
        return [profile_of(row) for row in rows]

    async def by_username(self, name: str) -> Account:
        """The account with this username, in normal form. Raises Refusal(USER_NOT_FOUND)."""
        row = await self._db.fetchrow(f"SELECT {ACCOUNT_COLUMNS} FROM account WHERE username = $1", name)
        return account_of(_found(row))

    async def credentials(self, name: str) -> Credentials | None:
        """What a sign-in with this username, in normal form, is compared with."""
        sql = f"SELECT {ACCOUNT_COLUMNS}, password FROM account WHERE username = $1"
        row = await self._db.fetchrow(sql, name)
        return Credentials(account_of(row), row["password"]) if row else None

    async def check_free(self, name: str, now_ms: int) -> None:
        """Raises Refusal USERNAME_TAKEN or USERNAME_LOOKALIKE where nobody new could take this name now."""
        await _check_free(self._db, name, now_ms)

    async def create(self, con: Connection, user_id: str, newcomer: Newcomer, now_ms: int) -> Account:
        """Takes the name and makes the account, in the transaction of `con`. Raises as `check_free`."""
        await _take(con, newcomer.username, user_id, now_ms)
        row = await con.fetchrow(
            _INSERT,
            user_id,
            newcomer.username,
            newcomer.display_name,
            newcomer.verified,
            newcomer.tier,
            now_ms,
            newcomer.password,
        )
        return account_of(_found(row))

    async def rename(self, con: Connection, user_id: str, name: str, now_ms: int) -> Account:
        """Gives the user another name and holds the old one, in the transaction of `con`. Raises as
        `check_free`."""
        old = await con.fetchval("SELECT username FROM account WHERE user_id = $1 FOR UPDATE", user_id)
        if old is None:
            raise unknown_user()
        await _take(con, name, user_id, now_ms)
        sql = f"UPDATE account SET username = $2 WHERE user_id = $1 RETURNING {ACCOUNT_COLUMNS}"
        account = account_of(_found(await con.fetchrow(sql, user_id, name)))
        if username.skeleton(old) != username.skeleton(name):
            await con.execute("UPDATE name SET released_ms = $2 WHERE username = $1", old, now_ms)
        await _note_words(con, account)
        return account

    async def update_profile(
        self, user_id: str, display_name: str | None, searchable: bool | None
    ) -> Account:
        """Changes what is not None. Raises Refusal(USER_NOT_FOUND)."""
        async with self._db.transaction() as con:
            row = await con.fetchrow(_UPDATE_PROFILE, user_id, display_name, searchable)
            account = account_of(_found(row))
            await _note_words(con, account)
        return account

    async def set_standing(self, user_id: str, tier: str | None, verified: bool | None) -> Account:
        """Changes what is not None. Raises Refusal(USER_NOT_FOUND)."""
        return account_of(_found(await self._db.fetchrow(_UPDATE_STANDING, user_id, tier, verified)))

    async def set_password(self, con: Connection, user_id: str, password: str) -> None:
        """Sets the hash of the password, in the transaction of `con`."""
        await con.execute("UPDATE account SET password = $2 WHERE user_id = $1", user_id, password)

    async def refresh_password(self, user_id: str, old: str, new: str) -> None:
        """Replaces a hash by another of the same password; not where the password was changed meanwhile."""
        sql = "UPDATE account SET password = $3 WHERE user_id = $1 AND password = $2"
        await self._db.execute(sql, user_id, old, new)

    # The platform's own identities.

    async def identity(self, issuer: str, subject: str) -> Identity | None:
        """Who this subject of an issuer is here."""
        row = await self._db.fetchrow(_BY_IDENTITY, issuer, subject)
        return Identity(account_of(row), row["claim"]) if row else None

    async def identify(self, con: Connection, issuer: str, subject: str, user_id: str, claim: str) -> bool:
        """Notes that this subject is the user whom `con` makes; False where somebody else was faster."""
        return bool(await con.fetchval(_IDENTIFY, issuer, subject, user_id, claim))

    async def note_claim(self, con: Connection, issuer: str, subject: str, claim: str) -> None:
        """Remembers the username claim, so that only a changed one is looked at again."""
        sql = "UPDATE identity SET claim = $3 WHERE issuer = $1 AND subject = $2"
        await con.execute(sql, issuer, subject, claim)

    # Recovery codes.

    async def add_codes(self, con: Connection, user_id: str, hashes: list[bytes]) -> None:
        """Stores the hashes of a user's recovery codes."""
        sql = "INSERT INTO recovery_code (user_id, hash) SELECT $1, unnest($2::bytea[])"
        await con.execute(sql, user_id, hashes)

    async def has_code(self, user_id: str, code: bytes) -> bool:
        """Whether this is a code of the user that is not spent."""
        sql = "SELECT true FROM recovery_code WHERE user_id = $1 AND hash = $2"
        return bool(await self._db.fetchval(sql, user_id, code))

    async def spend_code(self, con: Connection, user_id: str, code: bytes) -> int:
        """Spends a code; answers how many are left. Raises Refusal(CREDENTIALS_WRONG) where there is none
        such."""
        sql = "DELETE FROM recovery_code WHERE user_id = $1 AND hash = $2 RETURNING true"
        if not await con.fetchval(sql, user_id, code):
            raise Refusal(Reason.REASON_CREDENTIALS_WRONG)
        left: int = await con.fetchval("SELECT count(*) FROM recovery_code WHERE user_id = $1", user_id)
        return left

    # The key of the local issuer, where none is configured.

    async def shared_seed(self, offered: bytes) -> bytes:
        """The seed that all processes share: the first one that was offered."""
        sql = "INSERT INTO issuer_key (seed) VALUES ($1) ON CONFLICT DO NOTHING"
        await self._db.execute(sql, offered)
        seed: bytes = await self._db.fetchval("SELECT seed FROM issuer_key")
        return seed


async def _take(con: Connection, name: str, user_id: str, now_ms: int) -> None:
    taken = await con.fetchval(_TAKE, username.skeleton(name), name, user_id, now_ms - HELD_MS)
    if not taken:
        await _check_free(con, name, now_ms)
        # It was there a moment ago and is not any more: whoever had it rolled back or its time ran out.
        raise Refusal(Reason.REASON_UNAVAILABLE)


async def _check_free(source: Connection | Database, name: str, now_ms: int) -> None:
    bearer = await source.fetchval(_WHOSE, username.skeleton(name), now_ms - HELD_MS)
    if bearer == name:
        raise Refusal(Reason.REASON_USERNAME_TAKEN)
    if bearer is not None:
        raise Refusal(Reason.REASON_USERNAME_LOOKALIKE)


async def _note_words(con: Connection, account: Account) -> None:
    """Writes the words by which search finds this user: none where he did not opt in."""
    person = account.profile
    words = {person.username, *profile.words(person.display_name)} if account.searchable else set()
    await con.execute("DELETE FROM word WHERE user_id = $1", person.user_id)
    sql = "INSERT INTO word (word, user_id) SELECT unnest($1::text[]), $2"
    await con.execute(sql, sorted(words), person.user_id)


def _found(row: Record | None) -> Record:
    if row is None:
        raise unknown_user()
    return row
