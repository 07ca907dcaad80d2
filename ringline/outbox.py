"""The outbox: events that became true in a transaction, on their way to the log.

A service adds `OUTBOX_DDL`'s table to its schema and inserts rows in the same statement as the change itself.
A relay in every process claims one part at a time under an advisory lock, publishes its rows in order and
deletes them after the acknowledgement. Order is promised per part, so per call where the part is computed
from the call.
"""

import asyncio
import zlib
from collections.abc import Iterable
from contextlib import suppress

from ringline.db import Connection, Database
from ringline.log import Log
from ringline.refusal import Refusal
from ringline.telemetry import OUTBOX_AGE, OUTBOX_PUBLISHED, log
from ringline.v1.events_pb2 import Event

PARTS = 8
BATCH = 200
POLL_SECONDS = 0.5
LINGER_SECONDS = 0.2
"""After a nudge we wait so long for company: a round costs about as much for ten events as for one, and
nobody who reads the log is in a hurry.
"""
LOOK_SECONDS = 5.0
"""How often a process looks how old the oldest event is."""
ROUND_SECONDS = 4.0
"""A log that is slow must not hold the transaction until the database ends it: the rest comes next time."""

OUTBOX_DDL = """
CREATE TABLE outbox (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    part    smallint NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    event   bytea NOT NULL
)
"""
"""For a service's migration; `event` is an encoded Event, with its event_id set."""

INSERT = "INSERT INTO outbox (part, call_id, version, event) VALUES ($1, $2, $3, $4)"


def part_of(call_id: str) -> int:
    """The part of a call's events, 0 to PARTS - 1."""
    return zlib.crc32(call_id.encode()) % PARTS


# How much is waiting must not matter: neither statement looks at more than it takes. Where nothing waits, no
# lock is taken.
CLAIM = """
SELECT array_agg(part) FROM generate_series(0, $2 - 1) AS part
WHERE (SELECT id FROM outbox ORDER BY id LIMIT 1) IS NOT NULL AND pg_try_advisory_xact_lock($1, part)
"""
# A statement of its own: its snapshot is newer than the locks, so it sees what the relay before has deleted.
NEXT = "SELECT id, event FROM outbox WHERE part = ANY($1) ORDER BY id LIMIT $2"
OLDEST = """
SELECT event, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms FROM outbox ORDER BY id LIMIT 1
"""
_DELETE = "DELETE FROM outbox WHERE id = ANY($1)"


class Outbox:
    """A service's relay: `node.spawn(outbox.run(), "outbox")`, and `nudge()` after a commit."""

    def __init__(self, db: Database, log_: Log) -> None:
        self._db = db
        self._log = log_
        self._key = zlib.crc32(db.service.encode()) & 0x7FFFFFFF
        self._nudged = asyncio.Event()
        self._look_at = 0.0

    def nudge(self) -> None:
        """Says that there is something new: it is published at once rather than within half a second."""
        self._nudged.set()

    async def add(self, con: Connection, event: Event) -> None:
        """Adds one event within a transaction; hot statements insert it themselves."""
        await con.execute(
            INSERT, part_of(event.call_id), event.call_id, event.version, event.SerializeToString()
        )

    async def run(self) -> None:
        """Publishes for ever; an outage of the database or the log only makes it late."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._nudged.wait()
                await asyncio.sleep(LINGER_SECONDS)
            self._nudged.clear()
            try:
                while await self.relay() == BATCH:
                    pass
                await self._look()
            except Refusal:
                log(__name__).warning("outbox cannot be read", service=self._db.service)
                await asyncio.sleep(POLL_SECONDS)

    async def _look(self) -> None:
        """Notes now and then for how long the oldest event waits: what nobody publishes, everybody sees."""
        now = asyncio.get_running_loop().time()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        OUTBOX_AGE.labels(self._db.service).set(await self.age())

    async def age(self) -> float:
        """For how long, in seconds, the oldest event waits; 0 where none does."""
        row = await self._db.fetchrow(OLDEST)
        return max(0, row["now_ms"] - Event.FromString(row["event"]).at_ms) / 1000 if row else 0.0

    async def relay(self) -> int:
        """Publishes what nobody else has claimed, at most BATCH rows; answers how many rows that were."""
        async with self._db.transaction() as con:
            parts = await con.fetchval(CLAIM, self._key, PARTS)
            if not parts:
                return 0
            rows = await con.fetch(NEXT, parts, BATCH)
            sent = await self._publish([(row["id"], Event.FromString(row["event"])) for row in rows])
            if sent:
                await con.execute(_DELETE, sent)
                OUTBOX_PUBLISHED.labels(self._db.service).inc(len(sent))
            return len(sent)

    async def _publish(self, rows: list[tuple[int, Event]]) -> list[int]:
        """Publishes wave by wave and answers the numbers of the rows that were acknowledged."""
        sent: list[int] = []
        until = asyncio.get_running_loop().time() + ROUND_SECONDS
        for wave in waves(rows):
            acknowledged = await self._log.publish([event for _, event in wave])
            sent += [number for number, _ in wave[:acknowledged]]
            if acknowledged < len(wave) or asyncio.get_running_loop().time() > until:
                break
        return sent


def waves(rows: Iterable[tuple[int, Event]]) -> list[list[tuple[int, Event]]]:
    """The rows in their order, cut where a call comes again. Were two events of a call on their way at once,
    and the log refused the first and took the second, they would change places.
    """
    found: list[list[tuple[int, Event]]] = []
    calls: set[str] = set()
    for row in rows:
        if not found or row[1].call_id in calls:
            found.append([])
            calls.clear()
        found[-1].append(row)
        calls.add(row[1].call_id)
    return found
