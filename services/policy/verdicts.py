"""Verdicts are kept: what was wanted, what came out, and by which rule.

They are written beside the answer and in batches: a verdict takes as long as it did without, and as long
whatever it is. So a verdict may be lost with its process, and the figure below counts those for which there
was no room. What a call's id is to signaling, its attempt's is here (`ringline.ids.attempt_of`).

**What the callee may see of it**: calls of which he did not hear because of his own settings or his own
blocks, and because of what others did to him. Not those of somebody who blocks him: that is the other's
business, and nothing that was done tells him of it. What the operator keeps away has one name for him,
whichever rule or switch it was: that is a word about the service and not about the caller.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import Counter

from ringline.db import Database
from ringline.ids import attempt_of, mint_call
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import policy_pb2, records_pb2, types_pb2
from services.policy.callee import BLOCKING
from services.policy.rule import LIMITS
from services.policy.rules import NOT_RECEIVING, STRANGERS_OFF

HIDDEN = frozenset({BLOCKING.name})
"""What settled it and is no business of the callee."""

OPERATOR = "operator"
"""What the callee is told where the operator kept a call away."""
BY_OPERATOR = frozenset({NOT_RECEIVING.name, STRANGERS_OFF.name})

LOST = Counter("ringline_verdicts_not_kept_total", "Verdicts for which there was no room in the queue.")

ROOM = 20_000
"""Verdicts that wait to be written at most: a minute of many calls, while the database is away."""
MOST_MEDIA = 50
"""Changes of media that a process keeps of one call; somebody may turn his camera on ten times a second."""
MOST_CALLS = 10_000
"""Calls of which a process knows how many it kept."""
BATCH = 500
WRITE_SECONDS = 0.25
"""Verdicts wait for each other so long."""
CLOSE_SECONDS = 3.0
SWEEP_SECONDS = 600.0
NEWEST = 2**63 - 1

KEEP = """
INSERT INTO kept_verdict (call_id, act, at, caller_id, callee_id, audio, video, rule, shown, verdict)
SELECT call_id, act, to_timestamp(at), caller_id, callee_id, audio, video, rule, shown, verdict
FROM unnest($1::text[], $2::smallint[], $3::float8[], $4::text[], $5::text[], $6::boolean[], $7::boolean[],
    $8::text[], $9::boolean[], $10::bytea[])
    AS kept (call_id, act, at, caller_id, callee_id, audio, video, rule, shown, verdict)
