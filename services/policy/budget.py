"""The budgets of those who write: how many messages, and how many strangers in a day.

One row a sender, on the database's clock, so that it holds across processes. Messages are a bucket: `due` is
when it would be full again, and every message makes that later. Strangers are counted exactly over any day,
not only over those that begin at midnight: the row holds the times of the last ones. Both count, or neither.

A message that is asked about again counts once, as long as it is among the last ones that counted: it was
sent twice at the same moment, or what came after the verdict failed.
"""

import asyncio
from datetime import timedelta

from ringline.db import Database
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import reasons_pb2
from services.policy.settings import Settings

# $1 sender, $2 whether to a new stranger, $3 seconds a message, $4 messages at once, $5 strangers in a day,
# $6 which message, or null. One that is known changes nothing.
SPEND = """
INSERT INTO message_budget AS b (user_id, due, strangers, recent)
VALUES ($1, now() + $3::interval, CASE WHEN $2::boolean THEN ARRAY[now()] ELSE ARRAY[]::timestamptz[] END,
    array_remove(ARRAY[$6::text], NULL))
ON CONFLICT (user_id) DO UPDATE SET
    due = CASE WHEN $6 = ANY(b.recent) THEN b.due ELSE greatest(b.due, now()) + $3 END,
    strangers = CASE WHEN $6 = ANY(b.recent) THEN b.strangers ELSE excluded.strangers || ARRAY(
        SELECT at FROM unnest(b.strangers) AS at WHERE at > now() - interval '1 day') END,
    recent = CASE WHEN $6 = ANY(b.recent) THEN b.recent ELSE (excluded.recent || b.recent)[1:16] END
WHERE $6 = ANY(b.recent) OR b.due <= now() + $3 * ($4::integer - 1)
    AND (NOT $2 OR $5::integer > (
        SELECT count(*) FROM unnest(b.strangers) AS at WHERE at > now() - interval '1 day'))
RETURNING true"""

WAIT = """
SELECT extract(epoch FROM greatest(
    b.due - $3::interval * ($4::integer - 1),
    (SELECT at + interval '1 day' FROM unnest(b.strangers) AS at WHERE $2::boolean
     ORDER BY at DESC OFFSET $5::integer - 1 LIMIT 1)
) - now())::float8
FROM message_budget AS b WHERE b.user_id = $1"""

# One page of the table, by user; a row says nothing any more when nothing was written for a day. By their
# place in the table: as a join with the page, the planner reads the whole table for each page.
SWEEP = """
WITH page AS (
        SELECT user_id, due, ctid AS place FROM message_budget
        WHERE user_id > $1 ORDER BY user_id LIMIT 1000),
    gone AS (DELETE FROM message_budget WHERE due < now() - interval '1 day'
        AND ctid = ANY(ARRAY(SELECT place FROM page WHERE due < now() - interval '1 day')))
SELECT max(user_id) FROM page"""
SWEEP_SECONDS = 3600.0

LEAST_WAIT = 0.001


class Budgets:
    """The table of budgets."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        every = timedelta(seconds=settings.message_every_s)
        self._limits = (every, settings.message_burst, settings.strangers_per_day)

    async def spend(self, user_id: str, is_new: bool, message: str = "") -> None:
        """Counts one message, `is_new` one more stranger too; nothing where `message`, its name, has counted.

        Raises Refusal(LIMITED) and counts nothing.
        """
        if await self._db.fetchval(SPEND, user_id, is_new, *self._limits, message or None):
            return
        wait: float | None = await self._db.fetchval(WAIT, user_id, is_new, *self._limits)
        raise Refusal(reasons_pb2.REASON_LIMITED, retry_after=max(LEAST_WAIT, wait or 0.0))

    async def sweep(self) -> None:
        """Deletes the rows that say nothing any more, page by page."""
        last: str | None = ""
        while last is not None:
            last = await self._db.fetchval(SWEEP, last)

    async def run(self) -> None:
        """Does so for ever, every hour."""
        while True:
            try:
                await self.sweep()
            except Refusal as refusal:
                log(__name__).warning("sweep failed", reason=refusal.name)
            await asyncio.sleep(SWEEP_SECONDS)
