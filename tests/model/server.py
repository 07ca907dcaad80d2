"""The server of the model: production code over the model's store, one command at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, NamedTuple, cast

from ringline.answerer import Draining
from ringline.outbox import Outbox
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, signaling_pb2, types_pb2
from services.signaling.anti_entropy import Repairs
from services.signaling.api import SignalingApi
from services.signaling.exchange import Exchange
from services.signaling.record import Times
from services.signaling.relay import RelayDesk
from services.signaling.store import Store
from services.signaling.wakes import Wakes
from tests.model.store import ModelStore, Row, Tables, record_of

TIMES = Times(ring_look=45_000)
"""As in production, but that a ringing call is looked at only at its end: each look would be a dimension."""
AUDIO = types_pb2.Kinds(audio=True)


class Line(NamedTuple):
    """A line as presence knows it."""

    user_id: str
    key: str
    epoch: int
    gateway_id: str


class Server(NamedTuple):
    """Everything that the services know."""

    tables: Tables
    lines: tuple[Line, ...] = ()


class Frame(NamedTuple):
    """A frame on its way: to a gateway ("": to all), there to a line ("": to all of the user)."""

    gateway_id: str
    user_id: str
    line: str
    data: bytes


class Reply(NamedTuple):
    """What a command was answered: the refusal's name, or the view of a call, or all of a new line's."""

    refused: str = ""
    view: bytes = b""
    calls: tuple[bytes, ...] = ()
    live: tuple[str, ...] = ()


class Done(NamedTuple):
    """After a command."""

    server: Server
    frames: tuple[Frame, ...]
    reply: Reply
    saves: tuple[tuple[str, int, int], ...] = ()
    """Call, version before and after, of each write to one that was there."""


class _Loop(asyncio.SelectorEventLoop):
    """A loop in which a short wait is none."""

    def call_later(  # type: ignore[override]  # any callback does
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(0.0, callback, *args, context=context)


class _Capture:
    """Stands for the wake-ups and for the outbox's nudge."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, gateway_id: str, frame: signaling_pb2.LineFrame) -> None:
        self.frames.append(Frame(gateway_id, frame.user_id, frame.line, frame.frame))

    def nudge(self) -> None:
        """The model reads the events from the rows."""


