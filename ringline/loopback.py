"""Streams within one process. Where who asks and who answers live side by side, a batched stream does not go
through gRPC: the same two halves (asker.py, answerer.py) hand each other the same messages directly.

gRPC's Python half wakes a thread of its own, and the loop through a socket, for every message: that was a
quarter of what this program used of the processor at ten calls a second. Unary calls stay with gRPC.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc
from grpc import aio

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from ringline.wire import CALLER, callers_of


class Loopback:
    """The streams of the services that live here. For generated code it is a server (`add_…_to_server`), and
    by `dial` a channel (`…Stub`).
    """

    def __init__(self) -> None:
        self._methods: dict[str, Any] = {}
        self._gates: dict[str, asyncio.Event] = {}

    def open(self, services: Iterable[str]) -> None:
        """Lets streams to these services through; until then whoever dials waits."""
        for service in services:
            self._gate(service).set()

    def shut(self, service: str) -> None:
        """Lets no new stream through to a service that is on its way out."""
        self._gate(service).clear()

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Generated code says everything twice; see the other one."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Takes the methods of a service."""
        self._methods |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    def dial(self, service: str) -> Any:
        """What a stub of this service takes for a channel."""
        return _Channel(self._methods, self._gate(service))

    def _gate(self, service: str) -> asyncio.Event:
        return self._gates.setdefault(service, asyncio.Event())


class _Channel:
    """One asker's way to a stream."""

    def __init__(self, methods: Mapping[str, Any], gate: asyncio.Event) -> None:
        self._methods = methods
        self._gate = gate
        self._opened: list[_Stream] = []

    def stream_stream(self, method: str, **_: Any) -> "Callable[..., _Stream]":
        """What the stub calls for each of its streaming methods."""

        def begin(metadata: Sequence[tuple[str, str]] = ()) -> _Stream:
            if dict(metadata).get(CALLER) not in (callers_of(method) or ()):
                raise Refusal(Reason.REASON_FORBIDDEN)
            stream = _Stream(self._methods[method].stream_stream)
            self._opened.append(stream)
            return stream

        return begin

    def unary_unary(self, method: str, **_: Any) -> None:
        """Not here."""

    async def channel_ready(self) -> None:
        """Waits until the service is there."""
        await self._gate.wait()

    async def close(self) -> None:
        """Ends what is still open."""
        for stream in self._opened:
            await stream.close()


class _Stream:
    """One open stream, for the asking half what grpc.aio's StreamStreamCall is."""

    def __init__(self, serve: Callable[[Any, Any], AsyncIterator[Any]]) -> None:
        self._requests: asyncio.Queue[Any] = asyncio.Queue()
        self._responses = serve(self._incoming(), None)

    async def write(self, request: Any) -> None:
        self._requests.put_nowait(request)

    async def done_writing(self) -> None:
        self._requests.put_nowait(aio.EOF)

    async def read(self) -> Any:
        response = await anext(self._responses, aio.EOF)
        if response is aio.EOF:
            await self.close()
        return response

    async def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.OK

    async def close(self) -> None:
        """Ends both halves."""
        self._requests.put_nowait(aio.EOF)
        await self._responses.aclose()  # type: ignore[attr-defined]

    async def _incoming(self) -> AsyncIterator[Any]:
        while (request := await self._requests.get()) is not aio.EOF:
            yield request
