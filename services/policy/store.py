"""Settings, blocks and entitlements in Postgres. Nothing that makes a verdict is remembered.

A block is one row that says both what is wanted (`closed`; each wish is a `generation`) and how far signaling
has carried it out (`settled`). What is wanted counts for verdicts at once; what is not settled is carried out
in order, because there is only ever the newest wish. The row of a block that was lifted stays: its generation
goes on, so that signaling can tell a wish that comes late from the newest.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import NamedTuple

from ringline.db import Database
from ringline.refusal import Refusal
from ringline.v1 import reasons_pb2, records_pb2
from services.policy import audit, messages
from services.policy.callee import Audiences
from services.policy.callee_store import CHOICES, LAST_TRY, SETTINGS, audiences_of, choices_of, settings_of
from services.policy.operator_orders import OrderBook
from services.policy.operator_word import NONE
from services.policy.ringing import Kept
from services.policy.ringing_store import COLUMNS
from services.policy.rules import Entitled, Entitlements, Standing

# Subqueries: a probe of a primary key each, whatever the planner thinks of the size of a table. Nothing is
# flattened into a join, because each is scalar or has a limit. When somebody last tried is looked up only
# where it matters.
STANDINGS = f"""
SELECT q.n,
    (SELECT b.closed FROM block AS b WHERE b.user_id = q.callee AND b.other_user_id = q.caller),
    (SELECT b.closed FROM block AS b WHERE b.user_id = q.caller AND b.other_user_id = q.callee),
    (SELECT max(v.version) FROM entitlement_version AS v),
    (SELECT max(c.revision) FROM operator_change AS c),
    extract(epoch FROM now())::float8,
    CASE WHEN s.repeated THEN ({LAST_TRY} AND (t.name <> q.name OR q.name = '')) END,
    {COLUMNS.format(caller="q.caller", callee="q.callee")},
    p.*, s.*
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q (caller, callee, name, n)
LEFT JOIN LATERAL ({SETTINGS}) AS s ON true
LEFT JOIN LATERAL ({CHOICES}) AS p ON true"""

BLOCKED_AMONG = """
SELECT q.other FROM unnest($2::text[]) AS q (other)
WHERE (SELECT b.closed FROM block AS b WHERE b.user_id = q.other AND b.other_user_id = $1)
   OR (SELECT b.closed FROM block AS b WHERE b.user_id = $1 AND b.other_user_id = q.other)"""

MESSAGE_STANDINGS = """
SELECT q.n,
    (SELECT s.audiences FROM message_settings AS s WHERE s.user_id = q.receiver),
    (SELECT b.closed FROM block AS b WHERE b.user_id = q.receiver AND b.other_user_id = q.sender),
    (SELECT b.closed FROM block AS b WHERE b.user_id = q.sender AND b.other_user_id = q.receiver)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (sender, receiver, n)
