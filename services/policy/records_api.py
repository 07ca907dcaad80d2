"""The gRPC methods of the records: verdicts that are kept, reports, and what the operator does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from grpc import aio

from ringline import ids
from ringline.db import Database
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import conversations_pb2, records_pb2, records_pb2_grpc, threads_pb2
from ringline.v1.reasons_pb2 import Reason
from services.policy import audit
from services.policy.gates import Gates
from services.policy.operator_store import Samples
from services.policy.reports import Item, Reports
from services.policy.ringing import REPORTED
from services.policy.ringing_store import Rings
from services.policy.rules import check_client_id, check_two, check_user
from services.policy.sanctions import Sanctions
from services.policy.settings import Settings
from services.policy.store import Store
from services.policy.verdicts import Verdicts

if TYPE_CHECKING:  # this class is in the stub files only
    from ringline.v1.conversations_pb2_grpc import ConversationsAsyncStub

MOST = 200
"""On a page."""
MOST_ITEMS = 20
"""Calls, and messages, in one report."""
LONGEST_TEXT = 1_000
LONGEST_SANCTION_DAYS = 3_650
FIND_SECONDS = 1.5
SWEEP_SECONDS = 3600.0


class RecordsApi(records_pb2_grpc.RecordsServicer):
    """The servicer."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        store: Store,
        gates: Gates,
        rings: Rings,
        conversations: ConversationsAsyncStub | None,
    ) -> None:
        self._db = db
        self._store = store
        self._gates = gates
        self._rings = rings
        self._conversations = conversations
        self._audit = audit.Audit(db, settings.audit_days)
        self.verdicts = Verdicts(db, settings.verdict_days)
        self.sanctions = Sanctions(db)
        self._samples = Samples(db, settings.verdict_days)
        self._reports = Reports(db, self.sanctions, settings.reports_per_day, settings.report_days)

    async def run_sweeps(self) -> None:
        """Deletes what is old enough, for ever, every hour."""
        while True:
            try:
                for table in (self._reports, self.sanctions, self._samples, self._audit):
                    await table.sweep()
            except Refusal as refusal:
                log(__name__).warning("sweep failed", reason=refusal.name)
            await asyncio.sleep(SWEEP_SECONDS)

    async def ListAttempts(
        self,
        request: records_pb2.ListAttemptsRequest,
        context: aio.ServicerContext[records_pb2.ListAttemptsRequest, records_pb2.ListAttemptsResponse],
    ) -> records_pb2.ListAttemptsResponse:
        """Answers a callee's attempts of which he did not hear."""
        check_user(request.user_id)
        _check_limit(request.limit)
        return await self.verdicts.shown_to(request.user_id, _within(request.before), request.limit)

    async def Report(
        self,
        request: records_pb2.ReportRequest,
        context: aio.ServicerContext[records_pb2.ReportRequest, records_pb2.ReportResponse],
    ) -> records_pb2.ReportResponse:
        """Takes a report; blocks first where that is wanted, so that nothing else can hold it up."""
        _check_report(request)
        if request.block:
            await self._store.block(request.user_id, request.other_user_id)
            await self._gates.settle(request.user_id, request.other_user_id)
        report_id = await self._reports.known(request) if request.client_id else ""
        if not report_id:
            report_id = await self._reports.file(request, await self._evidence(request))
            await self._rings.unwelcome(request.other_user_id, request.user_id, REPORTED)
        return records_pb2.ReportResponse(report_id=report_id)

    async def _evidence(self, request: records_pb2.ReportRequest) -> list[Item]:
        """What the reporter shows, as it stands in his thread, or as policy knows of the call."""
        wanted = list(dict.fromkeys((*request.call_ids, *request.message_ids)))
        if not wanted:
            return []
        reporter, reported = request.user_id, request.other_user_id
        entries, placed = await asyncio.gather(
            self._entries(reporter, reported, wanted),
            self.verdicts.placed(request.call_ids, reporter, reported),
        )
        items = {item_id: Item(item_id, False, 0, False, "") for item_id in wanted}
        for call_id, call in placed.items():
            items[call_id] = Item(call_id, True, call.at_ms, call.caller_id == reported, "")
        for entry in entries:
            message, call_id = entry.message, entry.call.call_id
            item_id = message.message_id or call_id
            is_his = not (entry.call.outgoing if call_id else message.outgoing)
            if item_id in items:
                items[item_id] = Item(item_id, True, entry.at_ms, is_his, message.text)
        return list(items.values())

    async def _entries(
        self, reporter: str, reported: str, item_ids: Sequence[str]
    ) -> Iterable[threads_pb2.Entry]:
        """What of these the reporter sees in his thread with the other."""
        if self._conversations is None:
            return ()
        request = conversations_pb2.FindEntriesRequest(
            user_id=reporter, other_user_id=reported, item_ids=item_ids
        )
        return (await self._conversations.FindEntries(request, timeout=FIND_SECONDS)).entries

    async def Trace(
        self,
        request: records_pb2.TraceRequest,
        context: aio.ServicerContext[records_pb2.TraceRequest, records_pb2.TraceResponse],
    ) -> records_pb2.TraceResponse:
        """Answers the verdicts on a call; the look is noted first, whether or not anything is kept of it."""
        if not ids.is_id(request.call_id, "c_"):
            raise Refusal(Reason.REASON_INVALID, "A call's id is needed.")
        audit.check_operator(request.operator)
        await audit.note(self._db, request.operator, "trace", request.call_id)
        return records_pb2.TraceResponse(verdicts=await self.verdicts.of_call(request.call_id))

    async def ListAudit(
        self,
        request: records_pb2.ListAuditRequest,
        context: aio.ServicerContext[records_pb2.ListAuditRequest, records_pb2.ListAuditResponse],
    ) -> records_pb2.ListAuditResponse:
        """Answers what the operator's people looked at and did."""
        _check_limit(request.limit)
        return await self._audit.page(_within(request.before), request.limit)

    async def ListReports(
        self,
        request: records_pb2.ListReportsRequest,
        context: aio.ServicerContext[records_pb2.ListReportsRequest, records_pb2.ListReportsResponse],
    ) -> records_pb2.ListReportsResponse:
        """Answers the queue."""
        _check_limit(request.limit)
        return await self._reports.page(request)

    async def ShowReport(
        self,
        request: records_pb2.ShowReportRequest,
        context: aio.ServicerContext[records_pb2.ShowReportRequest, records_pb2.ShowReportResponse],
    ) -> records_pb2.ShowReportResponse:
        """Answers a report with its words and evidence."""
        audit.check_operator(request.operator)
        return await self._reports.show(request.report_id, request.operator)

    async def TakeReport(
        self,
        request: records_pb2.TakeReportRequest,
        context: aio.ServicerContext[records_pb2.TakeReportRequest, records_pb2.TakeReportResponse],
    ) -> records_pb2.TakeReportResponse:
        """Says who works on a report."""
        audit.check_operator(request.operator)
        head = await self._reports.take(request.report_id, request.operator)
        return records_pb2.TakeReportResponse(report=head)

    async def CloseReport(
        self,
        request: records_pb2.CloseReportRequest,
        context: aio.ServicerContext[records_pb2.CloseReportRequest, records_pb2.CloseReportResponse],
    ) -> records_pb2.CloseReportResponse:
        """Closes a report."""
        audit.check_operator(request.operator)
        if request.sanction not in records_pb2.Sanction.values():
            raise Refusal(Reason.REASON_INVALID, "There is no such sanction.")
        if not (1 <= request.days <= LONGEST_SANCTION_DAYS if request.sanction else request.days == 0):
            raise Refusal(
                Reason.REASON_INVALID,
                f"A sanction has 1 to {LONGEST_SANCTION_DAYS} days, and nothing has none.",
            )
        return records_pb2.CloseReportResponse(report=await self._reports.close(request))

    async def ListSanctions(
        self,
        request: records_pb2.ListSanctionsRequest,
        context: aio.ServicerContext[records_pb2.ListSanctionsRequest, records_pb2.ListSanctionsResponse],
    ) -> records_pb2.ListSanctionsResponse:
        """Answers what people may not do for now."""
        return records_pb2.ListSanctionsResponse(sanctions=await self.sanctions.all(request.user_id))

    async def LiftSanctions(
        self,
        request: records_pb2.LiftSanctionsRequest,
        context: aio.ServicerContext[records_pb2.LiftSanctionsRequest, records_pb2.LiftSanctionsResponse],
    ) -> records_pb2.LiftSanctionsResponse:
        """Lifts somebody's sanctions."""
        check_user(request.user_id)
        audit.check_operator(request.operator)
        lifted = await self._reports.lift(request.user_id, request.operator)
        return records_pb2.LiftSanctionsResponse(lifted=lifted)