class Pod:
    """A process of signaling, made for one command: what it would remember is what it reads."""

    def __init__(self, verdict: policy_pb2.Verdict, knows_lines: bool = True) -> None:
        self._verdict = verdict
        self._knows_lines = knows_lines
        self._loop = _Loop()
        self._known: dict[tuple[Server, str, Any], Done] = {}

    def close(self) -> None:
        """Closes the loop."""
        self._loop.close()

    def command(self, server: Server, line: Line, epoch: int, **body: Any) -> Done:
        """A command of a line, as of the connection with that epoch."""
        proto = _proto(line._replace(epoch=epoch))
        command = signaling_pb2.Command(line=proto, **body)
        return self._remembered(server, "command", command.SerializeToString(deterministic=True))

    def sync(self, server: Server, gateway_id: str, held: list[signaling_pb2.Held]) -> Done:
        """A comparison with a gateway."""
        line = types_pb2.Line(gateway_id=gateway_id)
        command = signaling_pb2.Command(line=line, sync=signaling_pb2.Sync(held=held))
        return self._remembered(server, "command", command.SerializeToString(deterministic=True))

    def sever(self, server: Server, user_id: str, other_id: str) -> Done:
        """A block."""
        request = signaling_pb2.SeverRequest(user_id=user_id, other_user_id=other_id, closed=True)
        return self._remembered(server, "sever", request.SerializeToString(deterministic=True))

    def drop(self, server: Server, user_id: str, device_id: str) -> Done:
        """A device is revoked."""
        request = signaling_pb2.DropDeviceRequest(user_id=user_id, device_id=device_id)
        return self._remembered(server, "drop", request.SerializeToString(deterministic=True))

    def sweep(self, server: Server, sees: bool = True) -> Done:
        """The sweeper looks at what is due; `sees` is whether presence answers it."""
        return self._remembered(server, "sweep", sees)

    def _remembered(self, server: Server, name: str, asked: bytes | bool) -> Done:
        """The same command in the same state has the same result: it is computed once."""
        key = (server, name, asked)
        if key not in self._known:
            self._known[key] = self._run(server, name, asked)
        return self._known[key]

    def _run(self, server: Server, name: str, asked: bytes | bool) -> Done:
        capture, store = _Capture(), ModelStore(server.tables, TIMES.ring_look)
        exchange = self._exchange(server, store, capture)
        api = SignalingApi(exchange, Repairs(exchange), cast(Draining, None), incarnation=1)
        frames: list[signaling_pb2.LineFrame] = []
        reply = Reply()
        try:
            if name == "sweep":
                self._wait(_sweep(exchange, store))
            elif name == "sever":
                request = signaling_pb2.SeverRequest.FromString(cast(bytes, asked))
                self._wait(api.Sever(request, cast(Any, None)))
            elif name == "drop":
                drop = signaling_pb2.DropDeviceRequest.FromString(cast(bytes, asked))
                self._wait(api.DropDevice(drop, cast(Any, None)))
            else:
                answer = self._wait(api.command(signaling_pb2.Command.FromString(cast(bytes, asked))))
                reply, frames = _reply(answer), list(answer.repairs)
        except Refusal as refusal:
            reply = Reply(refused=refusal.name)
        repairs = tuple(Frame("*", frame.user_id, frame.line, frame.frame) for frame in frames)
        return Done(
            server._replace(tables=store.tables), tuple(capture.frames) + repairs, reply, tuple(store.saves)
        )

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def to_the_end() -> Any:
            try:
                return await coroutine
            finally:
                await asyncio.sleep(0)
                await asyncio.sleep(0)  # whoever rings after the reply

        return self._loop.run_until_complete(to_the_end())

    def _exchange(self, server: Server, store: ModelStore, capture: _Capture) -> Exchange:
        async def decide(attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
            return verdict_for(self._verdict, attempt)

        async def locate(user_ids: list[str]) -> list[types_pb2.Line]:
            if not self._knows_lines:
                return []
            return [_proto(line) for line in server.lines if line.user_id in user_ids]

        return Exchange(
            cast(Store, store), cast(Outbox, capture), cast(Wakes, capture), RelayDesk((), b""),
            decide, locate, TIMES, name=lambda attempt, one, other: f"c_{len(store.tables.rows) + 1}",
        )  # fmt: skip


def verdict_for(template: policy_pb2.Verdict, attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
    """The verdict of the configuration, for this caller."""
    verdict = policy_pb2.Verdict()
    verdict.CopyFrom(template)
    callee_id = attempt.callee_id or f"u_{attempt.callee_username}"
    verdict.caller.CopyFrom(types_pb2.Profile(user_id=attempt.caller_id))
    verdict.callee.CopyFrom(types_pb2.Profile(user_id=callee_id))
    return verdict


def admitted(device_truth: bool = True) -> policy_pb2.Verdict:
    """A verdict that admits sound both ways."""
    return policy_pb2.Verdict(
        outcome=policy_pb2.OUTCOME_ADMITTED,
        caller_may_send=AUDIO,
        callee_may_send=AUDIO,
        device_truth=device_truth,
    )


def row_of(server: Server, call_id: str) -> Row:
    """The row of a call."""
    return dict(server.tables.rows)[call_id]


def records(server: Server) -> list[signaling_pb2.CallRecord]:
    """Every call that was ever placed."""
    return [record_of(row) for _, row in server.tables.rows]


async def _sweep(exchange: Exchange, store: ModelStore) -> None:
    for stored in await store.due():
        try:
            await exchange.tick(stored)
        except Refusal:
            continue  # it ended meanwhile


def _proto(line: Line) -> types_pb2.Line:
    device_id, _, instance = line.key.partition(".")
    return types_pb2.Line(
        user_id=line.user_id,
        device_id=device_id,
        instance=instance,
        epoch=line.epoch,
        gateway_id=line.gateway_id,
    )


def _reply(answer: signaling_pb2.CommandReply) -> Reply:
    view = answer.frame.done.call
    return Reply(
        view=_bytes(view) if view.call_id else b"",
        calls=tuple(_bytes(call) for call in answer.calls),
        live=tuple(one.call_id for one in answer.live),
    )


def _bytes(call: client_pb2.Call) -> bytes:
    return call.SerializeToString(deterministic=True)
