"""A block against calls that are being placed, with the real signaling."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator

import pytest

from ringline import ids
from ringline.asker import Asker
from ringline.node import Node
from ringline.v1 import (
    client_pb2,
    directory_pb2_grpc,
    policy_pb2_grpc,
    signaling_pb2,
    signaling_pb2_grpc,
    types_pb2,
)
from services import directory, policy, presence, signaling
from services.policy.settings import Settings
from tests.conftest import SettingsFor
from tests.servers import RING_AT_WILL
from tests.service.pods import channel_to
from tests.service.policy.conftest import CHEAP, EVERYONE, People, Policy, channels_to

ALL = ("directory", "presence", "policy", "signaling")


@pytest.fixture
async def node(settings_for: SettingsFor) -> AsyncIterator[Node]:
    """One process with everything that a call needs."""
    async with Node(await settings_for(*ALL), ALL) as node:
        await node.build("directory", functools.partial(directory.build, settings=CHEAP))
        await node.build("presence", presence.build)
        budgets = Settings.load(**RING_AT_WILL)
        await node.build("policy", functools.partial(policy.build, settings=budgets))
        await node.build("signaling", signaling.build)
        await node.start()
        await node.started()
        yield node


@pytest.fixture
async def real(node: Node) -> AsyncIterator[tuple[People, Policy]]:
    """Directory and policy of that process."""
    async with channels_to(node) as channels:
        yield (
            People(*map(directory_pb2_grpc.DirectoryStub, channels)),
            Policy(node, *map(policy_pb2_grpc.PolicyStub, channels)),
        )


class Caller:
    """A line that places calls."""

    def __init__(
        self, node: Node, user_id: str, link: Asker[signaling_pb2.Command, signaling_pb2.CommandReply]
    ):
        self._node = node
        self._link = link
        self._numbers = itertools.count(1)
        self._line = types_pb2.Line(
            user_id=user_id,
            device_id=ids.mint_device(),
            instance="tab-0001",
            epoch=1,
            gateway_id=ids.mint_gateway(),
        )

    async def place(self, username: str) -> str:
        """Places a call; its id."""
        place = client_pb2.Place(username=username, kinds=types_pb2.Kinds(audio=True))
        frame = client_pb2.ClientFrame(command_id=f"command-{next(self._numbers):08}", place=place)
        reply = await self._link.ask(signaling_pb2.Command(line=self._line, frame=frame))
        assert reply.frame.done.call.phase == client_pb2.PHASE_CALLING
        return reply.frame.done.call.call_id

    async def hang_up(self, call_id: str) -> None:
        """Ends a call."""
        hang_up = client_pb2.HangUp(call_id=call_id)
        frame = client_pb2.ClientFrame(command_id=f"command-{next(self._numbers):08}", hang_up=hang_up)
        await self._link.ask(signaling_pb2.Command(line=self._line, frame=frame))

    async def is_heard(self, call_id: str) -> bool:
        """Whether the callee's side of a call is live."""
        async with channel_to(self._node, "operator") as channel:
            stub = signaling_pb2_grpc.SignalingStub(channel)
            found = await stub.FindCall(signaling_pb2.FindCallRequest(call_id=call_id))
        return not found.call.shadow and found.call.ending == types_pb2.ENDING_UNSPECIFIED


@pytest.mark.shows("S5")
async def test_after_the_acknowledgement_nothing_rings_and_after_unblocking_it_does(
    node: Node, real: tuple[People, Policy]
) -> None:
    people, one = real
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    async with Asker[signaling_pb2.Command, signaling_pb2.CommandReply](
        "signaling",
        lambda channel: signaling_pb2_grpc.SignalingStub(channel).Link,
        lambda: [f"127.0.0.1:{node.port}"],
        lambda commands: signaling_pb2.LinkRequest(commands=commands),
        lambda response: response.replies,
        caller="gateway",
    ) as link:
        caller = Caller(node, ada, link)
        for number in range(8):
            if number % 2:
                call_id = await caller.place("@bob")
                assert await caller.is_heard(call_id)
                await one.block(bob, ada)
            else:  # the block meets the call on its way
                _, call_id = await asyncio.gather(one.block(bob, ada), caller.place("@bob"))
            assert not await caller.is_heard(call_id)
            await caller.hang_up(call_id)
            late = await caller.place("@bob")
            assert not await caller.is_heard(late)
            await caller.hang_up(late)
            await one.unblock(bob, ada)
        last = await caller.place("@bob")
        assert await caller.is_heard(last)
