"""REST: how a call was, as the device saw it. Sums are kept and nothing else: not who, not with whom, not
where.
"""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from prometheus_client import Counter, Histogram
from pydantic import Field

from ringline.refusal import Refusal
from ringline.telemetry import SECONDS
from ringline.v1.reasons_pb2 import Reason
from services.gateway.edge import Here, Me
from services.gateway.shapes import Body

router = APIRouter(prefix="/v1", tags=["calls"])

QUALITY_BURST, QUALITY_EVERY_S = 30, 20.0
"""A user ends no more calls than that, whatever he does."""
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

REPORTS = Counter(
    "ringline_quality_reports_total",
    "Calls of which a device said how they were, by the way of the media and the codec of the picture.",
    ["path", "codec"],
)
ROUND_TRIP = Histogram(
    "ringline_quality_round_trip_seconds", "Time of a packet there and back.", ["path"], buckets=SECONDS
)
JITTER = Histogram("ringline_quality_jitter_seconds", "How unevenly packets came.", ["path"], buckets=SECONDS)
LOSS = Histogram(
    "ringline_quality_loss_ratio", "Share of the packets that were lost.", ["path"], buckets=SHARES
)
FIRST_AUDIO = Histogram(
    "ringline_quality_first_audio_seconds",
    "Time from the answer until sound of the other side came.",
    ["path"],
    buckets=SECONDS,
)
RESTARTS = Counter("ringline_quality_restarts_total", "New paths that were sought during calls.", ["path"])

Milliseconds = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]


class CallQuality(Body):
    """How a call was, said by a device when it is over. What the device does not know is absent."""

    relayed: bool = Field(description="Media went through the relay.")
    codec: Literal["none", "vp8", "vp9", "h264", "h265", "av1", "other"] = Field(
        "none", description="Of the picture that came; none where none came."
    )
    round_trip_ms: Milliseconds | None = None
    jitter_ms: Milliseconds | None = None
    loss: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    first_audio_ms: Milliseconds | None = Field(
        None, description="From the answer until sound of the other side came."
    )
    restarts: int = Field(0, ge=0, le=100, description="How often a new path was sought.")


@router.post("/me/call-quality", status_code=204)
async def report_quality(edge: Here, me: Me, said: CallQuality) -> Response:
    """Says how a call was, when it is over. Counted with all others, and forgotten."""
    wait = edge.qualities.take(me.user_id, time.monotonic())
    if wait:
        raise Refusal(Reason.REASON_LIMITED, retry_after=wait)
    path = "relay" if said.relayed else "direct"
    REPORTS.labels(path, said.codec).inc()
    RESTARTS.labels(path).inc(said.restarts)
    for figure, value in (
        (ROUND_TRIP, said.round_trip_ms),
        (JITTER, said.jitter_ms),
        (FIRST_AUDIO, said.first_audio_ms),
    ):
        if value is not None:
            figure.labels(path).observe(value / 1000)
    if said.loss is not None:
        LOSS.labels(path).observe(said.loss)
    return Response(status_code=204)
