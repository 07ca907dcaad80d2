"""Calls in Postgres. Two writes: insert a call guarded by its pair row, and compare-and-set on the version.

No rule of a call lives here except version, live pair, pair gate, and the deadline against the database's
clock.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from ringline.db import Connection, Database, Record
from ringline.outbox import part_of
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, events_pb2, reasons_pb2, signaling_pb2
from services.signaling.record import CALLEE, CALLER, Times, holds_pair, live
from services.signaling.verbs import Step

COLUMNS = "id, version, record, caller_slot, callee_slot"
CLOCK_LOOKS = 3
DATABASE_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

TELL = """
told AS (
    INSERT INTO outbox (part, call_id, version, event)
    SELECT {part}, $1, {version}, event FROM unnest({events}::bytea[]) AS event
    WHERE EXISTS (SELECT FROM kept)
)"""

PLACE = f"""
WITH gate AS (
    INSERT INTO pair AS p (k, live_call) SELECT $4, CASE WHEN $5::boolean THEN $1 END
    WHERE NOT EXISTS (SELECT FROM call WHERE callee_id = $8 AND glare_command = $10)
    ON CONFLICT (k) DO UPDATE SET live_call = CASE WHEN $5 THEN $1 END, epoch = p.epoch + 1
    WHERE p.live_call IS NULL AND (p.closed_by = 0 OR NOT $5)
    RETURNING 1
), kept AS (
    INSERT INTO call
        (id, version, live, deadline_ms, caller_id, callee_id, place_command, gateways, record, ended_at)
    SELECT $1, 1, $6, $7, $8, $9, $10, $11, $12, CASE WHEN NOT $6 THEN now() END
    WHERE EXISTS (SELECT FROM gate)
    RETURNING 1
), {TELL.format(part="$2::smallint", version="1", events="$3")}
SELECT count(*) FROM kept"""

# Half of the commands change the call alone, and need not prepare the rest of SAVE.
SAVE_CALL = """
UPDATE call SET version = $2 + 1, live = $3, deadline_ms = $4, gateways = $5, record = $6,
    updated_at = now(), ended_at = CASE WHEN NOT $3 THEN now() END,
    caller_slot = CASE WHEN $7 THEN NULL WHEN $8::bytea IS NOT NULL THEN $8
        WHEN $9::bytea IS NOT NULL THEN caller_slot || $9 ELSE caller_slot END,
    callee_slot = CASE WHEN $7 THEN NULL WHEN $10::bytea IS NOT NULL THEN $10
        WHEN $11::bytea IS NOT NULL THEN callee_slot || $11 ELSE callee_slot END,
    glare_command = CASE WHEN $12 = '' THEN glare_command ELSE $12 END
WHERE id = $1 AND version = $2
RETURNING 1"""
SAVE = f"""
WITH kept AS ({SAVE_CALL}), freed AS (
    UPDATE pair SET live_call = NULL WHERE k = $15 AND live_call = $1 AND EXISTS (SELECT FROM kept)
), {TELL.format(part="$13::smallint", version="$2 + 1", events="$14")}
SELECT count(*) FROM kept"""

LIVE = f"SELECT {COLUMNS} FROM call WHERE live AND caller_id = ANY($1) UNION ALL \
SELECT {COLUMNS} FROM call WHERE live AND callee_id = ANY($1)"

# What a Place must know: the live calls of the two, and what the same command has done before.
AROUND = f"""SELECT {COLUMNS} FROM call WHERE live AND caller_id = ANY($1)
UNION ALL SELECT {COLUMNS} FROM call WHERE live AND callee_id = ANY($1)
UNION ALL SELECT {COLUMNS} FROM call WHERE caller_id = $2 AND place_command = $3
UNION ALL SELECT {COLUMNS} FROM call WHERE callee_id = $2 AND glare_command = $3"""

PAST = f"""SELECT {COLUMNS} FROM (
    (SELECT * FROM call WHERE NOT live AND caller_id = $1 AND ended_at > now() - interval '24 hours'
     ORDER BY ended_at DESC LIMIT 50)
    UNION ALL
    (SELECT * FROM call WHERE NOT live AND callee_id = $1 AND ended_at > now() - interval '24 hours'
     ORDER BY ended_at DESC LIMIT 50)) AS past"""

# Taken rows are not due again for three seconds: whoever takes them looks, and if he dies somebody else does.
DUE = f"""
UPDATE call SET deadline_ms = {DATABASE_MS} + {Times().ring_look}
WHERE id IN (SELECT id FROM call WHERE live AND deadline_ms <= {DATABASE_MS} ORDER BY deadline_ms LIMIT $1
             FOR UPDATE SKIP LOCKED)
