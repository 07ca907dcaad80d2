"""The board: every line of this gateway, by name and by user; opens them, finds them, beats, drains."""

import asyncio
import functools
import random
import time
from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import Counter, Gauge, Histogram
from websockets.datastructures import Headers
from websockets.http11 import Request

from ringline import tracing
from ringline.refusal import Refusal
from ringline.telemetry import SECONDS, log
from ringline.v1 import client_pb2, signaling_pb2, types_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.auth import Doorkeeper
from services.gateway.door import Door, Turned
from services.gateway.lease import Lease
from services.gateway.limits import Buckets
from services.gateway.line import Line, State
from services.gateway.link import COMMAND_SECONDS, Held, Link
from services.gateway.settings import Settings
from services.gateway.socket import POLICY, RESTART, Socket
from services.gateway.tickets import Ticket
from services.gateway.turns import Turns

PATH = "/v1/connect"
TICK_SECONDS = 0.5
LATE_SECONDS = 2.0
LIVE_SILENCE_SECONDS = 7.0
"""A line with a live call that says nothing for so long, to pings neither, is gone, whatever TCP believes."""
IDLE_BEATS_MISSED = 2.4
RENEW_SECONDS = 2.0
"""Over so long lines are opened anew after a restore."""
MOST_LEAD_SECONDS = 3.0
"""So long nobody is sent away from a gateway that stops: a balancer that knows nothing leads him back."""

LINES = Gauge("ringline_lines", "Open lines.")
OPENED = Counter("ringline_lines_opened_total", "Hellos, by what came of them.", ["outcome"])
CLOSED = Counter("ringline_lines_closed_total", "Lines that were closed, by why.", ["reason"])
COMMANDS = Counter("ringline_commands_total", "Commands of lines, by what came of them.", ["verb", "outcome"])
WAITED = Histogram(
    "ringline_command_seconds",
    "Time from a line's command to its reply, refused or not.",
    ["verb"],
    buckets=SECONDS,
)
REPAIRED = Counter(
    "ringline_repairs_total",
    "What lines did not know and a comparison with signaling mended: ended, a ring or call was over; gone, "
    "signaling does not hold it for live; view, any other change.",
    ["kind"],
)


