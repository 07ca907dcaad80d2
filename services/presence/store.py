"""Lines, leases and spent tickets in Postgres. Every time is the database's clock."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ringline.db import Database, Record
from ringline.v1 import types_pb2
from services.presence.lease import FORGOTTEN, LEASE, SPENT, TOLD

# `nextval` in the update runs with the row locked: the later of two claims has the higher epoch. `greatest`
# is for a sequence that was restored from a backup.
CLAIM = """
WITH spent AS (
    INSERT INTO ticket (ticket_id, expires_at)
    SELECT $1, at FROM to_timestamp($2::bigint / 1000.0) AS at WHERE at > now()
    ON CONFLICT DO NOTHING
    RETURNING ticket_id
), leased AS (
    INSERT INTO gateway (gateway_id, lease_until) SELECT $6, now() + $7::interval FROM spent
    ON CONFLICT DO NOTHING
)
INSERT INTO line AS l (device_id, instance, user_id, gateway_id, epoch)
SELECT $3, $4, $5, $6, nextval('epoch') FROM spent
ON CONFLICT (device_id, instance) DO UPDATE SET
    displaced_gateway_id = l.gateway_id, displaced_epoch = l.epoch,
    gateway_id = excluded.gateway_id, epoch = greatest(nextval('epoch'), l.epoch + 1), since = now(),
    expelled = false
WHERE l.user_id = excluded.user_id
RETURNING epoch, displaced_gateway_id, displaced_epoch"""

# A line that was released stays so: the gateway's release overtook its own claim.
RECLAIM = """
INSERT INTO line AS l (device_id, instance, user_id, gateway_id, epoch)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (device_id, instance) DO UPDATE SET
    gateway_id = excluded.gateway_id, epoch = excluded.epoch, since = now()
WHERE l.user_id = excluded.user_id AND l.epoch <= excluded.epoch AND l.gateway_id <> ''
RETURNING epoch"""

RELEASE = """
UPDATE line AS l SET gateway_id = '', since = now()
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS gone (device_id, instance, epoch)
WHERE l.device_id = gone.device_id AND l.instance = gone.instance AND l.epoch = gone.epoch
    AND l.gateway_id <> ''"""

RENEW = """
WITH renewed AS (
    INSERT INTO gateway AS g (gateway_id, lease_until) VALUES ($1, now() + $2::interval)
    ON CONFLICT (gateway_id) DO UPDATE SET lease_until = greatest(g.lease_until, excluded.lease_until)
)
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    (SELECT count(*) FROM line WHERE gateway_id = $1 AND gateway_id <> '')"""

# What a gateway was told once, over the bus, and may have missed.
LOST = """
SELECT user_id, device_id, instance, displaced_gateway_id, displaced_epoch, expelled FROM line
WHERE displaced_gateway_id = $1 AND displaced_gateway_id <> '' AND since > now() - $2::interval
ORDER BY since DESC LIMIT 1000"""

# Claims whose answers never reached the gateway: it has no such connection. Never more than there are too
# many, whatever the clock did meanwhile.
DROP_UNHELD = """
UPDATE line SET gateway_id = '', since = now() WHERE (device_id, instance) IN (
    SELECT device_id, instance FROM line
    WHERE gateway_id = $1 AND gateway_id <> '' AND since < to_timestamp($2::bigint / 1000.0) ORDER BY since
    LIMIT greatest(0, (SELECT count(*) FROM line WHERE gateway_id = $1 AND gateway_id <> '') - $3::bigint))"""

# The epoch rises here too: a gateway that did not hear of it and claims the line anew finds itself fenced.
EXPEL = """
UPDATE line SET displaced_gateway_id = gateway_id, displaced_epoch = epoch,
    gateway_id = '', epoch = greatest(nextval('epoch'), epoch + 1), since = now(), expelled = true
