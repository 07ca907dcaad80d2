"""Tallies: how often something was done lately, counted in the database, so that it holds across processes.

Whom a tally is about is stored as a keyed hash, and forgotten when the window has passed.
"""

import hashlib
import hmac
from dataclasses import dataclass

from ringline.db import Connection, Database
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Limit:
    """At most `most` times within any `window_ms`, counted under `kind`."""

    kind: str
    most: int
    window_ms: int


@dataclass(frozen=True)
class Tally:
    """One count: a limit and the hash of whom it is about."""

    limit: Limit
    subject: bytes


# The times of one subject are one row: the row's lock makes check and count one step, and the count is exact
# over any window, not only over those that begin on the hour.
_SPEND = """
INSERT INTO tally AS t (kind, subject, times, until_ms)
VALUES ($1, $2, ARRAY[$3::bigint], $3::bigint + $4::bigint)
ON CONFLICT (kind, subject) DO UPDATE
   SET times = ARRAY(SELECT one FROM unnest(t.times) AS one WHERE one > $3 - $4 ORDER BY one) || $3::bigint,
       until_ms = $3 + $4
 WHERE (SELECT count(*) FROM unnest(t.times) AS one WHERE one > $3 - $4) < $5
RETURNING true
"""
_LATELY = """
SELECT one FROM tally, unnest(times) AS one WHERE kind = $1 AND subject = $2 AND one > $3
 ORDER BY one DESC LIMIT $4
"""
_REFUND = """
UPDATE tally SET times = trim_array(times, 1) WHERE kind = $1 AND subject = $2 AND cardinality(times) > 0
"""


class Tallies:
    """The tallies of this service; `key` is what subjects are hashed with, the same in every process."""

    def __init__(self, db: Database, key: bytes) -> None:
        self._db = db
        self._key = hashlib.sha256(b"ringline-tally-v1:" + key).digest()

    def of(self, limit: Limit, *subject: str) -> Tally:
        """The tally of somebody: a network, a username, both."""
        text = "\0".join((limit.kind, *subject))
        return Tally(limit, hmac.digest(self._key, text.encode(errors="replace"), "sha256"))

    async def check(self, tally: Tally, now_ms: int) -> None:
        """Raises Refusal(LIMITED) where one more would be too many; counts nothing."""
        if retry_after := await self._wait(self._db, tally, now_ms):
            raise Refusal(Reason.REASON_LIMITED, retry_after=retry_after)

    async def spend(self, con: Connection, tally: Tally, now_ms: int) -> None:
        """Counts one, in the transaction of `con`. Raises Refusal(LIMITED) where that is too many."""
        limit = tally.limit
        counted = await con.fetchval(_SPEND, limit.kind, tally.subject, now_ms, limit.window_ms, limit.most)
        if not counted:
            retry_after = await self._wait(con, tally, now_ms)
            raise Refusal(Reason.REASON_LIMITED, retry_after=retry_after or limit.window_ms / 1000)

    async def spend_all(self, tallies: list[Tally], now_ms: int) -> None:
        """Counts one in each, or none at all: raises Refusal(LIMITED) where one of them is full."""
        async with self._db.transaction() as con:
            for tally in tallies:
                await self.spend(con, tally, now_ms)

    async def refund(self, tallies: list[Tally]) -> None:
        """Takes one back in each: what was counted turned out to be no guess."""
        async with self._db.transaction() as con:
            for tally in tallies:
                await con.execute(_REFUND, tally.limit.kind, tally.subject)

    async def forget(self, now_ms: int) -> int:
        """Deletes what is past; answers how many rows."""
        return await self._db.execute("DELETE FROM tally WHERE until_ms < $1", now_ms)

    async def _wait(self, source: Connection | Database, tally: Tally, now_ms: int) -> float:
        """Seconds until one more is welcome; 0 where it is now."""
        limit = tally.limit
        rows = await source.fetch(_LATELY, limit.kind, tally.subject, now_ms - limit.window_ms, limit.most)
        if len(rows) < limit.most:
            return 0.0
        # Another process's clock may be ahead, or its try later than this one by a moment.
        oldest = min(rows[-1]["one"], now_ms)
        return (oldest + limit.window_ms - now_ms) / 1000 or 0.001
