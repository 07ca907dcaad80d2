"""One trace for each call, with what every service did for it, and nothing of the people in it."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ringline import ids
from services.embedded import Postgres
from tests.servers import bus_server, until
from tests.suite.people import Operator, Stage, chronicle, talk
from tests.suite.test_threads import PROJECTED, told
from tests.suite.topology import SETTINGS, running

pytestmark = pytest.mark.asyncio(loop_scope="session")
HERE = {("gateway", "place"), ("gateway", "answer"), ("gateway", "hang_up"), ("gateway", "show")}
THERE = {
    ("signaling", "place"),
    ("signaling", "insert"),
    ("signaling", "Link"),
    ("signaling", "step Answer"),
    ("signaling", "compare and set"),
    ("policy", "Decide"),
    ("directory", "Relate"),
    ("presence", "Locate"),
    ("conversations", "projection"),
}


class Collector:
    """What a collector was sent: the raw bytes, and the spans by trace, each with its service."""

    def __init__(self) -> None:
        self.raw = b""
        self.traces: defaultdict[bytes, list[tuple[str, Span]]] = defaultdict(list)
        self.url = ""

    def take(self, body: bytes) -> None:
        """A request."""
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.traces[span.trace_id].append((told["service.name"], span))

    def of(self, call_id: str) -> list[tuple[str, Span]]:
        """The spans that name this call, and all that is in a trace with them."""
        found = []
        for spans in self.traces.values():
            named = {one.value.string_value for _, span in spans for one in span.attributes}
            found += spans if call_id in named else []
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A receiver of OTLP over HTTP."""
    collector = Collector()

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Request) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


async def test_a_call_is_one_trace_through_all_services(tmp_path: Path, postgres: Postgres) -> None:
    with collecting() as collector, bus_server(tmp_path) as nats:
        settings = SETTINGS | {"RINGLINE_OTLP_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        async with (
            running("traces", 2, tmp_path, postgres, nats, settings) as topology,
            chronicle(topology) as book,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            operator = Operator(topology)
            await operator.set_entitlements()
            stage = Stage(topology, http, operator, book)
            ada, bob = await stage.friends("ada", "bob")
            call, _ = await talk(ada, bob, slowly=True)
            await call.hang_up()
            await told(bob, call)

            def seen() -> set[tuple[str, str]]:
                return {(service, span.name) for service, span in collector.of(call.call_id)}

            await until(lambda: seen() >= HERE | THERE, PROJECTED, lambda: f"{HERE | THERE - seen()}")
            await stage.close()
            await operator.close()
        spans = collector.of(call.call_id)
        people = [one.session for one in (ada, bob)]
    assert len({span.trace_id for _, span in spans}) == 1
    by_id = {span.span_id: (service, span) for service, span in spans}
    assert len(by_id) == len(spans), "each span is there once"
    (root,) = (span for service, span in spans if not span.parent_span_id)
    assert by_id[root.span_id] == ("gateway", root) and root.name == "place"
    assert all(span.parent_span_id in by_id for _, span in spans if span is not root)
    above = {(service, span.name): parent(by_id, span) for service, span in spans if span is not root}
    assert above["signaling", "place"] == ("gateway", "place")
    assert above["policy", "Decide"] == ("signaling", "place")
    located = {parent(by_id, span) for service, span in spans if span.name == "Locate"}
    assert located == {("signaling", "place"), ("conversations", "projection")}
    assert above["directory", "Relate"] == ("policy", "Decide")
    assert above["signaling", "insert"] == ("signaling", "place")
    assert above["signaling", "step Answer"] == ("signaling", "Link")
    assert above["conversations", "projection"] == ("gateway", "place")
    links = {by_id[span.parent_span_id][1].name for _, span in spans if span.name == "Link"}
    assert {"answer", "hang_up"} <= links
    assert {one.key for _, span in spans for one in span.attributes} <= {
        "ringline.call_id",
        "ringline.refused",
    }
    for person in people:
        assert person.username.encode() not in collector.raw
        assert person.user_id.encode() not in collector.raw
    assert b"127.0.0.1" not in collector.raw
    assert ids.is_id(call.call_id, "c_")


def parent(by_id: dict[bytes, tuple[str, Span]], span: Span) -> tuple[str, str]:
    """Service and name of what a span is below."""
    service, above = by_id[span.parent_span_id]
    return service, above.name
