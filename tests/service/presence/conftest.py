"""Two pods of presence on one database, asked by a gateway and by signaling, and an ear on the bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from ringline import ids
from ringline.asker import Asker
from ringline.bus import Bus
from ringline.config import NodeSettings
from ringline.node import Node
from ringline.v1 import presence_pb2, presence_pb2_grpc, signaling_pb2, types_pb2
from services import presence
from tests.conftest import SettingsFor
from tests.service.pods import channel_to, pods

Claim = presence_pb2.ClaimRequest


class Presence:
    """What a gateway says to one pod, and, of a revoked device, directory."""

    def __init__(
        self, stub: presence_pb2_grpc.PresenceAsyncStub, directory: presence_pb2_grpc.PresenceAsyncStub
    ) -> None:
        self.stub = stub
        self._directory = directory

    async def claim(self, line: types_pb2.Line, **ticket: object) -> types_pb2.Line:
        """Claims a line with a fresh ticket, or with the one that is given."""
        request = presence_pb2.ClaimRequest(
            line=line, ticket_id=ids.mint_ticket(), ticket_expires_at_ms=in_ms(30_000)
        )
        for name, value in ticket.items():
            setattr(request, name, value)
        return (await self.stub.Claim(request)).line

    async def renew(self, gateway_id: str, lines: int = 0) -> presence_pb2.RenewResponse:
        """Renews a lease."""
        return await self.stub.Renew(presence_pb2.RenewRequest(gateway_id=gateway_id, lines=lines))

    async def release(self, *lines: types_pb2.Line) -> int:
        """Takes lines off."""
        return (await self.stub.Release(presence_pb2.ReleaseRequest(lines=lines))).released

    async def expel(self, user_id: str, device_id: str) -> list[types_pb2.Line]:
        """Takes a device off."""
        request = presence_pb2.ExpelRequest(user_id=user_id, device_id=device_id)
        return list((await self._directory.Expel(request)).lines)


class Ear:
    """What was said to one gateway over the bus."""

    def __init__(self) -> None:
        self.fenced: list[types_pb2.Line] = []
        self.expelled: list[types_pb2.Line] = []
        self._heard = asyncio.Event()

    def hear(self, wake: bytes) -> None:
        """Notes a wake-up."""
        heard = signaling_pb2.Wake.FromString(wake)
        self.fenced += heard.fenced
        self.expelled += heard.expelled
        self._heard.set()

    async def until_fenced(self, lines: int) -> list[types_pb2.Line]:
        """Waits until that many lines were fenced."""
        return await self._until(self.fenced, lines)

    async def until_expelled(self, lines: int) -> list[types_pb2.Line]:
        """Waits until that many lines were expelled."""
        return await self._until(self.expelled, lines)

    async def _until(self, heard: list[types_pb2.Line], lines: int) -> list[types_pb2.Line]:
        async with asyncio.timeout(5):
            while len(heard) < lines:
                self._heard.clear()
                await self._heard.wait()
        return heard


def in_ms(milliseconds: int) -> int:
    """A time from now, in Unix milliseconds."""
    return round(time.time() * 1000) + milliseconds


def new_line(
    gateway_id: str, user_id: str = "", device_id: str = "", instance: str = "tab-0001"
) -> types_pb2.Line:
    """A line that was not claimed yet."""
    return types_pb2.Line(
        user_id=user_id or ids.mint_user(),
        device_id=device_id or ids.mint_device(),
        instance=instance,
        gateway_id=gateway_id,
    )


def at(line: types_pb2.Line, gateway_id: str) -> types_pb2.Line:
    """The same instance of the same device, at another gateway."""
    return new_line(gateway_id, line.user_id, line.device_id, line.instance)


@pytest.fixture
async def settings(settings_for: SettingsFor) -> NodeSettings:
    """A database with the schema of presence, and a bus."""
    return await settings_for("presence")


@pytest.fixture
async def nodes(settings: NodeSettings) -> AsyncIterator[list[Node]]:
    """Two pods."""
    async with pods(settings, "presence", presence.build) as nodes:
        yield nodes


@pytest.fixture
async def stubs(nodes: list[Node]) -> AsyncIterator[list[Presence]]:
    """A gateway's view of each pod."""
    async with AsyncExitStack() as stack:

        async def stub(node: Node, caller: str) -> presence_pb2_grpc.PresenceAsyncStub:
            return presence_pb2_grpc.PresenceStub(await stack.enter_async_context(channel_to(node, caller)))

        yield [Presence(await stub(node, "gateway"), await stub(node, "directory")) for node in nodes]


@pytest.fixture
def one(stubs: list[Presence]) -> Presence:
    """The first pod."""
    return stubs[0]


@pytest.fixture
def other(stubs: list[Presence]) -> Presence:
    """The second pod."""
    return stubs[1]


Places = Asker[presence_pb2.LocateQuestion, presence_pb2.LocateAnswer]


@pytest.fixture
async def places(nodes: list[Node]) -> AsyncIterator[Places]:
    """Signaling's questions, spread over both pods."""
    async with Asker[presence_pb2.LocateQuestion, presence_pb2.LocateAnswer](
        "presence",
        lambda channel: presence_pb2_grpc.PresenceStub(channel).Locate,
        lambda: [f"127.0.0.1:{node.port}" for node in nodes],
        lambda questions: presence_pb2.LocateRequest(questions=questions),
        lambda response: response.answers,
        caller="signaling",
    ) as asker:
        yield asker


async def located(places: Places, *user_ids: str) -> list[types_pb2.Line]:
    """The open lines of users."""
    return list((await places.ask(presence_pb2.LocateQuestion(user_ids=user_ids))).lines)


@pytest.fixture
async def ear_of(settings: NodeSettings) -> AsyncIterator[Callable[[str], asyncio.Future[Ear]]]:
    """`await ear_of(gateway_id)` hears what that gateway is told from then on."""
    bus = await Bus(settings.nats_url, "ear").connect()

    async def listen(gateway_id: str) -> Ear:
        ear = Ear()
        await bus.subscribe_wakes(gateway_id, ear.hear)
        await bus.client.flush()
        return ear

    yield lambda gateway_id: asyncio.ensure_future(listen(gateway_id))
    await bus.close()
