"""The outbox: events that became true in a transaction, on their way to the log.

A service adds `OUTBOX_DDL`'s table to its schema and inserts rows in the same statement as the change itself.
A relay in every process claims one part at a time under an advisory lock, publishes its rows in order and
deletes them after the acknowledgement. Order is promised per part, so per call where the part is computed
from the call.
"""

import asyncio
import zlib
from contextlib import suppress

from ringline.db import Connection, Database
from ringline.log import Log
from ringline.refusal import Refusal
from ringline.telemetry import OUTBOX_PUBLISHED, log
from ringline.v1.events_pb2 import Event

PARTS = 8
BATCH = 200
POLL_SECONDS = 0.5
LOCK_SPACE = 7_464
"""First key of the advisory locks; the second one is the part."""

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


class Outbox:
    """One service's relay: `node.spawn(outbox.run(), "outbox")`, `nudge()` after a commit."""

    def __init__(self, db: Database, log_: Log) -> None:
        self._db = db
        self._log = log_
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Says that there is something new: it is published at once rather than within half a second."""
        self._nudged.set()

    async def add(self, con: Connection, event: Event) -> None:
        """Adds one event within a transaction; hot statements insert it themselves."""
        await con.execute(
            INSERT, part_of(event.call_id), event.call_id, event.version, event.SerializeToString()
        )

    async def run(self) -> None:
        """Publishes for ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), POLL_SECONDS)
            self._nudged.clear()
            try:
                while await self.relay():
                    pass
            except Refusal:
                log(__name__).warning("outbox cannot be read", service=self._db.service)
                await asyncio.sleep(POLL_SECONDS)

    async def relay(self) -> int:
        """Publishes what there is, once, and answers how many rows were published."""
        done = 0
        for row in await self._db.fetch("SELECT DISTINCT part FROM outbox"):
            done += await self._relay_part(row["part"])
        return done

    async def _relay_part(self, part: int) -> int:
        async with self._db.transaction() as con:
            if not await con.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", LOCK_SPACE, part):
                return 0
            rows = await con.fetch(
                "SELECT id, event FROM outbox WHERE part = $1 ORDER BY id LIMIT $2", part, BATCH
            )
            sent = await self._log.publish([Event.FromString(row["event"]) for row in rows])
            if sent:
                await con.execute("DELETE FROM outbox WHERE id = ANY($1)", [row["id"] for row in rows[:sent]])
                OUTBOX_PUBLISHED.labels(self._db.service).inc(sent)
            return sent
