"""Without a collector there are no traces, and questions go as they went before."""

import threading
import time
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ringline import ids, tracing
from ringline.v1 import policy_pb2


def test_without_a_collector_a_question_says_nothing_of_where_it_comes_from() -> None:
    attempt = policy_pb2.Attempt(call_id=ids.mint_call())
    with tracing.step("signaling", "place", attempt.call_id):
        tracing.stamp(attempt)
    assert not attempt.trace
    attempt.trace = b"\x01" * 24  # of a process that makes traces, to one that makes none
    assert tracing.come_from(attempt) == b"" == tracing.root_of(attempt.call_id)


class Hanging(SpanExporter):
    """The way to a collector that takes what it is sent, and says nothing."""

    def __init__(self) -> None:
        self.is_let_go = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.is_let_go.wait()
        return SpanExportResult.SUCCESS


def test_a_collector_that_hangs_does_not_hold_up_the_end_of_a_process() -> None:
    way = Hanging()
    collector = tracing.Collector(way)
    collector.take("policy", "Decide", b"\x01" * 24, b"", time.time_ns(), {})
    ending = threading.Thread(target=collector.close, args=[0.1], daemon=True)
    ending.start()
    ending.join(10.0)
    assert not ending.is_alive()
    way.is_let_go.set()
