"""Reports: the operator's queue, and the evidence that reporters show.

Evidence is copied when a report is made, so that it is still there when the reporter or the other removes it.
What is shown is what the reporter himself can see; what could not be found there is kept as a bare id that is
not verified.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ringline import ids
from ringline.db import Connection, Database, Record
from ringline.refusal import Refusal
from ringline.v1 import records_pb2
from ringline.v1.reasons_pb2 import Reason
from services.policy import audit
from services.policy.sanctions import Sanctions

# Reports of one reporter come one after the other, so that he is never over his limit.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('report:' || $1, 0))"
KNOWN = "SELECT report_id FROM report WHERE reporter_id = $1 AND client_id = $2"
# The time of the report that must be a day old before the next one is welcome.
OLDEST_THAT_COUNTS = """
SELECT extract(epoch FROM at + interval '1 day' - now())::float8 FROM report
WHERE reporter_id = $1 AND at > now() - interval '1 day' ORDER BY at DESC OFFSET $2 - 1 LIMIT 1"""
FILE = """
INSERT INTO report (report_id, reporter_id, reported_id, client_id, category, words)
VALUES ($1, $2, $3, $4, $5, $6)"""
SHOW_ITEMS = """
INSERT INTO evidence (report_id, item_id, verified, at_ms, by_reported, words)
SELECT $1, * FROM unnest($2::text[], $3::boolean[], $4::bigint[], $5::boolean[], $6::text[])"""

HEAD = """
SELECT r.report_id, (extract(epoch FROM r.at) * 1000)::bigint, r.reporter_id, r.reported_id, r.category,
    r.state, r.taken_by, r.sanction, r.note,
    (SELECT count(*) FROM evidence AS e WHERE e.report_id = r.report_id),
    (SELECT count(DISTINCT o.reporter_id) FROM report AS o WHERE o.reported_id = r.reported_id),
    r.words
