"""REST: reports, and the calls of which one did not hear."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringline.v1 import records_pb2
from services.gateway import record_shapes, shapes
from services.gateway.edge import Here, Me
from services.gateway.profiles import profiles_of

REPORT_SECONDS = 5.0
"""A report is answered when its evidence is copied and, where wanted, the gate is closed."""

router = APIRouter(prefix="/v1", tags=["people"])

Before = Annotated[int, Query(ge=0, lt=shapes.INT64, description="`next` of the page before.")]


@router.get("/me/refused-attempts")
async def refused_attempts(
    edge: Here, me: Me, before: Before = 0, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> record_shapes.RefusedAttempts:
    """Calls of which one did not hear, with what settled each: own rules, or the operator; newest first."""
    request = records_pb2.ListAttemptsRequest(user_id=me.user_id, before=before, limit=limit)
    answer = await edge.records.ListAttempts(request)
    people = await profiles_of(edge, (attempt.caller_id for attempt in answer.attempts))
    attempts = [
        record_shapes.RefusedAttempt(
            person=people[attempt.caller_id],
            at_ms=attempt.at_ms,
            video=attempt.video,
            reason=attempt.rule,
        )
        for attempt in answer.attempts
        if attempt.caller_id in people
    ]
    return record_shapes.RefusedAttempts(attempts=attempts, next=answer.next)


@router.post("/me/reports", status_code=201)
async def report(edge: Here, me: Me, wish: record_shapes.NewReport) -> record_shapes.ReportMade:
    """Reports somebody to whoever runs this installation."""
    other = (await edge.resolve(me, wish.username)).profile.user_id
    answer = await edge.records.Report(wish.to_proto(me.user_id, other), timeout=REPORT_SECONDS)
    return record_shapes.ReportMade(report_id=answer.report_id)
