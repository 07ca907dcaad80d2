"""The records of one pod, as the gateway and the operator ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from ringline.v1 import records_pb2
from ringline.v1.records_pb2_grpc import RecordsStub
from tests.service.pods import channel_to
from tests.service.policy.conftest import Policy

if TYPE_CHECKING:  # this class is in the stub files only
    from ringline.v1.records_pb2_grpc import RecordsAsyncStub

EVE = records_pb2.Operator(name="eve", why="ticket 7")
"""Somebody who operates."""


class Records:
    """What is asked."""

    def __init__(self, gateway: RecordsAsyncStub, operator: RecordsAsyncStub) -> None:
        self.gateway = gateway
        self.operator = operator

    async def attempts(
        self, user_id: str, before: int = 0, limit: int = 200
    ) -> records_pb2.ListAttemptsResponse:
        """What a callee sees of calls that he did not hear."""
        return await self.gateway.ListAttempts(
            records_pb2.ListAttemptsRequest(user_id=user_id, before=before, limit=limit)
        )

    async def report(self, user_id: str, other_user_id: str, **more: object) -> str:
        """Reports somebody, for spam where nothing else is said."""
        request = records_pb2.ReportRequest(
            user_id=user_id, other_user_id=other_user_id, category=records_pb2.REPORT_CATEGORY_SPAM
        )
        request.MergeFrom(records_pb2.ReportRequest(**more))  # type: ignore[arg-type]
        return (await self.gateway.Report(request)).report_id

    async def trace(self, call_id: str) -> list[records_pb2.KeptVerdict]:
        """The verdicts on a call, for the operator."""
        request = records_pb2.TraceRequest(call_id=call_id, operator=EVE)
        return list((await self.operator.Trace(request)).verdicts)

    async def audit(self) -> list[tuple[str, str]]:
        """What was looked at and done, newest first."""
        answer = await self.operator.ListAudit(records_pb2.ListAuditRequest(limit=200))
        return [(entry.what, entry.about) for entry in answer.entries]

    async def show(self, report_id: str) -> records_pb2.ShowReportResponse:
        """A report with all that belongs to it."""
        return await self.operator.ShowReport(
            records_pb2.ShowReportRequest(report_id=report_id, operator=EVE)
        )

    async def close(
        self,
        report_id: str,
        sanction: records_pb2.Sanction.ValueType = records_pb2.SANCTION_UNSPECIFIED,
        days: int = 0,
    ) -> records_pb2.ReportHead:
        """Closes a report."""
        request = records_pb2.CloseReportRequest(
            report_id=report_id, operator=EVE, sanction=sanction, days=days
        )
        return (await self.operator.CloseReport(request)).report

    async def queue(self, **more: object) -> list[records_pb2.ReportHead]:
        """The queue."""
        request = records_pb2.ListReportsRequest(limit=200, **more)  # type: ignore[arg-type]
        return list((await self.operator.ListReports(request)).reports)


@asynccontextmanager
async def records_of(policy: Policy) -> AsyncIterator[Records]:
    """The records of this pod."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(channel_to(policy.node, caller))
            for caller in ("gateway", "operator")
        ]
        yield Records(*map(RecordsStub, channels))


async def attempts_until(
    records: Records, user_id: str, count: int, within: float = 10.0
) -> list[records_pb2.RefusedAttempt]:
    """What a callee sees, when so many attempts are listed: they are written beside the answers."""
    async with asyncio.timeout(within):
        while True:
            found = (await records.attempts(user_id)).attempts
            if len(found) >= count:
                return list(found)
            await asyncio.sleep(0.02)


async def traced_until(
    records: Records, call_id: str, count: int, within: float = 10.0
) -> list[records_pb2.KeptVerdict]:
    """The verdicts on a call, when there are so many."""
    async with asyncio.timeout(within):
        while True:
            found = await records.trace(call_id)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)
