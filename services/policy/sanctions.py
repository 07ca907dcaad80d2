"""Sanctions: what the operator does not let somebody do for a while, after a report.

They are the caller's own fault, so they are said at once, and they end by time or by the operator. Who is a
**stranger** to the sanctioned person goes by what he can see: whether the other shows him his presence. By
the graph alone it would tell him who blocks him (as with the budget of new strangers, messages.py).
"""

from collections.abc import Sequence
from typing import NamedTuple

from ringline.db import Connection, Database
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, reasons_pb2, records_pb2
from ringline.v1.records_pb2 import Sanction
from services.policy.rule import REFUSES
from services.policy.rules import Standing, shows_presence

MOST = 1_000
LONGEST_WAIT = 30 * 24 * 3600.0
"""Seconds that a refusal says at most: it counts milliseconds in 32 bits."""

# Scalar subqueries: a probe of the primary key each. Ends in Unix seconds, on the database's clock.
UNTIL = "(SELECT s.until FROM sanction AS s WHERE s.user_id = q.user_id AND s.kind = {} AND s.until > now())"
IN_FORCE = f"""
SELECT extract(epoch FROM {UNTIL.format(1)} - now())::float8,
    extract(epoch FROM {UNTIL.format(2)} - now())::float8
FROM unnest($1::text[]) WITH ORDINALITY AS q (user_id, n) ORDER BY q.n"""
# The later end of two sanctions of a kind counts.
IMPOSE = """
INSERT INTO sanction AS s (user_id, kind, until, report_id)
VALUES ($1, $2, now() + $3 * interval '1 day', $4)
ON CONFLICT (user_id, kind) DO UPDATE SET
    report_id = CASE WHEN s.until < excluded.until THEN excluded.report_id ELSE s.report_id END,
    until = greatest(s.until, excluded.until)"""
LIFT = """
WITH gone AS (DELETE FROM sanction WHERE user_id = $1 RETURNING until)
SELECT count(*) FROM gone WHERE until > now()"""
LIST = f"""
SELECT user_id, kind, (extract(epoch FROM until) * 1000)::bigint, report_id FROM sanction
WHERE until > now() AND ($1 = '' OR user_id = $1) ORDER BY until, user_id LIMIT {MOST}"""
SWEEP = "DELETE FROM sanction WHERE until < now()"


class Sanctioned(NamedTuple):
    """For how many seconds somebody may not do what; None where he may."""

    no_strangers: float | None
    no_calls: float | None


FREE = Sanctioned(None, None)


class Sanctions:
    """The table of sanctions."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def in_force(self, user_ids: Sequence[str]) -> list[Sanctioned]:
        """What these people may not do now, in their order."""
        return [Sanctioned(*row) for row in await self._db.fetch(IN_FORCE, user_ids)]

    async def impose(
        self, con: Connection, user_id: str, sanction: Sanction.ValueType, days: int, report_id: str
    ) -> None:
        """Begins a sanction, in the transaction that closes its report."""
        await con.execute(IMPOSE, user_id, sanction, days, report_id)

    async def lift(self, con: Connection, user_id: str) -> int:
        """Ends all sanctions of somebody; answers how many were in force."""
        lifted: int = await con.fetchval(LIFT, user_id)
        return lifted

    async def all(self, user_id: str = "") -> list[records_pb2.KeptSanction]:
        """Those in force, of everybody or of one."""
        return [
            records_pb2.KeptSanction(
                user_id=row[0], sanction=Sanction.ValueType(row[1]), until_ms=row[2], report_id=row[3]
            )
            for row in await self._db.fetch(LIST, user_id)
        ]

    async def sweep(self) -> None:
        """Deletes those that are over."""
        await self._db.execute(SWEEP)


def sanctioned(
    attempt: policy_pb2.Attempt,
    verdict: policy_pb2.Verdict,
    pair: directory_pb2.PairAnswer,
    standing: Standing,
    caller: Sanctioned,
) -> policy_pb2.Verdict:
    """The verdict, or the refusal that a sanction of the caller makes of it."""
    if caller == FREE or attempt.act != policy_pb2.ACT_PLACE:
        return verdict
    if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
        return verdict
    if caller.no_calls is not None:
        return _refused("sanction.no_calls", caller.no_calls, verdict)
    is_known = shows_presence(pair.other_to_user, standing.blocked or standing.blocking)
    if caller.no_strangers is not None and not is_known:
        return _refused("sanction.no_strangers", caller.no_strangers, verdict)
    return verdict


def _refused(rule: str, seconds: float, verdict: policy_pb2.Verdict) -> policy_pb2.Verdict:
    refusal = Refusal(reasons_pb2.REASON_SUSPENDED, retry_after=min(seconds, LONGEST_WAIT))
    refused = policy_pb2.Verdict(
        outcome=policy_pb2.OUTCOME_REFUSED,
        refused=refusal.to_proto(),
        caller=verdict.caller,
        callee=verdict.callee,
        rules_version=verdict.rules_version,
        entitlements_version=verdict.entitlements_version,
    )
    refused.trace.add(rule=rule, held=True, effect=REFUSES)
    return refused
