"""The people of one scene, their devices, and what they and the operator can ask for outside of calls."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from ringline.bus import Bus
from ringline.ids import mint
from ringline.refusal import Refusal
from ringline.v1 import blocks_pb2, client_pb2, presence_pb2, signaling_pb2, types_pb2
from tests.properties.gateway import Connection, Gateway
from tests.properties.history import Gate, History, Kept, Revoked, Saw, row_of
from tests.properties.town import UNKNOWN, Person, Town

TRIES = 4
TALKING = (client_pb2.PHASE_CONNECTING, client_pb2.PHASE_CONNECTED)


@dataclass(eq=False)
class Device:
    """A device of somebody: its line, and what it has been shown."""

    person: Person
    number: int
    device_id: str = field(default_factory=lambda: mint("d_"))
    connection: Connection | None = None
    former: Connection | None = None
    is_revoked: bool = False
    calls: dict[str, client_pb2.Call] = field(default_factory=dict)
    rang: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    """Calls of which it said that they wait behind another."""
    said: list[tuple[client_pb2.ClientFrame, str, str]] = field(default_factory=list)

    @property
    def line(self) -> Connection | None:
        """The open line, if there is one."""
        if self.connection is not None and not self.connection.is_open:
            self.former, self.connection = self.connection, None
        return self.connection

    def show(self, call: client_pb2.Call) -> None:
        """Takes a view in."""
        known = self.calls.get(call.call_id)
        if call.call_id and (known is None or call.version >= known.version):
            self.calls[call.call_id] = call

    def live(self) -> list[client_pb2.Call]:
        """The calls that go on as far as it knows, the newest first."""
        return [one for one in reversed(self.calls.values()) if one.phase != client_pb2.PHASE_ENDED]

    def talking(self) -> list[client_pb2.Call]:
        """Those of them that are answered and are on this device."""
        return [one for one in self.live() if one.here and one.phase in TALKING]


class Stage:
    """The people of one scene, their devices and their two gateways."""

    def __init__(self, town: Town, people: list[Person], devices: int, key: str = "", seed: int = 0) -> None:
        self.town = town
        self.people = people
        self.history = History(people=tuple(one.user_id for one in people))
        chance = random.Random(seed)
        self.news = asyncio.Event()
        self.gateways = [Gateway(town, self.history, chance, number, self.news) for number in range(2)]
        self.devices = [Device(one, number) for one in people for number in range(devices)]
        self._key = key
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def enter(self, device: Device, gateway: int, presence: int = 0) -> None:
        """Opens a device's line, or opens it anew."""
        if device.is_revoked:  # its ticket is not good any more
            return
        wish = types_pb2.Line(user_id=device.person.user_id, device_id=device.device_id, instance="instance1")
        before = device.line
        made = await self.gateways[gateway].enter(wish, device, presence)
        if made is not None:
            device.former, device.connection = before or device.former, made

    async def say(
        self,
        device: Device,
        verb: str,
        about: str,
        pods: tuple[int, ...],
        command_id: str = "",
        **body: object,
    ) -> Refusal | client_pb2.Call | None:
        """A command of this device, to these processes of signaling; None where it has no open line."""
        line = device.line
        if line is None:
            return None
        frame = client_pb2.ClientFrame(command_id=command_id or self.command_id(), **body)  # type: ignore[arg-type]
        device.said.append((frame, verb, about))
        return await line.say(frame, verb, about, pods)

    async def until(self, holds: Callable[[], bool], within: float) -> bool:
        """Waits until something is so, at most `within` seconds; whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not holds():
                    self.news.clear()
                    await self.news.wait()
        return holds()

    def command_id(self) -> str:
        """A new idempotency key."""
        return f"{self._key}{next(self._numbers):020}"

    def start(self, work: Awaitable[object]) -> asyncio.Task[None]:
        """Lets something happen beside everything else."""

        async def run() -> None:
            await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Waits for everything that was started."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def only_compared(self, call_id: str = "") -> list[Saw]:
        """What lines were shown by a comparison and neither a wake-up nor an answer has told them until now,
        of one call or of all. A comparison that was only faster is not in it.
        """
        told: defaultdict[tuple[str, str], int] = defaultdict(int)
        for gateway in self.gateways:
            for key, version in gateway.woken.items():
                told[key] = max(told[key], version)
        of_it = [saw for saw in self.history.saw if call_id in ("", saw.view.call_id)]
        for saw in of_it:
            if saw.way in ("reply", "late", "welcome"):
                key = saw.line, saw.view.call_id
                told[key] = max(told[key], saw.view.version)
        # A beat says that it is over, and not which version that is: it is newer than what the line had.
        return [
            saw
            for saw in of_it
            if saw.way in ("repair", "beat")
            and told[saw.line, saw.view.call_id] < saw.view.version + (saw.way == "beat")
        ]

    async def note_kept(self) -> Kept:
        """Notes what is kept of these people's calls now."""
        asked = time.monotonic()
        found = await self.town.kept(self.history.people)
        rows = tuple(row_of(record, digest) for record, digest in found)
        kept = Kept(asked, time.monotonic(), rows)
        self.history.kept.append(kept)
        return kept