RETURNING {COLUMNS}"""

TOUCHED = f"""SELECT {COLUMNS} FROM call
WHERE live AND $1 = ANY(gateways) AND updated_at > now() - interval '60 seconds'"""

ENDED = f"SELECT {COLUMNS} FROM call WHERE NOT live AND id > $1 ORDER BY id LIMIT $2"

# No line of a device is opened after it was revoked, and its open ones are closed within seconds: an hour is
# longer than anything of it is on the way. How many are taken is bounded for the record's sake.
REVOKED = """SELECT device_id, user_id FROM revoked WHERE user_id = ANY($1) AND at > now() - interval '1 hour'
ORDER BY at DESC LIMIT 64"""
PURGE_REVOKED = "DELETE FROM revoked WHERE at < now() - interval '2 hours'"

PURGE = """DELETE FROM call WHERE id IN (
    SELECT id FROM call WHERE NOT live AND ended_at < now() - interval '25 hours' LIMIT 1000)"""

# A wish that was given up on the way may come after its successor: then it changes nothing.
GATE = """INSERT INTO pair AS p (k, closed_by, wish_1, wish_2)
SELECT $1, CASE WHEN $3::boolean THEN $2::smallint ELSE 0 END, ($2 = 1)::int * $4::bigint, ($2 = 2)::int * $4
ON CONFLICT (k) DO UPDATE SET closed_by = CASE WHEN $3 THEN p.closed_by | $2 ELSE p.closed_by & ~$2 END,
    epoch = p.epoch + 1,
    wish_1 = greatest(p.wish_1, excluded.wish_1), wish_2 = greatest(p.wish_2, excluded.wish_2)
WHERE $4 = 0 OR $4 >= CASE WHEN $2 = 1 THEN p.wish_1 ELSE p.wish_2 END
RETURNING live_call"""

# Of two restores of the same backup the later one counts more: so it is a time, and no count.
RESTORED = "UPDATE meta SET incarnation = greatest(incarnation + 1, $1) RETURNING incarnation"
# By the indexes that there are: a day of calls is a large table.
NEWEST = """SELECT greatest((SELECT max(ended_at) FROM call WHERE NOT live),
    (SELECT max(updated_at) FROM call WHERE live))"""
ALL_LIVE = f"SELECT {COLUMNS} FROM call WHERE live FOR UPDATE"
MEND = """
UPDATE call SET version = $2, live = $3, deadline_ms = $4, record = $5, updated_at = now(),
    ended_at = CASE WHEN NOT $3 THEN now() END,
    caller_slot = CASE WHEN $3 THEN caller_slot END, callee_slot = CASE WHEN $3 THEN callee_slot END