WHERE user_id = $1 AND device_id = $2 AND gateway_id <> ''
RETURNING instance, displaced_gateway_id, displaced_epoch"""

OPEN = """
SELECT l.user_id, l.device_id, l.instance, l.epoch, l.gateway_id
FROM line AS l JOIN gateway AS g USING (gateway_id)
WHERE l.user_id = ANY($1::text[]) AND g.lease_until > now()"""

SWEEP_TICKETS = """
DELETE FROM ticket WHERE ticket_id IN (
    SELECT ticket_id FROM ticket WHERE expires_at < now() - $1::interval LIMIT 2000 FOR UPDATE SKIP LOCKED)"""
SWEEP_RELEASED = """
DELETE FROM line WHERE (device_id, instance) IN (
    SELECT device_id, instance FROM line WHERE gateway_id = '' AND since < now() - $1::interval
    LIMIT 2000 FOR UPDATE SKIP LOCKED)"""
SWEEP_DEAD = """
DELETE FROM line WHERE (device_id, instance) IN (
    SELECT l.device_id, l.instance FROM line AS l JOIN gateway AS g USING (gateway_id)
    WHERE l.gateway_id <> '' AND g.lease_until < now() - $1::interval
    LIMIT 2000 FOR UPDATE OF l SKIP LOCKED)"""
SWEEP_GATEWAYS = """
DELETE FROM gateway AS g WHERE g.lease_until < now() - $1::interval
    AND NOT EXISTS (SELECT FROM line AS l WHERE l.gateway_id = g.gateway_id AND l.gateway_id <> '')"""

# Of a backup nothing is true. Spent tickets stay: that they are spent is. Epochs go on beyond all that were
# given out between the backup and the loss.
FORGET = """
WITH gateways AS (DELETE FROM gateway), leapt AS (
    SELECT setval('epoch', (SELECT last_value FROM epoch) + $1::bigint)
), gone AS (DELETE FROM line RETURNING 1)
SELECT (SELECT count(*) FROM gone), (SELECT * FROM leapt)"""
EPOCHS_LEAPT = 1_000_000_000
FORGET_SECONDS = 120
"""There may be a million lines, and nobody waits for them."""


class Claimed(NamedTuple):
    """What a claim did."""

    epoch: int
    displaced: types_pb2.Line | None
    """The connection that this one replaces, with its gateway and epoch; None where there was none."""


class Renewed(NamedTuple):
    """What a gateway learns when it renews."""

    now_ms: int
    lines: int
    """How many are registered for it."""
    replaced: list[types_pb2.Line]
    expelled: list[types_pb2.Line]
    """Lines it lost in the last minute, as they were."""


class Store:
    """The tables of presence."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, line: types_pb2.Line, ticket_id: str, expires_at_ms: int) -> Claimed | None:
        """Spends the ticket and registers the line, in one statement.

        None where the ticket is expired or spent, or the device is another user's.
        """
        key = (line.device_id, line.instance, line.user_id, line.gateway_id)
        row = await self._db.fetchrow(CLAIM, ticket_id, expires_at_ms, *key, LEASE)
        if row is None:
            return None
        displaced = None
        if row["displaced_gateway_id"]:
            displaced = _former(line.user_id, line.device_id, line.instance, row)
        return Claimed(row["epoch"], displaced)

    async def reclaim(self, line: types_pb2.Line) -> int | None:
        """Registers a line that a gateway holds already. None where it was replaced or released."""
        key = (line.device_id, line.instance, line.user_id, line.gateway_id, line.epoch)
        epoch: int | None = await self._db.fetchval(RECLAIM, *key)
        return epoch

    async def release(self, lines: Sequence[types_pb2.Line]) -> int:
        """Takes lines off, each if its epoch is still the registered one; answers how many."""
        columns: list[list[object]] = [
            [line.device_id for line in lines],
            [line.instance for line in lines],
            [line.epoch for line in lines],
        ]
        return await self._db.execute(RELEASE, *columns)

    async def renew(self, gateway_id: str, held: int, claimed_anew_since_ms: int) -> Renewed:
        """Renews the lease of a gateway that holds so many lines; takes off what is registered for it beyond
        them from before `claimed_anew_since_ms`, where that is not 0.
        """
        if claimed_anew_since_ms:
            await self._db.execute(DROP_UNHELD, gateway_id, claimed_anew_since_ms, held)
        now_ms, lines = (await self._db.fetch(RENEW, gateway_id, LEASE))[0]
        renewed = Renewed(now_ms, lines, [], [])
        for lost in await self._db.fetch(LOST, gateway_id, TOLD):
            line = _former(lost["user_id"], lost["device_id"], lost["instance"], lost)
            (renewed.expelled if lost["expelled"] else renewed.replaced).append(line)
        return renewed

    async def expel(self, user_id: str, device_id: str) -> list[types_pb2.Line]:
        """Takes all lines of a device off; answers them as they were."""
        rows = await self._db.fetch(EXPEL, user_id, device_id)
        return [_former(user_id, device_id, row["instance"], row) for row in rows]

    async def open_lines(self, questions: Sequence[Sequence[str]]) -> list[list[types_pb2.Line]]:
        """For each list of users, their lines at gateways whose lease runs; one statement for all."""
        users = list(dict.fromkeys(user for users in questions for user in users))
        by_user: dict[str, list[types_pb2.Line]] = {}
        for row in await self._db.fetch(OPEN, users):
            user_id, device_id, instance, epoch, gateway_id = row
            line = types_pb2.Line(
                user_id=user_id, device_id=device_id, instance=instance, epoch=epoch, gateway_id=gateway_id
            )
            by_user.setdefault(user_id, []).append(line)
        return [_lines_of(users, by_user) for users in questions]

    async def forget(self) -> int:
        """Forgets every line and lease, after a restore; answers how many lines that were."""
        async with self._db.transaction() as con:
            await con.execute(f"SET LOCAL statement_timeout = '{FORGET_SECONDS}s'")
            found: int = await con.fetchval(FORGET, EPOCHS_LEAPT, timeout=FORGET_SECONDS)
            return found

    async def sweep(self) -> int:
        """Deletes some of what nobody needs any more; answers how many rows."""
        return (
            await self._db.execute(SWEEP_TICKETS, SPENT)
            + await self._db.execute(SWEEP_RELEASED, FORGOTTEN)
            + await self._db.execute(SWEEP_DEAD, FORGOTTEN)
            + await self._db.execute(SWEEP_GATEWAYS, FORGOTTEN)
        )


def _former(user_id: str, device_id: str, instance: str, row: Record) -> types_pb2.Line:
    return types_pb2.Line(
        user_id=user_id,
        device_id=device_id,
        instance=instance,
        epoch=row["displaced_epoch"],
        gateway_id=row["displaced_gateway_id"],
    )


def _lines_of(users: Iterable[str], by_user: dict[str, list[types_pb2.Line]]) -> list[types_pb2.Line]:
    return [line for user in dict.fromkeys(users) for line in by_user.get(user, ())]
