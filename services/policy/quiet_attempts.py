"""Who tried in vain because it was quiet: noted beside the verdict, so that who tries again within minutes
gets through, at whatever process.

An attempt that could not be noted, because the database was away or a process died, makes its caller try once
more; a verdict never waits for this.
"""

import asyncio

from prometheus_client import Counter

from ringline.db import Database
from ringline.refusal import Refusal
from ringline.telemetry import log

NOTE = """
INSERT INTO quiet_attempt AS t (callee_id, caller_id, at, name)
SELECT callee_id, caller_id, now() - (age * interval '1 s'), name
FROM unnest($1::text[], $2::text[], $3::float8[], $4::text[]) AS n (callee_id, caller_id, age, name)
ORDER BY 1, 2
ON CONFLICT (callee_id, caller_id) DO UPDATE SET at = greatest(t.at, excluded.at),
    name = CASE WHEN excluded.at < t.at THEN t.name ELSE excluded.name END"""
FORGET = "DELETE FROM quiet_attempt WHERE at < now() - interval '10 min'"
FORGET_SECONDS = 300.0
RETRY_SECONDS = 1.0
MOST = 10_000
"""Attempts that wait to be noted; of more, the oldest are lost."""

LOST = Counter("ringline_policy_quiet_attempts_lost_total", "Attempts in quiet hours that were not noted.")


class QuietAttempts:
    """The table of attempts, behind what is still to be written."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._due: dict[tuple[str, str], tuple[float, str]] = {}
        self._some = asyncio.Event()

    def note(self, callee_id: str, caller_id: str, name: str) -> None:
        """Notes an attempt; written soon, with others of the same moment. Asked about again under the same
        `name`, by a stream that broke, it is not tried again; empty where signaling says none.
        """
        self._due.pop((callee_id, caller_id), None)
        self._due[callee_id, caller_id] = (asyncio.get_running_loop().time(), name)
        if len(self._due) > MOST:
            del self._due[next(iter(self._due))]
            LOST.inc()
        self._some.set()

    async def flush(self) -> None:
        """Writes what is due. Raises Refusal(UNAVAILABLE), and it is still due."""
        due, self._due = self._due, {}
        self._some.clear()
        if not due:
            return
        now = asyncio.get_running_loop().time()
        callees, callers = [key[0] for key in due], [key[1] for key in due]
        try:
            ages, names = [now - at for at, _ in due.values()], [name for _, name in due.values()]
            await self._db.execute(NOTE, callees, callers, ages, names)
        except Refusal:
            self._due = due | self._due
            self._some.set()
            raise

    async def run(self) -> None:
        """Does so for ever."""
        while True:
            await self._some.wait()
            try:
                await self.flush()
            except Refusal as refusal:
                log(__name__).warning("attempts in quiet hours not noted", reason=refusal.name)
                await asyncio.sleep(RETRY_SECONDS)

    async def forget(self) -> None:
        """Deletes what says nothing any more, every few minutes, for ever."""
        while True:
            try:
                await self._db.execute(FORGET)
            except Refusal as refusal:
                log(__name__).warning("attempts in quiet hours not deleted", reason=refusal.name)
            await asyncio.sleep(FORGET_SECONDS)
