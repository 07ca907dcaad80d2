"""Devices in the database: keys of a user, good until they are revoked.

A device is revoked, and that presence and signaling are to be told of it is noted, in one statement
(`settle_at`; revocations.py does the telling).
"""

from datetime import timedelta
from typing import NamedTuple

from ringline import ids
from ringline.db import Connection, Database, Record
from ringline.refusal import Refusal
from ringline.v1.accounts_pb2 import Device
from ringline.v1.reasons_pb2 import Reason

SHOWN_MS = 30 * 24 * 3_600_000
"""For how long a revoked device is still listed."""
SHOWN = 100
"""How many are listed at most."""
TURN = timedelta(seconds=2.5)
"""For how long one process has a revocation for itself; then any process tells of it (again)."""

_COLUMNS = "device_id, name, public_key, created_ms, last_seen_ms, revoked_ms"
# FOR SHARE: a new password and the revocation of every device come before or after this, never around it.
_REGISTER = f"""
INSERT INTO device (device_id, user_id, public_key, name, created_ms, last_seen_ms)
SELECT $1, user_id, $3, $4, $5, $5 FROM account
 WHERE user_id = $2 AND password = coalesce($6, password)
   FOR SHARE
ON CONFLICT (user_id, public_key) DO UPDATE SET name = excluded.name, last_seen_ms = excluded.last_seen_ms
RETURNING {_COLUMNS}
"""
_LIST = f"""
SELECT {_COLUMNS} FROM device WHERE user_id = $1 AND coalesce(revoked_ms > $2, true)
 ORDER BY created_ms DESC, device_id DESC LIMIT $3
"""
_REVOKE = f"""
UPDATE device SET
    revoked_ms = coalesce(revoked_ms, $3),
    settle_at = CASE WHEN revoked_ms IS NULL THEN now() + $4::interval ELSE settle_at END
 WHERE user_id = $1 AND device_id = $2
RETURNING {_COLUMNS}, settle_at IS NOT NULL AS is_owed
"""
_REVOKE_ALL = """
UPDATE device SET revoked_ms = $2, settle_at = now() + $3::interval
 WHERE user_id = $1 AND revoked_ms IS NULL RETURNING device_id
"""
_TAKE_UNSETTLED = """
UPDATE device SET settle_at = now() + $2::interval
 WHERE device_id IN (
    SELECT device_id FROM device WHERE settle_at < now()
     ORDER BY settle_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING user_id, device_id
"""


class Revoked(NamedTuple):
    """A device that was revoked."""

    device: Device
    is_owed: bool
    """Presence and signaling have not both confirmed it."""


def device_of(row: Record) -> Device:
    """A device, from its row."""
    return Device(
        device_id=row["device_id"],
        name=row["name"],
        public_key=row["public_key"],
        created_at_ms=row["created_ms"],
        last_seen_at_ms=row["last_seen_ms"],
        revoked=row["revoked_ms"] is not None,
    )


class Devices:
    """Reads and writes devices."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def register(
        self, user_id: str, public_key: bytes, name: str, now_ms: int, password: str | None = None
    ) -> Device:
        """The user's device with this key, new or known; `password` is the hash that let him in, if one did.

        Raises Refusal(DEVICE_REVOKED) where the key was revoked: a device that comes back makes another key;
        Refusal(CREDENTIALS_WRONG) where the password was changed meanwhile, or the user is gone.
        """
        row = await self._db.fetchrow(
            _REGISTER, ids.mint_device(), user_id, public_key, name, now_ms, password
        )
        if row is None:
            raise Refusal(Reason.REASON_CREDENTIALS_WRONG)
        return _good(device_of(row))

    async def get(self, user_id: str, device_id: str) -> Device:
        """The device, revoked or not. Raises Refusal(DEVICE_NOT_FOUND) where this user has none such."""
        _check_ids(user_id, device_id)
        sql = f"SELECT {_COLUMNS} FROM device WHERE user_id = $1 AND device_id = $2"
        return _found(await self._db.fetchrow(sql, user_id, device_id))

    async def good(self, user_id: str, device_id: str) -> Device:
        """The device. Raises Refusal DEVICE_NOT_FOUND or DEVICE_REVOKED."""
        return _good(await self.get(user_id, device_id))

    async def see(self, device_id: str, now_ms: int) -> None:
        """Notes that the device gets a token. Raises Refusal(DEVICE_REVOKED) where it was revoked."""
        sql = "UPDATE device SET last_seen_ms = $2 WHERE device_id = $1 AND revoked_ms IS NULL"
        if not await self._db.execute(sql, device_id, now_ms):
            raise Refusal(Reason.REASON_DEVICE_REVOKED)

    async def all(self, user_id: str, now_ms: int) -> list[Device]:
        """Newest first; of the revoked ones those of the last 30 days."""
        rows = await self._db.fetch(_LIST, user_id, now_ms - SHOWN_MS, SHOWN)
        return [device_of(row) for row in rows]

    async def revoke(self, user_id: str, device_id: str, now_ms: int) -> Revoked:
        """Revokes a device for good; may be repeated. To tell of it is the caller's for a turn.

        Raises Refusal(DEVICE_NOT_FOUND).
        """
        _check_ids(user_id, device_id)
        row = await self._db.fetchrow(_REVOKE, user_id, device_id, now_ms, TURN)
        return Revoked(_found(row), bool(row and row["is_owed"]))

    async def revoke_all(self, con: Connection, user_id: str, now_ms: int) -> list[str]:
        """Revokes every device of a user, in the transaction of `con`; the ids of those that were good."""
        return [row["device_id"] for row in await con.fetch(_REVOKE_ALL, user_id, now_ms, TURN)]

    # What presence and signaling have not confirmed.

    async def count_unsettled(self) -> int:
        """How many revocations are not carried out everywhere."""
        found: int = await self._db.fetchval("SELECT count(*) FROM device WHERE settle_at IS NOT NULL")
        return found

    async def take_unsettled(self, most: int) -> list[tuple[str, str]]:
        """User and device of those whose turn is over, the longest first: now they are the caller's."""
        rows = await self._db.fetch(_TAKE_UNSETTLED, most, TURN)
        return [(row["user_id"], row["device_id"]) for row in rows]

    async def note_settled(self, device_id: str) -> None:
        """Notes that presence and signaling have both confirmed."""
        await self._db.execute("UPDATE device SET settle_at = NULL WHERE device_id = $1", device_id)


def _check_ids(user_id: str, device_id: str) -> None:
    """What is no id is nobody's device; and is not shown to the database, which has its own ideas of text."""
    if not (ids.is_id(user_id, "u_") and ids.is_id(device_id, "d_")):
        raise Refusal(Reason.REASON_DEVICE_NOT_FOUND)


def _found(row: Record | None) -> Device:
    if row is None:
        raise Refusal(Reason.REASON_DEVICE_NOT_FOUND)
    return device_of(row)


def _good(device: Device) -> Device:
    if device.revoked:
        raise Refusal(Reason.REASON_DEVICE_REVOKED)
    return device
