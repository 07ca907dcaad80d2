"""HTTP: the REST API with its document, health, the web client, and what holds for every response."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringline.refusal import Refusal
from ringline.telemetry import SECONDS
from ringline.v1.operator_pb2 import Feature
from ringline.v1.reasons_pb2 import Reason
from services.gateway import accounts, call_settings, people, quality, records, shapes, threads
from services.gateway.edge import Edge, Here
from services.gateway.problems import MEDIA_TYPE, Problem, install, problem
from services.gateway.turns import Turns
from services.gateway.web import API_POLICY, HEADERS, HTTPS_ONLY, WebClient, page_policy

LONGEST_BODY = 65_536
TICKETS = "/v1/tickets"
HTTP_SECONDS = Histogram(
    "ringline_http_seconds", "Time to answer a request.", ["method", "route", "status"], buckets=SECONDS
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted as one: whoever sends them chooses no names of figures."""

DESCRIPTION = """Audio and video calls by @username.

Everything that is not a live call is here; calls are placed and answered over the WebSocket at `/v1/connect`
(subprotocol `ringline.v1`, see docs/client-protocol.md). Refusals are problems (RFC 9457) with a `reason`."""

PROBLEM = {"$ref": "#/components/schemas/Problem"}

Ready = Callable[[], bool]


def make_app(edge: Edge, is_ready: Ready) -> ASGIApp:
    """The whole of HTTP as one ASGI application."""
    app = api(edge, is_ready)
    app.add_middleware(InTurn, turns=edge.turns)
    origins = [one.strip() for one in edge.settings.allowed_origins.split(",") if one.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["retry-after"],
            max_age=600,
        )
    web = WebClient(Path(edge.settings.web_root)) if edge.settings.web_root else None
    return Envelope(app, web, edge.settings.request_s, is_strict=edge.environment == "production")


def api(edge: Edge | None, is_ready: Ready = lambda: True) -> FastAPI:
    """The REST API. Without an `edge` it only serves to write its document."""
    app = _Api(
        title="Ringline",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses={"default": {"description": "Refused.", "content": {MEDIA_TYPE: {"schema": PROBLEM}}}},
        generate_unique_id_function=_operation_id,
    )
    app.state.edge = edge
    app.state.is_ready = is_ready
    install(app)
    app.include_router(accounts.router)
    app.include_router(people.router)
    app.include_router(call_settings.router)
    app.include_router(threads.router)
    app.include_router(records.router)
    app.include_router(quality.router)
    app.add_api_route("/v1/config", config, methods=["GET"], tags=["service"])
    app.add_api_route("/healthz", healthz, methods=["GET"], include_in_schema=False)
    app.add_api_route("/readyz", readyz, methods=["GET"], include_in_schema=False)
    return app


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the REST API, as it is served at /openapi.json."""
    return api(None).openapi()


class _Api(FastAPI):
    """FastAPI, with the shape of problems in its document."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
            schema["servers"] = [{"url": "/"}]
        return super().openapi()


async def config(edge: Here) -> shapes.Config:
    """What a client needs to know before anybody has signed in."""
    is_closed = Feature.FEATURE_SIGN_UP in await edge.switches.off()
    return shapes.Config.model_validate(
        {
            "environment": edge.environment,
            "sign_up": "closed" if is_closed else edge.settings.sign_up,
            "issuer": "local" if edge.doorkeeper.is_local else "oidc",
            "version": version("ringline"),
        }
    )


async def healthz() -> Response:
    """Live: the loop turns."""
    return Response("ok", media_type="text/plain")


async def readyz(request: Request) -> Response:
    """Ready: this process can do its own work and is not on its way out."""
    is_ready: bool = request.app.state.is_ready()
    return Response("ready" if is_ready else "not ready", 200 if is_ready else 503, media_type="text/plain")


def _operation_id(route: APIRoute) -> str:
    return route.name


class Envelope:
    """What holds for every response: security headers, bounded bodies, a figure; and who answers what.

    Addresses under /v1/ and the few of the service itself are the API's, everything else is the web client's.
    """

    def __init__(self, app: FastAPI, web: WebClient | None, seconds: float, is_strict: bool) -> None:
        self._app = app
        self._web = web
        self._seconds = seconds
        self._headers = (*HEADERS, HTTPS_ONLY) if is_strict else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_page = self._web is not None and not _is_api(scope["path"])
        policy = page_policy(headers.get("host", "")) if is_page else API_POLICY
        began = time.perf_counter()
        seen: dict[str, int | str] = {"status": "gone"}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                more: list[tuple[bytes, bytes]] = [*self._headers, (b"content-security-policy", policy)]
                if not is_page:
                    more.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            if self._web is not None and is_page:
                await self._web(scope, receive, guarded)
            elif _length(headers) > LONGEST_BODY:
                refusal = Refusal(Reason.REASON_INVALID, f"A body has at most {LONGEST_BODY} bytes.")
                await problem(refusal, scope["path"], 413)(scope, receive, guarded)
            else:
                await self._ask(scope, receive, guarded)
        finally:
            route = "web" if is_page else getattr(scope.get("route"), "path", "-")
            method = scope["method"] if scope["method"] in METHODS else "other"
            HTTP_SECONDS.labels(method, route, seen["status"]).observe(time.perf_counter() - began)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The API's answer; a request that trickles in is not waited for. Whether an answer that has begun is
        read is the listener's care.
        """
        try:
            async with asyncio.timeout(self._seconds) as patience:

                async def begun(message: Message) -> None:
                    patience.reschedule(None)
                    await send(message)

                await self._app(scope, _bounded(receive), begun)
        except TimeoutError:
            refusal = Refusal(Reason.REASON_UNAVAILABLE, "The request took too long.")
            await problem(refusal, scope["path"], 408)(scope, receive, send)


class InTurn:
    """Tickets have turns. It stands before the API: whoever comes at a bad time costs next to nothing.

    The body comes before the turn and the answer goes after it: nobody has a turn and sends or reads slowly.
    """

    def __init__(self, app: ASGIApp, turns: Turns) -> None:
        self._app = app
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", TICKETS):
            await self._app(scope, receive, send)
            return
        told = [await receive()]
        while told[-1].get("more_body"):
            told.append(await receive())
        leaving = asyncio.ensure_future(receive())

        async def again() -> Message:
            return told.pop(0) if told else await leaving

        try:
            if told[-1]["type"] != "http.request":  # too long, or gone
                await self._app(scope, again, send)
            else:
                for message in await self._answer(scope, again, leaving.done):
                    await send(message)
        finally:
            leaving.cancel()

    async def _answer(self, scope: Scope, receive: Receive, is_gone: Callable[[], bool]) -> list[Message]:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        try:
            async with self._turns.turn(is_gone):
                await self._app(scope, receive, keep)
        except Refusal as refusal:
            await problem(refusal, scope["path"])(scope, receive, keep)
        return answer


def _is_api(path: str) -> bool:
    return path.startswith("/v1/") or path in ("/openapi.json", "/healthz", "/readyz")


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    is_number = text.isascii() and text.isdigit() and len(text) < 12
    return int(text) if is_number else LONGEST_BODY + 1


def _bounded(receive: Receive) -> Callable[[], Awaitable[Any]]:
    """Bodies without a length are bounded while they come."""
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > LONGEST_BODY:
                return {"type": "http.disconnect"}
        return message

    return bounded
