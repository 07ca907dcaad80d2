"""Traces: one for each call, through all services that have to do with it. Off where no collector is set.

A trace's number is computed of the call's id, and so is that of its root, the caller's Place: whoever knows
the call knows both, and nobody has to be told. Between the two halves of a batched stream a question carries
where it came from (`trace`: 16 bytes of the trace, 8 of the span). Spans say ids of calls and words of the
program, nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ringline.ids import attempt_of
from ringline.refusal import Refusal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

TRACE_BYTES, SPAN_BYTES = 16, 8
CLOSE_SECONDS = 5.0
"""What a process that ends waits for its last spans to be taken."""

_here: ContextVar[bytes] = ContextVar("span", default=b"")
_collector: Collector | None = None


class Collector:
    """Takes spans that are over to where they are collected, from a thread of its own."""

    def __init__(self, exporter: SpanExporter) -> None:
        # Only here: a process without a collector need not have loaded any of it.
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanContext, TraceFlags

        self._processor = BatchSpanProcessor(exporter)
        self._span, self._place = ReadableSpan, SpanContext
        self._resource = functools.cache(
            lambda service: Resource({"service.name": service, "service.namespace": "ringline"})
        )
        self._sampled = TraceFlags(TraceFlags.SAMPLED)

    def take(
        self, service: str, name: str, place: bytes, parent: bytes, began_ns: int, told: dict[str, str]
    ) -> None:
        """A span that is over now; `place` and `parent` are trace and span, `began_ns` is Unix time."""
        self._processor.on_end(
            self._span(
                name,
                context=self._context(place),
                parent=self._context(parent) if parent else None,
                resource=self._resource(service),
                attributes=told,
                start_time=began_ns,
                end_time=time.time_ns(),
            )
        )

    def _context(self, place: bytes) -> Any:
        trace = int.from_bytes(place[:TRACE_BYTES], "big")
        number = int.from_bytes(place[TRACE_BYTES:], "big")
        return self._place(trace, number, is_remote=False, trace_flags=self._sampled)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Sends what is left, and ends; after so many seconds at the latest."""
        # On a thread that holds nothing up: a collector that hangs is waited for by it for half a minute.
        leaving = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        leaving.start()
        leaving.join(seconds)


def start(url: str) -> None:
    """From now on spans are sent to `url`, by OTLP over HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    global _collector
    _collector = Collector(OTLPSpanExporter(endpoint=url))


def stop() -> None:
    """Sends what is left; no more spans are made. Waits for the collector, for CLOSE_SECONDS at most."""
    global _collector
    collector, _collector = _collector, None
    if collector is not None:
        collector.close()


def root_of(call_id: str) -> bytes:
    """Where the trace of a call begins; empty where no traces are made or there is no call."""
    if _collector is None or not call_id:
        return b""
    return hashlib.blake2b(attempt_of(call_id).encode(), digest_size=TRACE_BYTES + SPAN_BYTES).digest()


def stamp(item: Any) -> None:
    """Writes into a question where it comes from."""
    if _collector is not None and (here := _here.get()):
        item.trace = here


def come_from(item: Any) -> bytes:
    """Where a question comes from; empty where it is not traced."""
    return item.trace if _collector is not None else b""


@contextmanager
def span(service: str, name: str, parent: bytes, call_id: str = "") -> Iterator[None]:
    """What is done in this block is a span below `parent`; nothing where that is empty."""
    if _collector is None or len(parent) != TRACE_BYTES + SPAN_BYTES:
        yield
        return
    place = parent[:TRACE_BYTES] + os.urandom(SPAN_BYTES)
    began, token, told = time.time_ns(), _here.set(place), _told(call_id)
    try:
        yield
    except Refusal as refusal:
        told["ringline.refused"] = refusal.name
        raise
    finally:
        _here.reset(token)
        if _collector is not None:
            _collector.take(service, name, place, parent, began, told)


@contextmanager
def step(service: str, name: str, call_id: str) -> Iterator[None]:
    """The same below the span that goes on here, or below the root of the call where none does."""
    with span(service, name, _here.get() or root_of(call_id), call_id):
        yield


def placed(service: str, call_id: str, began_ns: int, is_caller: bool) -> None:
    """A Place is over: the root of its call; or a part of it, where it met a call and answered that."""
    if _collector is None or not call_id:
        return
    root = root_of(call_id)
    place, parent = (root, b"") if is_caller else (root[:TRACE_BYTES] + os.urandom(SPAN_BYTES), root)
    _collector.take(service, "place", place, parent, began_ns, _told(call_id))


def _told(call_id: str) -> dict[str, str]:
    return {"ringline.call_id": call_id} if call_id else {}