ON CONFLICT (call_id) WHERE act = 1 DO NOTHING"""

AT_MS = "(extract(epoch FROM at) * 1000)::bigint"
SHOWN = f"""
SELECT number, caller_id, {AT_MS}, video, rule FROM kept_verdict
WHERE callee_id = $1 AND shown AND number < $2 AND at > now() - $4 * interval '1 day'
ORDER BY number DESC LIMIT $3"""
OF_CALL = f"""
SELECT number, {AT_MS}, act, caller_id, callee_id, audio, video, verdict FROM kept_verdict
WHERE call_id = $1 AND act = 1
UNION ALL
SELECT number, {AT_MS}, act, caller_id, callee_id, audio, video, verdict FROM kept_verdict
WHERE call_id = $1 AND act <> 1
ORDER BY 2, 1"""
# Where a call was placed, and by whom; a call between these two only.
PLACED = f"""
SELECT call_id, {AT_MS}, caller_id FROM kept_verdict
WHERE call_id = ANY($1) AND act = 1 AND ARRAY[caller_id, callee_id] <@ $2::text[]"""
# The oldest page, by place in the table: by number, the planner reads the whole table for it.
SWEEP = """
DELETE FROM kept_verdict WHERE ctid = ANY(ARRAY(
    SELECT place FROM (SELECT ctid AS place, at FROM kept_verdict ORDER BY number LIMIT 5000) AS page
    WHERE at < now() - $1 * interval '1 day'))"""


class Kept(NamedTuple):
    """A row on its way."""

    call_id: str
    act: int
    at: float
    caller_id: str
    callee_id: str
    audio: bool
    video: bool
    rule: str
    shown: bool
    verdict: bytes


class PlacedCall(NamedTuple):
    """That somebody placed a call, and when (Unix milliseconds)."""

    at_ms: int
    caller_id: str


class Verdicts:
    """The table of verdicts, and the queue in front of it."""

    def __init__(self, db: Database, keep_days: int, room: int = ROOM) -> None:
        self._db = db
        self._keep_days = keep_days
        self._room = room
        self._waiting: deque[Kept] = deque()
        self._media: dict[str, int] = {}
        """How many changes of media were kept of a call, the last one that changed at the end."""
        self._writing = asyncio.Lock()

    def keep(self, attempt: policy_pb2.Attempt, verdict: policy_pb2.Verdict) -> None:
        """Keeps a verdict, soon; never waits. A Place that is refused becomes no call, and nobody knows an id
        by which to ask for it: a client that tries again and again would fill the table with them.
        """
        if attempt.act == policy_pb2.ACT_PLACE and verdict.outcome == policy_pb2.OUTCOME_REFUSED:
            return
        if attempt.act != policy_pb2.ACT_PLACE and not self._is_one_more(attempt.call_id):
            return
        if len(self._waiting) >= self._room:
            LOST.inc()
            return
        self._waiting.append(kept(attempt, verdict, time.time()))

    def _is_one_more(self, call_id: str) -> bool:
        """Whether one more change of media in this call is kept."""
        kept = self._media.pop(call_id, 0)
        self._media[call_id] = kept + 1
        if len(self._media) > MOST_CALLS:
            del self._media[next(iter(self._media))]
        return kept < MOST_MEDIA

    async def shown_to(self, callee_id: str, before: int, limit: int) -> records_pb2.ListAttemptsResponse:
        """What a callee may see of calls that he did not hear, newest first."""
        rows = await self._db.fetch(SHOWN, callee_id, before or NEWEST, limit, self._keep_days)
        attempts = [
            records_pb2.RefusedAttempt(
                caller_id=caller_id, at_ms=at_ms, video=video, rule=OPERATOR if rule in BY_OPERATOR else rule
            )
            for _, caller_id, at_ms, video, rule in rows
        ]
        following = rows[-1][0] if len(rows) == limit else 0
        return records_pb2.ListAttemptsResponse(attempts=attempts, next=following)

    async def of_call(self, call_id: str) -> list[records_pb2.KeptVerdict]:
        """Every verdict on a call, in order."""
        found = []
        for row in await self._db.fetch(OF_CALL, attempt_of(call_id)):
            _, at_ms, act, caller_id, callee_id, audio, video, body = row
            found.append(
                records_pb2.KeptVerdict(
                    at_ms=at_ms,
                    act=policy_pb2.Act.ValueType(act),
                    caller_id=caller_id,
                    callee_id=callee_id,
                    kinds=types_pb2.Kinds(audio=audio, video=video),
                    verdict=policy_pb2.Verdict.FromString(body),
                )
            )
        return found

    async def placed(self, call_ids: Sequence[str], one: str, other: str) -> dict[str, PlacedCall]:
        """Of some calls, those that one of these two placed to the other."""
        by_attempt = {attempt_of(call_id): call_id for call_id in call_ids}
        rows = await self._db.fetch(PLACED, list(by_attempt), [one, other])
        return {by_attempt[row[0]]: PlacedCall(row[1], row[2]) for row in rows}

    async def write(self) -> None:
        """Writes what waits. Raises Refusal (UNAVAILABLE), and forgets nothing then."""
        async with self._writing:
            while self._waiting:
                batch = list(itertools.islice(self._waiting, BATCH))
                await self._db.execute(KEEP, *map(list, zip(*batch, strict=True)))
                for _ in batch:
                    self._waiting.popleft()

    async def sweep(self) -> None:
        """Deletes what is too old."""
        while await self._db.execute(SWEEP, self._keep_days):
            pass

    async def run(self) -> None:
        """Writes for ever; an outage only makes it late."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self.write()
            except Refusal as refusal:
                log(__name__).warning("verdicts not written", reason=refusal.name)

    async def run_sweeps(self) -> None:
        """Sweeps for ever."""
        while True:
            try:
                await self.sweep()
            except Refusal as refusal:
                log(__name__).warning("sweep failed", reason=refusal.name)
            await asyncio.sleep(SWEEP_SECONDS)

    async def aclose(self) -> None:
        """Writes the rest, where the database is there."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.write()
        except (Refusal, TimeoutError):
            log(__name__).warning("verdicts lost", count=len(self._waiting))


def kept(attempt: policy_pb2.Attempt, verdict: policy_pb2.Verdict, at: float) -> Kept:
    """A verdict as it is kept, made at a time in Unix seconds."""
    bare = policy_pb2.Verdict()
    bare.CopyFrom(verdict)
    for field in ("id", "caller", "callee"):
        bare.ClearField(field)
    rule = decisive(verdict)
    is_placing = attempt.act == policy_pb2.ACT_PLACE
    is_unheard = verdict.outcome == policy_pb2.OUTCOME_UNHEARD
    return Kept(
        attempt_of(attempt.call_id) or mint_call(),
        attempt.act,
        at,
        attempt.caller_id,
        verdict.callee.user_id or attempt.callee_id,
        attempt.kinds.audio,
        attempt.kinds.video,
        rule,
        is_placing and is_unheard and rule not in HIDDEN,
        bare.SerializeToString(),
    )


def decisive(verdict: policy_pb2.Verdict) -> str:
    """The rule that settled a verdict."""
    settling = (
        step.rule for step in reversed(verdict.trace) if step.held and step.effect not in ("", LIMITS)
    )
    return next(settling, "")
