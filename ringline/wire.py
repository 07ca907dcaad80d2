"""Between services: channels, deadlines, who may call whom, and refusals that cross a hop.

Unary calls only; the batched streams of the hot path are in asker.py and answerer.py. Who calls is said in
metadata (`ringline-caller`). Where there are certificates (identity.py), the caller's must say so too; where
there are none, it is believed, and the network policy is what stands behind it.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NoReturn, cast

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from grpc import aio

from ringline.addresses import target
from ringline.identity import Identity, is_known_as
from ringline.identity import options as identity_options
from ringline.refusal import Refusal
from ringline.telemetry import REFUSALS, RPC_SECONDS, report_bug
from ringline.v1 import annotations_pb2, reasons_pb2
from ringline.v1.reasons_pb2 import Reason

CALLER = "ringline-caller"
REFUSAL = "ringline-refusal-bin"
BUG = "ringline-bug"

CALL_SECONDS = 2.0
"""Deadline of a unary call whose caller gave none."""
SERVE_SECONDS = 10.0
"""What a handler gets at most where the caller set no deadline."""
MAX_MESSAGE = 4 * 1024 * 1024

_KEEPALIVE: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
)
CHANNEL_OPTIONS: tuple[tuple[str, Any], ...] = (
    *_KEEPALIVE,
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.enable_http_proxy", 0),
)
"""`enable_http_proxy`: a proxy in the environment is never for the traffic between services."""


def server_options(age_seconds: float) -> tuple[tuple[str, Any], ...]:
    """Options of a server whose connections are renewed at `age_seconds`, give or take gRPC's own tenth."""
    return (
        *_KEEPALIVE,
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.max_connection_age_ms", round(age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", 60_000),
        ("grpc.so_reuseport", 0),
    )


class Channel(aio.Channel):
    """What generated stubs take: a channel with deadline, caller's name, and refusals rebuilt.

    A wrapper and no interceptors: grpc.aio starts a task for each intercepted call. `dial` makes the channel
    inside; anew, where the certificate of `identity` has changed: the old one finishes what it began.
    """

    def __init__(
        self,
        dial: Callable[[], aio.Channel],
        caller: str,
        identity: Identity | None = None,
        seconds: float = CALL_SECONDS,
    ) -> None:
        self._dial = dial
        self._identity = identity
        self._papers = identity.papers() if identity is not None else None
        self._inner = dial()
        self._metadata = ((CALLER, caller),)
        self._seconds = seconds
        self._leaving: set[asyncio.Task[None]] = set()

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        inner = self._inner
        call = cast(Callable[..., Awaitable[Any]], inner.unary_unary(method, *args, **kwargs))

        async def ask(request: Message, timeout: float | None = None, **more: Any) -> Any:  # noqa: ASYNC109
            nonlocal inner, call
            if self._current() is not inner:
                inner = self._inner
                call = cast(Callable[..., Awaitable[Any]], inner.unary_unary(method, *args, **kwargs))
            metadata = (*self._metadata, *(more.pop("metadata", None) or ()))
            try:
                # Where nobody is connected now, the call waits for somebody as long as for its answer:
                # processes may be replaced quicker than who asks them connects anew.
                return await call(
                    request,
                    timeout=self._seconds if timeout is None else timeout,
                    metadata=metadata,
                    wait_for_ready=True,
                    **more,
                )
            except aio.AioRpcError as error:
                raise rebuilt(error) from error

        return ask

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return lambda *given, **more: self._current().stream_stream(method, *args, **kwargs)(
            *given, **self._with_name(more)
        )

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return lambda *given, **more: self._current().unary_stream(method, *args, **kwargs)(
            *given, **self._with_name(more)
        )

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return lambda *given, **more: self._current().stream_unary(method, *args, **kwargs)(
            *given, **self._with_name(more)
        )

    async def close(self, grace: float | None = None) -> None:
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._inner.close(grace)

    async def channel_ready(self) -> None:
        await self._current().channel_ready()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._current().wait_for_state_change(last_observed_state)

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _current(self) -> aio.Channel:
        """The channel inside, with the certificate of now."""
        if self._identity is not None and (papers := self._identity.papers()) is not self._papers:
            task = asyncio.create_task(self._inner.close(SERVE_SECONDS), name="channel that is left")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            self._papers, self._inner = papers, self._dial()
        return self._inner

    def _with_name(self, more: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": self._metadata, **more}


def connect(
    addresses: Sequence[str], options: tuple[tuple[str, Any], ...], service: str, identity: Identity | None
) -> aio.Channel:
    """gRPC's own channel to `service`; with `identity`, only to who can show that it is that service."""
    if identity is None:
        return aio.insecure_channel(target(addresses), options=options)
    options = (*options, *identity_options(service))
    return aio.secure_channel(target(addresses), identity.channel_credentials(), options=options)


def open_channel(
    addresses: Sequence[str], caller: str, service: str = "", identity: Identity | None = None
) -> Channel:
    """A channel that spreads calls over `addresses`: one name of any number of hosts, or IP addresses.

    Where it says which `service` it asks, a process in which that one is on its way out is left at once: gRPC
    watches its health. A server that only stops cancels what is on its way to it. With `identity`, the
    service has to be said.
    """
    watched = (("grpc.service_config", json.dumps({"healthCheckConfig": {"serviceName": service}})),)
    is_watched = service and caller != "operator"  # whose commands ask once
    options = (*CHANNEL_OPTIONS, *(watched if is_watched else ()))
    return Channel(lambda: connect(addresses, options, service, identity), caller, identity)


def rebuilt(error: aio.AioRpcError) -> BaseException:
    """The refusal that an RPC's error carries; a part that is away, late, older or has a fault is one too, so
    that a fault of one service stops no loop of another.

    Else the error itself.
    """
    for key, value in error.trailing_metadata() or ():
        if key == REFUSAL:
            return Refusal.from_proto(reasons_pb2.Refusal.FromString(cast(bytes, value)))
        if key == BUG:
            return Refusal(Reason.REASON_UNAVAILABLE, f"a fault, logged as {value!s}")
    if error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNIMPLEMENTED,  # the other side is of an older release
    ):
        return Refusal(Reason.REASON_UNAVAILABLE)
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Refusal(Reason.REASON_OVERLOADED)
    return error


