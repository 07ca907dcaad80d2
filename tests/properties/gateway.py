"""What stands in for two gateways: their lines and their ears, without sockets.

Real are the gateway's own rooms Link (wake-ups, their numbers, comparisons) and Views (which frames a line
needs), the streams to signaling, the subscription to the bus, claims, releases and renewals at presence.
Scripted are the sockets and what gets lost: a gateway that is `deaf` loses that many wake-ups. Commands of
one line are taken in their order, as a gateway takes them; those of different lines race.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from ringline.bus import Bus
from ringline.ids import mint
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, presence_pb2, signaling_pb2, types_pb2
from services.gateway.link import Held, Link
from services.gateway.views import Views
from tests.properties.history import Closed, History, Opened, Said, Saw, view_of
from tests.properties.town import AnyPod, Town, new_ticket

SYNC_SECONDS = 2.0
RENEW_SECONDS = 1.5
CANDIDATES = client_pb2.ServerFrame(peer_candidates=client_pb2.PeerCandidates()).SerializeToString()[:1]

now = time.monotonic


class Screen(Protocol):
    """What a device knows of its calls."""

    def show(self, call: client_pb2.Call) -> None:
        """Takes a view in."""

    def live(self) -> list[client_pb2.Call]:
        """The calls that go on as far as it knows."""


@dataclass(eq=False)
class Connection:
    """One connection of a device: what a gateway calls a line."""

    gateway: Gateway
    proto: types_pb2.Line
    screen: Screen
    views: Views = field(default_factory=Views)
    early: list[tuple[str, signaling_pb2.LineFrame]] | None = field(default_factory=list)
    is_open: bool = True
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def key(self) -> str:
        """The line as device.instance."""
        return f"{self.proto.device_id}.{self.proto.instance}"

    def show(self, frame: signaling_pb2.LineFrame, way: str) -> None:
        """A frame for this line: shown unless it has seen as much."""
        if self.early is not None:
            self.early.append((way, frame))
            return
        is_whole = not frame.frame.startswith(CANDIDATES)
        if not self.is_open or not self.views.takes(frame.call_id, frame.version, frame.live, is_whole):
            return
        if is_whole and frame.call_id:  # else it is about a thread
            self._note(client_pb2.ServerFrame.FromString(frame.frame).call, way, now())

    def _note(self, call: client_pb2.Call, way: str, asked: float) -> None:
        line = self.proto
        self.gateway.history.saw.append(
            Saw(self.key, line.user_id, line.epoch, now(), asked, way, view_of(call))
        )
        if way != "late":
            self.screen.show(call)
        self.gateway.news.set()

    def welcome(self, calls: Iterable[client_pb2.Call], asked: float) -> None:
        """The first that this line sees. A live call that the device holds and does not find here is over."""
        calls = list(calls)
        named = {call.call_id for call in calls}
        for held in self.screen.live():
            if held.call_id not in named:
                self._over(held.call_id, held.version)
        for call in calls:
            self.views.takes(call.call_id, call.version, call.phase != client_pb2.PHASE_ENDED)
            self._note(call, "welcome", asked)
        early, self.early = self.early, None
        for way, frame in early or ():
            self.show(frame, way)

    def settle(self, call_id: str, version: int, live: frozenset[str]) -> None:
        """After a comparison: a call that is not live any more is left out of the next beat."""
        self.views.settle([(call_id, version)], live)
        if (
            call_id not in {known for known, _ in self.views.live()}
            and self.views.version(call_id) == version
        ):
            self._over(call_id, version)

    def _over(self, call_id: str, version: int) -> None:
        call = client_pb2.Call(call_id=call_id, version=version, phase=client_pb2.PHASE_ENDED)
        self._note(call, "beat", now())

    def replied(self, call: client_pb2.Call, asked: float) -> None:
        """The view in the reply to a command; "late" where a newer one was faster."""
        if not self.is_open:
            return
        is_news = self.views.takes(call.call_id, call.version, call.phase != client_pb2.PHASE_ENDED)
        is_late = not is_news and call.version < self.views.version(call.call_id)
        self._note(call, "late" if is_late else "reply", asked)

    async def say(
        self, frame: client_pb2.ClientFrame, verb: str, about: str, pods: tuple[int, ...] = (0,)
    ) -> Refusal | client_pb2.Call | None:
        """A command, after those that were said before; to several pods at once where several are named.

        None where the line was closed before its turn came.
        """
        async with self.turn:
            if not self.is_open:
                return None
            outcomes = await asyncio.gather(*(self.attempt(frame, verb, about, pod) for pod in pods))
            done = [one for one in outcomes if isinstance(one, client_pb2.Call)]
            return done[0] if done else outcomes[0]

    async def attempt(
        self, frame: client_pb2.ClientFrame, verb: str, about: str, pod: int
    ) -> Refusal | client_pb2.Call:
        """One attempt of a command, out of turn. What it was answered is noted and, if it is open, shown."""
        asked = now()
        command = signaling_pb2.Command(line=self.proto, frame=frame)
        call, refusal = client_pb2.Call(), None
        try:
            reply = await self.gateway.pods.ask_first(command, pod)
            call = reply.frame.done.call
        except Refusal as refused:
            refusal = refused
        line = self.proto
        self.gateway.history.said.append(
            Said(
                self.key,
                line.user_id,
                line.epoch,
                frame.command_id,
                verb,
                about,
                asked,
                now(),
                refusal.name if refusal is not None else "",
                call.call_id,
            )
        )
        if refusal is not None:
            return refusal
        if call.call_id:
            self.replied(call, asked)
        return call


class Gateway:
    """One gateway with the lines of some people; whoever plays calls `open` and `close`."""

    def __init__(
        self, town: Town, history: History, chance: random.Random, number: int, news: asyncio.Event
    ) -> None:
        self.id = mint("g_")
        self.town = town
        self.history = history
        self.pods = AnyPod(town.links, chance)
        self.deaf = 0
        self.woken: dict[tuple[str, str], int] = {}
        """By line and call, the newest version that a wake-up brought, whether or not it was news by then."""
        self.news = news
        self._number = number
        self._by_key: dict[str, Connection] = {}
        self._opened: set[Connection] = set()
        self._way = "repair"
        self._tasks: list[asyncio.Task[None]] = []
        self._farewells: set[asyncio.Task[None]] = set()
        self.link = Link(self.pods, self.id, SYNC_SECONDS)  # type: ignore[arg-type]
        self.link.held, self.link.deliver = self._held, self._deliver
        self.link.settle, self.link.fence, self.link.expel = self._settle, self._fence, self._fence

    async def open(self, bus: Bus) -> None:
        """Begins to listen."""
        await bus.subscribe_wakes(self.id, self._hear)
        self._tasks = [asyncio.create_task(self.link.run()), asyncio.create_task(self._renew())]

    async def close(self) -> None:
        """Stops everything."""
        if self._farewells:
            await asyncio.wait(self._farewells)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def repaired(self, within: float) -> None:
        """Compares with signaling, and waits for it."""
        began = asyncio.get_running_loop().time()
        self.link.compare()
        async with asyncio.timeout(within):
            while self.link.synced_at < began:
                self.news.clear()
                self.link.compare()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await self.news.wait()

    # ------------------------------------------------------------ lines

    async def enter(self, wish: types_pb2.Line, screen: Screen, presence: int = 0) -> Connection | None:
        """Opens a line: claims it, asks what it must know. None where somebody was away."""
        asked = now()
        wish.gateway_id = self.id
        try:
            claimed = await self._claim(wish, presence)
        except Refusal:
            return None
        made = Connection(self, claimed, screen)
        before = self._by_key.get(made.key)
        if before is not None and before.proto.epoch > claimed.epoch:
            return None
        if before is not None:
            self.leave(before)
        self._by_key[made.key] = made
        try:
            reply = await self.link.arrived(made.proto)
        except Refusal:
            self.leave(made)
            return None
        if not made.is_open:
            return None
        live = tuple(one.call_id for one in reply.calls if one.phase != client_pb2.PHASE_ENDED)
        self.history.opened.append(Opened(made.key, claimed.user_id, claimed.epoch, asked, now(), live))
        made.welcome(reply.calls, asked)
        self._opened.add(made)
        return made

    async def _claim(self, wish: types_pb2.Line, presence: int) -> types_pb2.Line:
        expires = round(time.time() * 1000) + 30_000
        stubs = self.town.presence
        for number in range(len(stubs)):
            request = presence_pb2.ClaimRequest(
                line=wish, ticket_id=new_ticket(), ticket_expires_at_ms=expires
            )
            try:
                return (await stubs[(presence + number) % len(stubs)].Claim(request)).line
            except Refusal:
                if number == len(stubs) - 1:
                    raise
        raise AssertionError("the last one answers or raises")

    def leave(self, connection: Connection) -> None:
        """A line is closed; once what it has on its way is done, presence and signaling are told."""
        if not connection.is_open:
            return
        connection.is_open = False
        line = connection.proto
        self.history.closed.append(Closed(connection.key, line.user_id, line.epoch, now()))
        if self._by_key.get(connection.key) is connection:
            del self._by_key[connection.key]
        self._opened.discard(connection)
        task = asyncio.create_task(self._bid_farewell(connection))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _bid_farewell(self, connection: Connection) -> None:
        async with connection.turn:
            request = presence_pb2.ReleaseRequest(lines=[connection.proto])
            with suppress(Refusal):
                await self.town.presence[self._number % len(self.town.presence)].Release(request)
            await self.link.gone(connection.proto)

    async def _renew(self) -> None:
        stubs = self.town.presence
        turn = self._number
        while True:
            request = presence_pb2.RenewRequest(gateway_id=self.id, lines=len(self._by_key))
            with suppress(Refusal):
                answer = await stubs[turn % len(stubs)].Renew(request)
                self._fence([*answer.replaced, *answer.expelled])
            turn += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await asyncio.Event().wait()

    # ------------------------------------------------------------ what Link asks and says

    def _hear(self, data: bytes) -> None:
        if self.deaf:
            self.deaf -= 1
            return
        self._way = "wake"
        self.link.hear(data)
        self._way = "repair"
        self.news.set()

    def _held(self) -> Held:
        live = [
            (one.proto, call_id, seen) for one in self._by_key.values() for call_id, seen in one.views.live()
        ]
        return live + [(one.proto, "", 0) for one in self._opened]

    def _deliver(self, frame: signaling_pb2.LineFrame) -> None:
        named = [self._by_key[frame.line]] if frame.line in self._by_key else []
        for one in named if frame.line else list(self._by_key.values()):
            if one.proto.user_id == frame.user_id:
                if self._way == "wake":
                    key = one.key, frame.call_id
                    self.woken[key] = max(frame.version, self.woken.get(key, 0))
                one.show(frame, self._way)

    def _settle(self, held: Held, live: frozenset[str]) -> None:
        for proto, call_id, version in held:
            one = self._by_key.get(f"{proto.device_id}.{proto.instance}")
            if one is None or one.proto.epoch != proto.epoch:
                continue
            if call_id:
                one.settle(call_id, version, live)
            else:
                self._opened.discard(one)
        self.news.set()

    def _fence(self, lines: Iterable[types_pb2.Line]) -> None:
        for gone in lines:
            one = self._by_key.get(f"{gone.device_id}.{gone.instance}")
            if one is not None and one.proto.epoch <= gone.epoch:
                self.leave(one)