class Board:
    """The lines of one gateway."""

    def __init__(
        self,
        settings: Settings,
        gateway_id: str,
        door: Door,
        doorkeeper: Doorkeeper,
        lookups: Buckets,
        link: Link,
        lease: Lease,
        turns: Turns,
    ) -> None:
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.is_draining = False
        self._gateway_id = gateway_id
        self._door = door
        self._doorkeeper = doorkeeper
        self._lookups = lookups
        self._relays = Buckets(settings.relay_burst, settings.relay_every_s)
        self._link = link
        self._lease = lease
        self._turns = turns
        self._strangers: set[Line] = set()
        self._by_key: dict[str, Line] = {}
        self._by_user: dict[str, set[Line]] = {}
        self._live: set[Line] = set()
        self._opened: set[Line] = set()
        slots = max(1, round(settings.idle_beat_s / TICK_SECONDS))
        self._slots: list[set[Line]] = [set() for _ in range(slots)]
        self._next_slot = 0
        self._is_empty = asyncio.Event()
        self._farewells: set[asyncio.Task[None]] = set()
        link.held, link.deliver, link.settle, link.fence = self._held, self.deliver, self._settle, self.fence
        link.repair = self.repair
        lease.lines, lease.fence, lease.expel = self._claimed, self.fence, self.expel
        link.expel, link.renew = self.expel, self.renew

    def __len__(self) -> int:
        return len(self._by_key) + len(self._strangers)

    # ------------------------------------------------------------ coming

    def admit(self, socket: Socket, request: Request) -> Turned | None:
        """Asked for each WebSocket: why it is turned away, or None and it is a line that has to say hello."""
        headers = request.headers
        if request.path.partition("?")[0] != PATH:
            return 404, "There is no socket here.", {}
        if self.is_draining:
            return 503, "This gateway stops.", {"Retry-After": "1"}
        network = self._door.network(socket.peer, headers.get_all("X-Forwarded-For"))
        turned = self._door.turn_away(
            _one(headers, "Origin"), _one(headers, "Host"), network, self.loop.time()
        )
        if turned is not None:
            OPENED.labels("turned_away").inc()
            return turned
        self._strangers.add(Line(self, socket, network))
        return None

    def struck(self, line: Line, refusal: Refusal) -> None:
        """A hello failed by the client's own fault."""
        OPENED.labels(refusal.name).inc()
        self._door.strike(line.network, self.loop.time())

    async def open(self, line: Line, hello: client_pb2.Hello) -> signaling_pb2.CommandReply:
        """Registers a line, when it is its turn, and answers what it must know. Raises Refusal."""
        ticket = self._door.check(hello, time.time())
        async with self._turns.turn(lambda: line.state is State.CLOSED):
            return await self._open(line, ticket, hello)

    async def _open(self, line: Line, ticket: Ticket, hello: client_pb2.Hello) -> signaling_pb2.CommandReply:
        wish = types_pb2.Line(
            user_id=ticket.user_id,
            device_id=ticket.device_id,
            instance=hello.instance,
            gateway_id=self._gateway_id,
        )
        line.proto = await self._lease.claim(wish, ticket.ticket_id, ticket.expires_at_ms)
        line.key = f"{ticket.device_id}.{hello.instance}"
        if line.state is State.CLOSED:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        self._enter(line)
        # Asked only now: whoever revokes the device from here on expels a line that is registered.
        self._doorkeeper.forget(ticket.user_id, ticket.device_id)
        _, reply = await asyncio.gather(
            self._doorkeeper.device(ticket.user_id, ticket.device_id), self._link.arrived(line.proto)
        )
        OPENED.labels("done").inc()
        if self._by_key.get(line.key) is line:
            self._opened.add(line)
        return reply

    def _enter(self, line: Line) -> None:
        self._strangers.discard(line)
        before = self._by_key.get(line.key)
        if before is not None:
            if before.proto.epoch > line.proto.epoch:
                raise Refusal(Reason.REASON_LINE_FENCED)
            self.fence([before.proto])
        self._by_key[line.key] = line
        self._by_user.setdefault(line.proto.user_id, set()).add(line)
        self._next_slot = (self._next_slot + 1) % len(self._slots)
        line.slot = self._next_slot
        self._slots[line.slot].add(line)
        LINES.set(len(self._by_key))

    # ------------------------------------------------------------ working

    async def command(self, line: Line, kind: str, frame: client_pb2.ClientFrame) -> client_pb2.ServerFrame:
        """Takes a command to signaling. Raises Refusal.

        To place a call tells whether a name exists: whoever dials names that nobody has uses up his lookups.
        Credentials of the relay let whoever has them send through it: they are not handed out by the dozen.
        """
        user_id, now = line.proto.user_id, self.loop.time()
        if kind == "place" and (wait := self._lookups.wait(user_id, now)):
            raise Refusal(Reason.REASON_LIMITED, retry_after=wait)
        if kind == "renew_relay" and (wait := self._relays.take(user_id, now)):
            raise Refusal(Reason.REASON_LIMITED, retry_after=wait)
        try:
            return await self._traced(line, kind, frame)
        except Refusal as refusal:
            if refusal.reason == Reason.REASON_USER_NOT_FOUND:
                self._lookups.take(user_id, now)
            raise

    async def _traced(self, line: Line, kind: str, frame: client_pb2.ClientFrame) -> client_pb2.ServerFrame:
        """The command as a span of its call. Which call a Place makes is known when it is made."""
        if kind != "place":
            call_id = getattr(frame, kind).call_id
            with tracing.span("gateway", kind, tracing.root_of(call_id), call_id):
                return await self._link.command(line.proto, frame)
        began = time.time_ns()
        reply = await self._link.command(line.proto, frame)
        call = reply.done.call
        tracing.placed("gateway", call.call_id, began, call.role == client_pb2.ROLE_CALLER)
        return reply

    def is_fresh(self) -> bool:
        """Whether signaling answered lately."""
        return self._link.is_fresh(self.loop.time())

    def count(self, kind: str, outcome: str, began: float) -> None:
        """Counts a command that was heard at `began`, on the loop's clock."""
        _counter(kind, outcome).inc()
        _waited(kind).observe(self.loop.time() - began)

    def touched(self, line: Line) -> None:
        """The line has seen something: it may have a live call now, or none any more."""
        if not line.views:
            self._live.discard(line)
        elif line not in self._live:
            self._live.add(line)
            line.live_since = self.loop.time()
            line.next_beat = line.live_since + self.settings.beat_s * random.uniform(0.5, 1.0)

    def deliver(self, frame: signaling_pb2.LineFrame) -> bool:
        """Takes a frame to the line, or to all lines of the user. Whether it was news to anybody."""
        if frame.line:
            line = self._by_key.get(frame.line)
            return line is not None and line.proto.user_id == frame.user_id and line.show(frame)
        shown = [line.show(frame) for line in list(self._by_user.get(frame.user_id, ()))]
        return any(shown)

    def repair(self, frame: signaling_pb2.LineFrame) -> None:
        """Takes a frame that was missed to its line."""
        if self.deliver(frame):
            REPAIRED.labels("view" if frame.live else "ended").inc()

    def fence(self, lines: Iterable[types_pb2.Line]) -> None:
        """Closes lines that were replaced, unless they have a higher epoch by now."""
        self._dismiss(lines, Reason.REASON_LINE_FENCED)

    def expel(self, lines: Iterable[types_pb2.Line]) -> None:
        """Closes lines whose device was expelled, unless they have a higher epoch by now."""
        self._dismiss(lines, Reason.REASON_DEVICE_REVOKED)

    def _dismiss(self, lines: Iterable[types_pb2.Line], reason: Reason.ValueType) -> None:
        for gone in lines:
            line = self._by_key.get(f"{gone.device_id}.{gone.instance}")
            if line is not None and line.proto.epoch <= gone.epoch:
                line.goodbye(Refusal(reason), POLICY)

    def _held(self) -> Held:
        live = [(line.proto, call_id, seen) for line in self._live for call_id, seen in line.views.live()]
        # A ring may be on its way past a line that was just opened: signaling looks once more.
        return live + [(line.proto, "", 0) for line in self._opened]

    def _settle(self, held: Held, live: frozenset[str]) -> None:
        for proto, call_id, version in held:
            line = self._by_key.get(f"{proto.device_id}.{proto.instance}")
            if line is None or line.proto.epoch != proto.epoch:
                continue
            if not call_id:
                self._opened.discard(line)
            else:
                REPAIRED.labels("gone").inc(line.views.settle([(call_id, version)], live))
                self.touched(line)

    def _claimed(self) -> list[types_pb2.Line]:
        return [line.proto for line in self._by_key.values()]

    # ------------------------------------------------------------ beating

    async def beat(self) -> None:
        """Beats for ever: lines with a live call as long as signaling answers, all others now and then."""
        slot, due = 0, self.loop.time()
        while True:
            due += TICK_SECONDS
            await asyncio.sleep(max(0.0, due - self.loop.time()))
            now = self.loop.time()
            stood_still = now - due > LATE_SECONDS  # then nobody else is to blame for silence
            due = now if stood_still else due
            slot = (slot + 1) % len(self._slots)
            self._beat(slot, now, judges=not stood_still)

    def _beat(self, slot: int, now: float, judges: bool) -> None:
        is_fresh = self.is_fresh()
        for line in list(self._live):
            if judges and now - max(line.socket.heard_at, line.live_since) > LIVE_SILENCE_SECONDS:
                line.socket.abort()
                continue
            if now < line.next_beat:
                continue
            line.next_beat = now + self.settings.beat_s
            if is_fresh:
                line.beat()
            else:
                line.socket.ping()
        patience = IDLE_BEATS_MISSED * self.settings.idle_beat_s
        for line in list(self._slots[slot]):
            if judges and now - line.socket.heard_at > patience:
                line.socket.abort()
            elif line not in self._live:
                line.beat()

    # ------------------------------------------------------------ going

    def leave(self, line: Line, why: str, is_busy: bool) -> None:
        """A line is closed; `is_busy` says that it still has a command on its way."""
        CLOSED.labels(why).inc()
        self._strangers.discard(line)
        self._live.discard(line)
        self._opened.discard(line)
        self._slots[line.slot].discard(line)
        if self._by_key.get(line.key) is line:
            del self._by_key[line.key]
        lines = self._by_user.get(line.proto.user_id)
        if lines is not None:
            lines.discard(line)
            if not lines:
                del self._by_user[line.proto.user_id]
        LINES.set(len(self._by_key))
        if not len(self):
            self._is_empty.set()
        if not is_busy:
            self.left(line)

    def left(self, line: Line) -> None:
        """A closed line has nothing on its way any more: presence and signaling are told.

        Both go by the epoch, so that what is said of a replaced line never meets its successor.
        """
        if not line.proto.epoch:
            return
        log(__name__).debug("line closed", line=line.key, epoch=line.proto.epoch)
        self._lease.release(line.proto)
        farewell = asyncio.create_task(self._link.gone(line.proto))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    def renew(self) -> None:
        """Has every line opened anew, spread over some seconds: the server was restored from a backup."""
        for line in list(self._by_key.values()):
            line.reconnect(round(random.random() * RENEW_SECONDS * 1000))

    async def drain(self, seconds: float) -> None:
        """Sends every line elsewhere, spread over `seconds`, in which load balancers find out. Who is still
        here a second later is closed, with the answer to what he asked last.
        """
        self.is_draining = True
        self._is_empty.clear()
        lead = min(MOST_LEAD_SECONDS, seconds / 3)
        for line in [*self._by_key.values(), *self._strangers]:
            line.reconnect(round(random.uniform(lead, seconds) * 1000))
        await asyncio.sleep(seconds)
        if len(self) and seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._is_empty.wait()
        if work := [line.work for line in self._by_key.values() if line.work is not None]:
            await asyncio.wait(work, timeout=COMMAND_SECONDS)
        for line in [*self._by_key.values(), *self._strangers]:
            line.goodbye(Refusal(Reason.REASON_UNAVAILABLE, "This gateway stops."), RESTART)
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=2.0)
        await self._lease.flush()


@functools.cache  # looking labels up costs more than counting
def _counter(kind: str, outcome: str) -> Counter:
    return COMMANDS.labels(kind, outcome)


@functools.cache
def _waited(kind: str) -> Histogram:
    return WAITED.labels(kind)


def _one(headers: Headers, name: str) -> str:
    """A header that is there once; "" otherwise."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else ""