FROM report AS r"""
LIST = f"""{HEAD}
WHERE {{which}} AND ($2 = '' OR r.reported_id = $2) AND r.report_id > $3
ORDER BY r.report_id LIMIT $4"""
# The queue by its own index, however many are closed.
QUEUE = LIST.format(which="r.state <> 3 AND ($1 = 0 OR r.state = $1)")
CLOSED = LIST.format(which="r.state = $1")
ONE = f"{HEAD} WHERE r.report_id = $1"
EVIDENCE = """
SELECT item_id, verified, at_ms, by_reported, words FROM evidence WHERE report_id = $1
ORDER BY at_ms, item_id"""
TAKE = "UPDATE report SET state = 2, taken_by = $2 WHERE report_id = $1 AND state <> 3"
CLOSE = """
UPDATE report SET state = 3, taken_by = $2, note = $3, sanction = $4, closed_at = now()
WHERE report_id = $1 AND state <> 3"""
# The oldest page, for ids rise with time; by place in the table, so that nothing else is read.
SWEEP = """
DELETE FROM report WHERE ctid = ANY(ARRAY(
    SELECT place FROM (SELECT ctid AS place, at FROM report ORDER BY report_id LIMIT 1000) AS page
    WHERE at < now() - $1 * interval '1 day'))"""


class Item(NamedTuple):
    """One piece of evidence as it is kept."""

    item_id: str
    verified: bool
    at_ms: int
    by_reported: bool
    words: str


class Reports:
    """The tables of reports and evidence."""

    def __init__(self, db: Database, sanctions: Sanctions, per_day: int, keep_days: int) -> None:
        self._db = db
        self._sanctions = sanctions
        self._per_day = per_day
        self._keep_days = keep_days

    async def known(self, request: records_pb2.ReportRequest) -> str:
        """The report that was made under this client_id; empty where there is none."""
        found: str | None = await self._db.fetchval(KNOWN, request.user_id, request.client_id)
        return found or ""

    async def file(self, request: records_pb2.ReportRequest, items: Sequence[Item]) -> str:
        """Takes a report; answers its id. Raises Refusal(LIMITED) and keeps nothing."""
        async with self._db.transaction() as con:
            await con.execute(ALONE, request.user_id)
            if request.client_id:
                known: str | None = await con.fetchval(KNOWN, request.user_id, request.client_id)
                if known:
                    return known
            wait: float | None = await con.fetchval(OLDEST_THAT_COUNTS, request.user_id, self._per_day)
            if wait is not None:
                raise Refusal(Reason.REASON_LIMITED, retry_after=max(0.001, wait))
            report_id = ids.mint("r_")
            await con.execute(
                FILE,
                report_id,
                request.user_id,
                request.other_user_id,
                request.client_id or None,
                request.category,
                request.text,
            )
            if items:
                await con.execute(SHOW_ITEMS, report_id, *map(list, zip(*items, strict=True)))
            return report_id

    async def page(self, request: records_pb2.ListReportsRequest) -> records_pb2.ListReportsResponse:
        """The queue, the oldest first."""
        sql = CLOSED if request.state == records_pb2.REPORT_STATE_CLOSED else QUEUE
        rows = await self._db.fetch(sql, request.state, request.reported_id, request.after, request.limit)
        following = rows[-1][0] if len(rows) == request.limit else ""
        return records_pb2.ListReportsResponse(reports=map(_head, rows), next=following)

    async def show(self, report_id: str, operator: records_pb2.Operator) -> records_pb2.ShowReportResponse:
        """A report with all that belongs to it; the look is in the audit."""
        async with self._db.transaction() as con:
            row = await _one(con, report_id)
            evidence = await con.fetch(EVIDENCE, report_id)
            await audit.note(con, operator, "report.show", report_id)
        return records_pb2.ShowReportResponse(
            report=_head(row),
            text=row[-1],
            evidence=[
                records_pb2.Evidence(item_id=item, verified=verified, at_ms=at, by_reported=by, text=words)
                for item, verified, at, by, words in evidence
            ],
        )

    async def take(self, report_id: str, operator: records_pb2.Operator) -> records_pb2.ReportHead:
        """Says who works on it."""
        async with self._db.transaction() as con:
            await _change(con, TAKE, report_id, operator.name.strip())
            await audit.note(con, operator, "report.take", report_id)
            return _head(await _one(con, report_id))

    async def close(self, request: records_pb2.CloseReportRequest) -> records_pb2.ReportHead:
        """Closes it, and begins what follows from it, both or neither."""
        operator, report_id = request.operator, request.report_id
        async with self._db.transaction() as con:
            await _change(
                con, CLOSE, report_id, operator.name.strip(), operator.why.strip(), request.sanction
            )
            head = _head(await _one(con, report_id))
            if request.sanction:
                await self._sanctions.impose(con, head.reported_id, request.sanction, request.days, report_id)
            await audit.note(con, operator, "report.close", report_id)
        return head

    async def lift(self, user_id: str, operator: records_pb2.Operator) -> int:
        """Ends the sanctions of somebody; answers how many were in force."""
        async with self._db.transaction() as con:
            lifted = await self._sanctions.lift(con, user_id)
            await audit.note(con, operator, "sanction.lift", user_id)
        return lifted

    async def sweep(self) -> None:
        """Erases reports, with their words and evidence, when they are old enough."""
        while await self._db.execute(SWEEP, self._keep_days):
            pass


async def _change(con: Connection, sql: str, report_id: str, *values: object) -> None:
    if await con.execute(sql, report_id, *values) == "UPDATE 0":
        await _one(con, report_id)
        raise Refusal(Reason.REASON_INVALID, "The report is closed.")


async def _one(con: Connection, report_id: str) -> Record:
    row = await con.fetchrow(ONE, report_id)
    if row is None:
        raise Refusal(Reason.REASON_INVALID, "There is no such report.")
    return row


def _head(row: Record) -> records_pb2.ReportHead:
    (
        report_id,
        at_ms,
        reporter,
        reported,
        category,
        state,
        taken_by,
        sanction,
        note,
        evidence,
        reporters,
        _,
    ) = row
    return records_pb2.ReportHead(
        report_id=report_id,
        at_ms=at_ms,
        reporter_id=reporter,
        reported_id=reported,
        category=records_pb2.ReportCategory.ValueType(category),
        state=records_pb2.ReportState.ValueType(state),
        taken_by=taken_by,
        sanction=records_pb2.Sanction.ValueType(sanction),
        note=note,
        evidence=evidence,
        reporters=reporters,
    )
