"""The audit: what the operator's people looked at and did, who and why. Written in the transaction of the act
itself, so there is no look without its entry.
"""

from ringline.db import Connection, Database
from ringline.refusal import Refusal
from ringline.v1 import records_pb2
from ringline.v1.reasons_pb2 import Reason

LONGEST_NAME = 64
LONGEST_WHY = 500
NEWEST = 2**63 - 1
NOT_SAID = "-"

NOTE = "INSERT INTO audit (operator, why, what, about) VALUES ($1, $2, $3, $4)"
LIST = """
SELECT number, (extract(epoch FROM at) * 1000)::bigint, operator, why, what, about FROM audit
WHERE number < $1 ORDER BY number DESC LIMIT $2"""
# The oldest page, by place in the table: by number, the planner reads the whole table for it.
SWEEP = """
DELETE FROM audit WHERE ctid = ANY(ARRAY(
    SELECT place FROM (SELECT ctid AS place, at FROM audit ORDER BY number LIMIT 5000) AS page
    WHERE at < now() - $1 * interval '1 day'))"""


def check_operator(operator: records_pb2.Operator) -> None:
    """Raises Refusal(INVALID) unless somebody says who he is, and why he looks."""
    if not 1 <= len(operator.name.strip()) <= LONGEST_NAME:
        raise Refusal(Reason.REASON_INVALID, f"Say who looks, in 1 to {LONGEST_NAME} characters.")
    if not 1 <= len(operator.why.strip()) <= LONGEST_WHY:
        raise Refusal(Reason.REASON_INVALID, f"Say why, in 1 to {LONGEST_WHY} characters.")


def operator_of(by: str, why: str) -> records_pb2.Operator:
    """Who acts where commands of earlier releases say neither who nor why: that is in the audit, too.
    Raises Refusal(INVALID) where either is too long.
    """
    operator = records_pb2.Operator(name=by.strip() or NOT_SAID, why=why.strip() or NOT_SAID)
    check_operator(operator)
    return operator


async def note(con: Connection | Database, operator: records_pb2.Operator, what: str, about: str) -> None:
    """Writes an entry."""
    await con.execute(NOTE, operator.name.strip(), operator.why.strip(), what, about)


class Audit:
    """The table of the audit, read."""

    def __init__(self, db: Database, keep_days: int) -> None:
        self._db = db
        self._keep_days = keep_days

    async def page(self, before: int, limit: int) -> records_pb2.ListAuditResponse:
        """What was looked at and done, newest first."""
        rows = await self._db.fetch(LIST, before or NEWEST, limit)
        entries = [
            records_pb2.AuditEntry(
                at_ms=at_ms,
                operator=records_pb2.Operator(name=name, why=why),
                what=what,
                about=about,
            )
            for _, at_ms, name, why, what, about in rows
        ]
        following = rows[-1][0] if len(rows) == limit else 0
        return records_pb2.ListAuditResponse(entries=entries, next=following)

    async def sweep(self) -> None:
        """Deletes what is too old."""
        while await self._db.execute(SWEEP, self._keep_days):
            pass