WHERE id = $1"""
FREE = "UPDATE pair SET live_call = NULL WHERE k = $1 AND live_call = $2"


@dataclass(frozen=True, slots=True)
class Stored:
    """A call as it was read or written: its record, and the descriptions of caller and callee."""

    record: signaling_pb2.CallRecord
    slots: tuple[client_pb2.Description | None, client_pb2.Description | None]
    fresh: bool = True


def pair_key(one: str, other: str) -> str:
    """The key of a pair, whichever way round."""
    return ":".join(sorted((one, other)))


class Store:
    """The tables of signaling."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is one that nobody sets, in seconds: a machine's wall clock may be wrong for a while, and
        no call is to end early or late by that.
        """
        self._db = db
        self._clock = clock
        self._ahead_ms = round((time.time() - clock()) * 1000)

    def now(self) -> int:
        """The database's clock, in Unix milliseconds, as last compared."""
        return round(self._clock() * 1000) + self._ahead_ms

    async def compare_clocks(self) -> None:
        """Notes by how much the database's clock is ahead of this process's: the quickest of a few looks, for
        what it says was so at some moment between question and answer.
        """
        looks = []
        async with self._db.borrow() as con:
            for _ in range(CLOCK_LOOKS):
                before = self._clock()
                there = await con.fetchval(f"SELECT {DATABASE_MS}")
                after = self._clock()
                looks.append((after - before, round(there - (before + after) * 500)))
        self._ahead_ms = min(looks)[1]

    async def incarnation(self) -> int:
        """1, or since the data was restored a number that is higher after each restore."""
        found: int = await self._db.fetchval("SELECT incarnation FROM meta")
        return found

    async def load(self, call_id: str) -> Stored | None:
        """One call."""
        row = await self._db.fetchrow(f"SELECT {COLUMNS} FROM call WHERE id = $1", call_id)
        return _stored(row) if row else None

    async def placed_by(self, caller_id: str, command_id: str) -> Stored | None:
        """The call that this command placed."""
        sql = f"SELECT {COLUMNS} FROM call WHERE caller_id = $1 AND place_command = $2"
        row = await self._db.fetchrow(sql, caller_id, command_id)
        return _stored(row) if row else None

    async def live_of(self, user_ids: Sequence[str]) -> list[Stored]:
        """Every live call of these users."""
        rows = await self._db.fetch(LIVE, list(user_ids))
        return list({row["id"]: _stored(row) for row in rows}.values())

    async def around(self, caller_id: str, callee_id: str, command_id: str) -> list[Stored]:
        """Every live call of the two, and the one that this command of the caller placed or answered."""
        rows = await self._db.fetch(AROUND, [caller_id, callee_id], caller_id, command_id)
        return list({row["id"]: _stored(row) for row in rows}.values())

    async def past_of(self, user_id: str) -> list[Stored]:
        """The calls of a user that ended in the last 24 hours, at most 50 either way."""
        return [_stored(row) for row in await self._db.fetch(PAST, user_id)]

    async def touched(self, gateway_id: str) -> list[Stored]:
        """The live calls with a line at this gateway that changed in the last minute."""
        return [_stored(row) for row in await self._db.fetch(TOUCHED, gateway_id)]

    async def many(self, call_ids: Sequence[str]) -> list[Stored]:
        """These calls, as far as they are there."""
        if not call_ids:
            return []
        sql = f"SELECT {COLUMNS} FROM call WHERE id = ANY($1)"
        return [_stored(row) for row in await self._db.fetch(sql, list(call_ids))]

    async def ended_after(self, call_id: str, most: int) -> list[Stored]:
        """Calls that are over, by id, which is about the order in which they were placed."""
        return [_stored(row) for row in await self._db.fetch(ENDED, call_id, most)]

    async def revoke(self, user_id: str, device_id: str) -> None:
        """Notes that a device was revoked, for good."""
        sql = "INSERT INTO revoked (device_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        await self._db.execute(sql, device_id, user_id)

    async def revoked_of(self, user_ids: Sequence[str]) -> dict[str, str]:
        """The devices of these users that were revoked in the last hour, each with its user."""
        rows = await self._db.fetch(REVOKED, list(user_ids))
        return {row["device_id"]: row["user_id"] for row in rows}

    async def due(self, most: int = 200) -> list[Stored]:
        """Takes calls whose deadline is over, on the database's clock."""
        return [_stored(row) for row in await self._db.fetch(DUE, most)]

    async def purge(self) -> int:
        """Deletes some calls that ended more than 25 hours ago; answers how many."""
        await self._db.execute(PURGE_REVOKED)
        return await self._db.execute(PURGE)

    async def place(
        self, record: signaling_pb2.CallRecord, events: Sequence[events_pb2.Event], command_id: str
    ) -> bool:
        """Inserts a call. False where another call of the pair is live, its gate is closed to a call that is
        no shadow, or the command has placed or answered a call already: read again. A shadow call does not
        hold the pair, but it looks at the row: what met a live call would be an answer to it.
        """
        caller, callee = (member.profile.user_id for member in record.members)
        try:
            kept = await self._db.fetchval(
                PLACE,
                record.call_id,
                part_of(record.call_id),
                [event.SerializeToString() for event in events],
                pair_key(caller, callee),
                holds_pair(record),
                live(record),
                record.deadline_at_ms,
                caller,
                callee,
                command_id,
                _gateways(record),
                record.SerializeToString(),
            )
        except asyncpg.UniqueViolationError:
            return False
        return bool(kept)

    async def save(
        self, was: Stored, step: Step, con: Connection | None = None, by_dialling: str = ""
    ) -> Stored | None:
        """Compare-and-set; None where the call has changed since it was read. `by_dialling` is the command id
        of a Place that became the answer, kept so that the same Place finds it again.
        """
        record = step.record
        slots: list[client_pb2.Description | None] = [None, None] if step.erased else list(was.slots)
        values: list[bytes | None] = [None, None, None, None]
        if step.described is not None and not step.erased:
            side, description = step.described
            slots[side], values[2 * side] = description, description.SerializeToString()
        if step.added is not None and not step.erased:
            side, candidates = step.added
            more = client_pb2.Description(candidates=candidates)
            slots[side] = _joined(slots[side], more)
            # Concatenated messages are one message: repeated fields append (protobuf encoding guide).
            values[2 * side + 1] = more.SerializeToString()
        change = (
            record.call_id,
            was.record.version,
            live(record),
            record.deadline_at_ms,
            _gateways(record),
            record.SerializeToString(),
            step.erased,
            values[2 * CALLER],
            values[2 * CALLER + 1],
            values[2 * CALLEE],
            values[2 * CALLEE + 1],
            by_dialling,
        )
        if holds_pair(record) and not step.events:
            kept = await (con or self._db).fetchval(SAVE_CALL, *change)
        else:
            events = [event.SerializeToString() for event in step.events]
            pair = "" if holds_pair(record) else pair_key(*(m.profile.user_id for m in record.members))
            kept = await (con or self._db).fetchval(SAVE, *change, part_of(record.call_id), events, pair)
        return Stored(record, (slots[CALLER], slots[CALLEE])) if kept else None

    async def gate(
        self, con: Connection, user_id: str, other_id: str, closed: bool, generation: int
    ) -> Stored | None:
        """Closes or opens this user's gate against the other, and answers the pair's live call, locked; None
        where there is none. Raises Refusal (STALE) where a wish of a higher generation was carried out.
        """
        key = pair_key(user_id, other_id)
        # The call before the pair, as SAVE takes them: else the two could wait for each other.
        guess = await con.fetchval("SELECT live_call FROM pair WHERE k = $1", key)
        await con.execute("SELECT FROM call WHERE id = $1 FOR UPDATE", guess)
        bit = 1 if key.startswith(f"{user_id}:") else 2
        gate = await con.fetchrow(GATE, key, bit, closed, generation)
        if gate is None:  # whoever asked has given up, and his next wish was carried out
            raise Refusal(reasons_pb2.REASON_STALE)
        live_call = gate["live_call"]
        row = await con.fetchrow(f"SELECT {COLUMNS} FROM call WHERE id = $1 FOR UPDATE", live_call)
        return _stored(row) if row else None

    # What `ringline restored` needs (restore.py).

    async def newest(self) -> datetime | None:
        """When a call changed last; None where there is none."""
        found: datetime | None = await self._db.fetchval(NEWEST)
        return found

    async def all_live(self, con: Connection) -> list[Stored]:
        """Every live call, locked."""
        return [_stored(row) for row in await con.fetch(ALL_LIVE)]

    async def known(self, con: Connection, call_ids: Sequence[str]) -> set[str]:
        """Which of these calls are there."""
        return {row[0] for row in await con.fetch("SELECT id FROM call WHERE id = ANY($1)", list(call_ids))}

    async def mend(self, con: Connection, step: Step) -> None:
        """Puts a call in the place of what it was, whatever its version was. Its events are the caller's."""
        record = step.record
        values = (record.version, live(record), record.deadline_at_ms, record.SerializeToString())
        await con.execute(MEND, record.call_id, *values)
        if not holds_pair(record):
            pair = pair_key(*(member.profile.user_id for member in record.members))
            await con.execute(FREE, pair, record.call_id)

    async def raise_incarnation(self, con: Connection) -> int:
        """Says that the data was restored; answers the new incarnation."""
        found: int = await con.fetchval(RESTORED, self.now())
        return found

    def transaction(self) -> Any:
        """A transaction of this database."""
        return self._db.transaction()


def _stored(row: Record) -> Stored:
    record = signaling_pb2.CallRecord.FromString(row["record"])
    if record.version != row["version"]:
        raise Refusal(reasons_pb2.REASON_UNAVAILABLE)
    return Stored(record, (_slot(row["caller_slot"]), _slot(row["callee_slot"])))


def _slot(data: bytes | None) -> client_pb2.Description | None:
    return None if data is None else client_pb2.Description.FromString(data)


def _joined(
    slot: client_pb2.Description | None, more: client_pb2.Description
) -> client_pb2.Description | None:
    if slot is None:
        return None
    joined = client_pb2.Description()
    joined.CopyFrom(slot)
    joined.candidates.extend(more.candidates)
    return joined


def _gateways(record: signaling_pb2.CallRecord) -> list[str]:
    return sorted({leg.gateway_id for member in record.members for leg in member.legs if leg.gateway_id})