ORDER BY q.n"""

MESSAGE_AUDIENCES = "SELECT audiences FROM message_settings WHERE user_id = $1"
SET_MESSAGE_AUDIENCES = """
INSERT INTO message_settings (user_id, audiences) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET audiences = excluded.audiences, changed_at = now()"""

# The number of a wish rises, also where the row was lost with a backup: it begins with the clock.
NUMBER = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
BLOCK = f"""
INSERT INTO block AS b (user_id, other_user_id, closed, generation) VALUES ($1, $2, true, {NUMBER})
ON CONFLICT (user_id, other_user_id) DO UPDATE SET
    closed = true, generation = greatest(b.generation + 1, excluded.generation), changed_at = now(),
    blocked_at = CASE WHEN b.closed THEN b.blocked_at ELSE now() END"""
UNBLOCK = f"""
UPDATE block SET closed = false, generation = greatest(generation + 1, {NUMBER}), changed_at = now()
WHERE user_id = $1 AND other_user_id = $2 AND closed"""
BLOCKS = """
SELECT other_user_id FROM block WHERE user_id = $1 AND closed
ORDER BY blocked_at DESC, other_user_id LIMIT 10000"""

# An unsettled row in the hands of its own RPC is younger than a second.
UNSETTLED = """
SELECT user_id, other_user_id FROM block
WHERE settled < generation AND changed_at < now() - interval '1 s'
ORDER BY changed_at LIMIT 100"""
WISH = """
SELECT closed, generation FROM block
WHERE user_id = $1 AND other_user_id = $2 AND settled < generation FOR UPDATE"""
SETTLE = "UPDATE block SET settled = generation WHERE user_id = $1 AND other_user_id = $2"

NEWEST = "SELECT max(version) FROM entitlement_version"
TIERS = "SELECT tier, place_audio, place_video FROM entitlement WHERE version = $1 ORDER BY tier"
NEW_VERSION = """
INSERT INTO entitlement_version (version) SELECT coalesce(max(version), 0) + 1 FROM entitlement_version
RETURNING version"""
SET_TIERS = """
INSERT INTO entitlement (version, tier, place_audio, place_video)
SELECT $1, * FROM unnest($2::text[], $3::boolean[], $4::boolean[])"""


class Pair(NamedTuple):
    """Who calls whom, or writes to whom."""

    caller_id: str
    callee_id: str
    name: str = ""
    """What the attempt to call is known by when it is asked about again."""


class Wish(NamedTuple):
    """What one user wants of the gate against another: closed or open, and the how many-th wish it is."""

    closed: bool
    generation: int


class Versioned(NamedTuple):
    """Entitlements and their version; 0 where the operator never said anything."""

    version: int
    by_tier: Entitlements


class Store:
    """The tables of policy."""

    def __init__(self, db: Database, orders: OrderBook) -> None:
        self._db = db
        self._orders = orders
        self._newest = Versioned(0, {})

    async def standings(self, pairs: Sequence[Pair]) -> list[Standing]:
        """What is known about each pair, in one statement: settings of the callee, blocks, entitlements."""
        callers = [pair.caller_id for pair in pairs]
        callees = [pair.callee_id for pair in pairs]
        rows = await self._db.fetch(STANDINGS, callers, callees, [pair.name for pair in pairs])
        version, entitlements = await self._version(rows[0][3] or 0) if rows else Versioned(0, {})
        orders = await self._orders.at(rows[0][4] or 0) if rows else NONE
        standings: list[Standing | None] = [None] * len(pairs)
        many = len(Kept._fields)
        for number, blocked, blocking, _, _, now, tried_at, *rest in rows:
            spent, chosen = rest[:many], rest[many:]
            standings[number - 1] = Standing(
                settings=settings_of(chosen[3:]),
                blocked=bool(blocked),
                blocking=bool(blocking),
                entitlements=entitlements,
                choices=choices_of(chosen[:3]),
                now=now,
                tried_at=tried_at,
                version=version,
                spent=Kept(*spent),
                orders=orders,
            )
        return [standing for standing in standings if standing is not None]

    async def message_standings(self, pairs: Sequence[Pair]) -> list[messages.Standing]:
        """What is known about each sender and receiver, in one statement: the receiver's settings, blocks."""
        senders = [pair.caller_id for pair in pairs]
        receivers = [pair.callee_id for pair in pairs]
        rows = await self._db.fetch(MESSAGE_STANDINGS, senders, receivers)
        return [
            messages.Standing(audiences_of(stored, messages.DEFAULT_AUDIENCES), bool(blocked), bool(blocking))
            for _, stored, blocked, blocking in rows
        ]

    async def message_audiences(self, user_id: str) -> Audiences:
        """Who may write to this user."""
        stored = await self._db.fetchval(MESSAGE_AUDIENCES, user_id)
        return audiences_of(stored, messages.DEFAULT_AUDIENCES)

    async def set_message_audiences(self, user_id: str, audiences: Audiences) -> None:
        """Sets who may write to this user."""
        await self._db.execute(SET_MESSAGE_AUDIENCES, user_id, sorted(audiences))

    async def block(self, user_id: str, other_user_id: str) -> None:
        """Notes a block, unsettled; verdicts see it from now on."""
        await self._db.execute(BLOCK, user_id, other_user_id)

    async def unblock(self, user_id: str, other_user_id: str) -> None:
        """Notes that a block is lifted, unsettled."""
        await self._db.execute(UNBLOCK, user_id, other_user_id)

    async def blocked_among(self, user_id: str, others: Sequence[str]) -> set[str]:
        """Those of the others who block this user or whom this user blocks."""
        return {row[0] for row in await self._db.fetch(BLOCKED_AMONG, user_id, others)}

    async def blocks(self, user_id: str) -> list[str]:
        """Those whom this user blocks, newest first."""
        return [row[0] for row in await self._db.fetch(BLOCKS, user_id)]

    async def unsettled(self) -> list[tuple[str, str]]:
        """Who blocked or unblocked whom, where signaling has not confirmed it; oldest first, at most 100."""
        return [(row[0], row[1]) for row in await self._db.fetch(UNSETTLED)]

    @asynccontextmanager
    async def settling(self, user_id: str, other_user_id: str) -> AsyncIterator[Wish | None]:
        """Holds the row while its wish is carried out; None where it was.

        Settled when the block ends; still unsettled where it raises. Another wish for the same row waits.
        """
        async with self._db.transaction() as con:
            row = await con.fetchrow(WISH, user_id, other_user_id)
            yield Wish(*row) if row else None
            if row:
                await con.execute(SETTLE, user_id, other_user_id)

    async def entitlements(self) -> Versioned:
        """What each tier may do, as it is now."""
        return await self._version(await self._db.fetchval(NEWEST) or 0)

    async def set_entitlements(
        self, by_tier: Mapping[str, Entitled], operator: records_pb2.Operator, made_of: int | None = None
    ) -> int:
        """Replaces what each tier may do; answers the new version. The act is in the audit. Raises
        Refusal(STALE) where they were made of a version that is in force no more.
        """
        async with self._db.transaction() as con:
            await con.execute("LOCK TABLE entitlement_version IN SHARE ROW EXCLUSIVE MODE")
            if made_of is not None and made_of != (await con.fetchval(NEWEST) or 0):
                raise Refusal(reasons_pb2.REASON_STALE, "Somebody else changed it meanwhile.")
            version: int = await con.fetchval(NEW_VERSION)
            audio = [row.audio for row in by_tier.values()]
            video = [row.video for row in by_tier.values()]
            await con.execute(SET_TIERS, version, list(by_tier), audio, video)
            await audit.note(con, operator, "entitlements.set", str(version))
        return version

    async def _version(self, version: int) -> Versioned:
        """One version. It never changes: the last one is kept. Which one is in force is always asked."""
        if version != self._newest.version:
            rows = await self._db.fetch(TIERS, version)
            by_tier = {tier: Entitled(audio, video) for tier, audio, video in rows}
            self._newest = Versioned(version, MappingProxyType(by_tier))
        return self._newest