@functools.cache
def callers_of(method: str) -> frozenset[str] | None:
    """Who may call `/package.Service/Method`.

    None means anybody (services that are not ours: health, reflection).
    """
    _, service, name = method.split("/")
    if not service.startswith("ringline."):
        return None
    descriptor = descriptor_pool.Default().FindServiceByName(service)
    allowed = frozenset(descriptor.GetOptions().Extensions[annotations_pb2.callers])
    only = frozenset(descriptor.methods_by_name[name].GetOptions().Extensions[annotations_pb2.only])
    return only or allowed


class Gatekeeper(aio.ServerInterceptor):
    """The server's interceptor: who calls, for how long, and what becomes of what is raised.

    Where callers need a certificate, theirs has the name of the caller.
    """

    def __init__(self, needs_certificate: bool = False) -> None:
        self._needs_certificate = needs_certificate

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return handler
        allowed = callers_of(method)
        if allowed is None:
            return handler
        caller = next((v for k, v in handler_call_details.invocation_metadata or () if k == CALLER), "")
        proven = str(caller) if self._needs_certificate else ""
        is_welcome = caller in allowed
        if handler.unary_unary is not None:
            return _guarded_unary(handler, method, is_welcome, proven)
        return _guarded_stream(handler, method, is_welcome, proven)


def _guarded_unary(
    handler: Any, method: str, is_welcome: bool, proven: str
) -> grpc.RpcMethodHandler[Any, Any]:
    inner = cast(Callable[[Any, Any], Awaitable[Any]], handler.unary_unary)
    seconds = RPC_SECONDS.labels(method)

    async def serve(request: Any, context: aio.ServicerContext[Any, Any]) -> Any:
        began = time.perf_counter()
        left = context.time_remaining()
        try:
            if not is_welcome or (proven and not is_known_as(context.auth_context(), proven)):
                raise Refusal(Reason.REASON_FORBIDDEN)
            async with asyncio.timeout(SERVE_SECONDS if left is None else left):
                return await inner(request, context)
        except aio.AbortError:
            raise
        except TimeoutError:
            await refuse(context, method, Refusal(Reason.REASON_UNAVAILABLE))
        except Refusal as refusal:
            await refuse(context, method, refusal)
        except Exception as error:  # noqa: BLE001  the interceptor: logged with an id, hidden from the caller
            await _hide(context, method, error)
        finally:
            seconds.observe(time.perf_counter() - began)

    return grpc.unary_unary_rpc_method_handler(
        serve, handler.request_deserializer, handler.response_serializer
    )


def _guarded_stream(
    handler: Any, method: str, is_welcome: bool, proven: str
) -> grpc.RpcMethodHandler[Any, Any]:
    inner = cast(Callable[[Any, Any], AsyncIterator[Any]], handler.stream_stream)

    async def serve(requests: Any, context: aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            if not is_welcome or (proven and not is_known_as(context.auth_context(), proven)):
                raise Refusal(Reason.REASON_FORBIDDEN)
            async for response in inner(requests, context):
                yield response
        except aio.AbortError:
            raise
        except Refusal as refusal:
            await refuse(context, method, refusal)
        except Exception as error:  # noqa: BLE001  interceptor: as above
            await _hide(context, method, error)

    return grpc.stream_stream_rpc_method_handler(
        serve, handler.request_deserializer, handler.response_serializer
    )


async def refuse(context: aio.ServicerContext[Any, Any], method: str, refusal: Refusal) -> NoReturn:
    """Ends a call with a refusal."""
    REFUSALS.labels(method, refusal.name).inc()
    is_forbidden = refusal.reason == Reason.REASON_FORBIDDEN
    await context.abort(
        grpc.StatusCode.PERMISSION_DENIED if is_forbidden else grpc.StatusCode.FAILED_PRECONDITION,
        refusal.name,
        trailing_metadata=((REFUSAL, refusal.to_proto().SerializeToString()),),
    )


async def _hide(context: aio.ServicerContext[Any, Any], method: str, error: Exception) -> NoReturn:
    bug = report_bug(method, error)
    await context.abort(
        grpc.StatusCode.INTERNAL, f"a fault, logged as {bug}", trailing_metadata=((BUG, bug),)
    )