def _check_report(request: records_pb2.ReportRequest) -> None:
    """Raises Refusal where a report is malformed, or about oneself."""
    check_two(request.user_id, request.other_user_id)
    check_client_id(request.client_id)
    known = set(records_pb2.ReportCategory.values()) - {records_pb2.REPORT_CATEGORY_UNSPECIFIED}
    if request.category not in known:
        raise Refusal(Reason.REASON_INVALID, "A report says what it is about.")
    if len(request.text) > LONGEST_TEXT or "\0" in request.text:  # which the database takes no text with
        raise Refusal(Reason.REASON_INVALID, f"A report has at most {LONGEST_TEXT} characters, and no NUL.")
    _check_items(request.call_ids, "c_")
    _check_items(request.message_ids, "m_")


def _check_items(item_ids: Iterable[str], prefix: str) -> None:
    item_ids = list(item_ids)
    if len(item_ids) > MOST_ITEMS or not all(ids.is_id(one, prefix) for one in item_ids):
        raise Refusal(
            Reason.REASON_INVALID, f"A report shows at most {MOST_ITEMS} calls and messages, by id."
        )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise Refusal(Reason.REASON_INVALID, f"limit is 1 to {MOST}.")


def _within(number: int) -> int:
    """A number as the database takes it."""
    return min(number, 2**63 - 1)