@asynccontextmanager
async def on_stage(stage: Stage, bus: Bus) -> AsyncIterator[Stage]:
    """With both gateways listening."""
    for gateway in stage.gateways:
        await gateway.open(bus)
    try:
        yield stage
    finally:
        for gateway in stage.gateways:
            await gateway.close()


async def gate(stage: Stage, user_id: str, other_id: str, closed: bool, pod: int) -> None:
    """Blocks, or lifts a block, as often as it takes to be acknowledged."""
    asked, stubs = time.monotonic(), stage.town.policy
    number = len(stage.history.gates)
    stage.history.gates.append(Gate(user_id, other_id, closed, asked))
    for turn in range(TRIES):
        stub = stubs[(pod + turn) % len(stubs)]
        try:
            if closed:
                await stub.Block(blocks_pb2.BlockRequest(user_id=user_id, other_user_id=other_id))
            else:
                await stub.Unblock(blocks_pb2.UnblockRequest(user_id=user_id, other_user_id=other_id))
        except Refusal as refusal:
            if refusal.name not in UNKNOWN:
                return
        else:
            stage.history.gates[number] = Gate(user_id, other_id, closed, asked, time.monotonic())
            return


async def revoke(stage: Stage, device: Device, pod: int) -> None:
    """Revokes a device as directory does: its lines are expelled, its calls end."""
    device.is_revoked = True
    user_id, device_id = device.person.user_id, device.device_id
    asked, number = time.monotonic(), len(stage.history.revoked)
    stage.history.revoked.append(Revoked(user_id, device_id, asked))
    presence, signaling = stage.town.expellers, stage.town.gates
    for turn in range(TRIES):
        at = (pod + turn) % len(presence)
        expel = presence_pb2.ExpelRequest(user_id=user_id, device_id=device_id)
        drop = signaling_pb2.DropDeviceRequest(user_id=user_id, device_id=device_id)
        try:
            await presence[at].Expel(expel)
            await signaling[at].DropDevice(drop)
        except Refusal as refusal:
            if refusal.name not in UNKNOWN:
                raise
        else:
            stage.history.revoked[number] = Revoked(user_id, device_id, asked, time.monotonic())
            return


async def end_by_operator(stage: Stage, call_id: str, pod: int) -> None:
    """Ends a call."""
    stubs = stage.town.signaling
    for turn in range(TRIES):
        try:
            await stubs[(pod + turn) % len(stubs)].EndCall(signaling_pb2.EndCallRequest(call_id=call_id))
        except Refusal as refusal:
            if refusal.name not in UNKNOWN:
                return
        else:
            return
