"""What presence and signaling are to the directory: told of a revoked device, they confirm it or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import Default
from grpc import aio

from ringline.refusal import Refusal
from ringline.v1 import presence_pb2, signaling_pb2
from ringline.v1.reasons_pb2 import Reason
from ringline.wire import Gatekeeper

Told = presence_pb2.ExpelRequest | signaling_pb2.DropDeviceRequest


class Neighbour:
    """One method of a neighbour: notes which devices it is told of, refuses or waits where told to."""

    def __init__(self, method: str) -> None:
        self.service, _, self.name = method.partition("/")
        self.told: list[str] = []
        """The devices, each as often as they were asked about."""
        self.confirmed: set[str] = set()
        self.refused: Callable[[str], bool] = lambda device_id: False
        self.reason = Reason.REASON_UNAVAILABLE
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._changed = asyncio.Condition()
        method_of = Default().FindMethodByName(f"{self.service}.{self.name}")
        self._request: Any = message_factory.GetMessageClass(method_of.input_type)
        self._response: Any = message_factory.GetMessageClass(method_of.output_type)

    async def until(self, holds: Callable[[Neighbour], bool]) -> None:
        """Waits until something is so."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: holds(self))

    def add_to(self, server: aio.Server) -> None:
        """Answers at this server."""
        handler = grpc.unary_unary_rpc_method_handler(
            self._hear, self._request.FromString, self._response.SerializeToString
        )
        handlers = grpc.method_handlers_generic_handler(self.service, {self.name: handler})
        server.add_generic_rpc_handlers((handlers,))

    async def _hear(self, request: Told, context: object) -> Any:
        async with self._changed:
            self.told.append(request.device_id)
            self._changed.notify_all()
        await self.may_answer.wait()
        if self.refused(request.device_id):
            raise Refusal(self.reason)
        async with self._changed:
            self.confirmed.add(request.device_id)
            self._changed.notify_all()
        return self._response()


@asynccontextmanager
async def serving(*neighbours: Neighbour) -> AsyncIterator[str]:
    """A process with these neighbours, which lets in whom the contract lets in; its address."""
    server = aio.server(interceptors=[Gatekeeper()])
    for one in neighbours:
        one.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)
