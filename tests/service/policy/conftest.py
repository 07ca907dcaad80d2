"""Two pods of policy, the real directory beside them, and a signaling that notes what it is told to sever."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from grpc import aio

from ringline.asker import Asker
from ringline.config import NodeSettings
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import (
    accounts_pb2,
    blocks_pb2,
    conversations_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    policy_pb2,
    policy_pb2_grpc,
    signaling_pb2,
    signaling_pb2_grpc,
    types_pb2,
)
from ringline.v1.policy_pb2 import Audience
from ringline.wire import Channel
from services import directory, policy
from services.directory.settings import Settings
from services.policy.settings import Settings as PolicySettings
from tests.conftest import Databases
from tests.servers import RING_AT_WILL
from tests.service.pods import channel_to, pods
from tests.service.policy.boxes import FakeConversations

CHEAP = Settings.load(hash_memory_kib=8, hash_passes=1, hash_queue=1000, sign_ups_per_hour=0)
CONTACTS, FOLLOWING = Audience.AUDIENCE_CONTACTS, Audience.AUDIENCE_FOLLOWING
VERIFIED, EVERYONE = Audience.AUDIENCE_VERIFIED, Audience.AUDIENCE_EVERYONE

Verdicts = Asker[policy_pb2.Attempt, policy_pb2.Verdict]


class FakeSignaling(signaling_pb2_grpc.SignalingServicer):
    """Gates without calls: which are closed, and what was asked; refuses or waits where told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bool]] = []
        self.generations: list[int] = []
        self.closed: set[tuple[str, str]] = set()
        self.refusal: Refusal | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._changed = asyncio.Condition()

    async def Sever(
        self,
        request: signaling_pb2.SeverRequest,
        context: aio.ServicerContext[signaling_pb2.SeverRequest, signaling_pb2.SeverResponse],
    ) -> signaling_pb2.SeverResponse:
        """Closes or opens a gate."""
        async with self._changed:
            self.asked.append((request.user_id, request.other_user_id, request.closed))
            self.generations.append(request.generation)
            self._changed.notify_all()
        await self.may_answer.wait()
        if self.refusal is not None:
            raise self.refusal
        gate = (request.user_id, request.other_user_id)
        async with self._changed:
            (self.closed.add if request.closed else self.closed.discard)(gate)
            self._changed.notify_all()
        return signaling_pb2.SeverResponse()

    async def until(self, holds: Callable[[FakeSignaling], bool]) -> None:
        """Waits until something is so."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: holds(self))

    def Link(self, request_iterator: object, context: object) -> AsyncIterator[signaling_pb2.LinkResponse]:
        """Not of policy's concern."""
        raise NotImplementedError

    async def DropDevice(self, request: object, context: object) -> signaling_pb2.DropDeviceResponse:
        """Not of policy's concern."""
        raise NotImplementedError

    async def FindCall(self, request: object, context: object) -> signaling_pb2.FindCallResponse:
        """Not of policy's concern."""
        raise NotImplementedError

    async def ListEnded(self, request: object, context: object) -> signaling_pb2.ListEndedResponse:
        """Not of policy's concern."""
        raise NotImplementedError

    async def EndCall(self, request: object, context: object) -> signaling_pb2.EndCallResponse:
        """Not of policy's concern."""
        raise NotImplementedError


class Policy:
    """What the gateway, the operator and conversations ask of one pod."""

    def __init__(
        self,
        node: Node,
        stub: policy_pb2_grpc.PolicyAsyncStub,
        operator: policy_pb2_grpc.PolicyAsyncStub,
        conversations: policy_pb2_grpc.PolicyAsyncStub,
    ) -> None:
        self.stub = stub
        self.operator = operator
        self._conversations = conversations
        self.node = node

    async def may_message(
        self, user_id: str, other_user_id: str, first: bool = True, client_id: str = ""
    ) -> policy_pb2.MayMessageResponse:
        """Asks for the verdict on a message."""
        request = policy_pb2.MayMessageRequest(
            user_id=user_id, other_user_id=other_user_id, first=first, client_id=client_id
        )
        return await self._conversations.MayMessage(request)

    async def hear(self, user_id: str, *audiences: Audience.ValueType) -> None:
        """Sets who may write."""
        settings = policy_pb2.MessageSettings(audiences=audiences)
        request = policy_pb2.SetMessageSettingsRequest(user_id=user_id, settings=settings)
        await self.stub.SetMessageSettings(request)

    async def hears(self, user_id: str) -> list[Audience.ValueType]:
        """Who may write."""
        answer = await self.stub.GetMessageSettings(policy_pb2.GetMessageSettingsRequest(user_id=user_id))
        return list(answer.settings.audiences)

    async def allow(self, user_id: str, *audiences: Audience.ValueType) -> None:
        """Sets who may call."""
        settings = policy_pb2.CallSettings(audiences=audiences)
        await self.stub.SetCallSettings(policy_pb2.SetCallSettingsRequest(user_id=user_id, settings=settings))

    async def audiences(self, user_id: str) -> list[Audience.ValueType]:
        """Who may call."""
        answer = await self.stub.GetCallSettings(policy_pb2.GetCallSettingsRequest(user_id=user_id))
        return list(answer.settings.audiences)

    async def block(self, user_id: str, other_user_id: str) -> None:
        """Blocks."""
        await self.stub.Block(blocks_pb2.BlockRequest(user_id=user_id, other_user_id=other_user_id))

    async def unblock(self, user_id: str, other_user_id: str) -> None:
        """Lifts a block."""
        await self.stub.Unblock(blocks_pb2.UnblockRequest(user_id=user_id, other_user_id=other_user_id))

    async def blocks(self, user_id: str) -> list[str]:
        """Whom a user blocks."""
        return list((await self.stub.ListBlocks(blocks_pb2.ListBlocksRequest(user_id=user_id))).user_ids)

    async def entitle(self, **tiers: tuple[bool, bool]) -> int:
        """Replaces the entitlements (audio, video) by tier; "others" is written "*"."""
        rows = [
            policy_pb2.Entitlement(
                tier="*" if tier == "others" else tier, place_audio=audio, place_video=video
            )
            for tier, (audio, video) in tiers.items()
        ]
        answer = await self.operator.SetEntitlements(policy_pb2.SetEntitlementsRequest(entitlements=rows))
        return answer.version


class People:
    """The directory, as far as these tests need it."""

    def __init__(
        self,
        stub: directory_pb2_grpc.DirectoryAsyncStub,
        operator: directory_pb2_grpc.DirectoryAsyncStub,
        conversations: directory_pb2_grpc.DirectoryAsyncStub,
    ) -> None:
        self._stub = stub
        self._operator = operator
        self._conversations = conversations

    async def new(self, username: str) -> str:
        """Makes an account; its user id."""
        request = accounts_pb2.SignUpRequest(username=username, password="correct horse battery")
        return (await self._operator.SignUp(request)).account.profile.user_id

    async def relate(self, user_id: str, username: str, relation: directory_pb2.Relation.ValueType) -> None:
        """Adds an edge."""
        await self._stub.SetRelation(
            directory_pb2.SetRelationRequest(
                user_id=user_id, username=username, relation=relation, present=True
            )
        )

    async def wrote(self, user_id: str, other_user_id: str) -> None:
        """Notes that one has written to another."""
        await self._conversations.NoteMessaged(
            directory_pb2.NoteMessagedRequest(user_id=user_id, other_user_id=other_user_id)
        )

    async def standing(self, user_id: str, tier: str | None = None, verified: bool | None = None) -> None:
        """Sets tier and verified mark."""
        await self._operator.SetStanding(
            directory_pb2.SetStandingRequest(user_id=user_id, tier=tier, verified=verified)
        )


@asynccontextmanager
async def channels_to(node: Node) -> AsyncIterator[list[Channel]]:
    """Channels in the name of the gateway, of the operator and of conversations."""
    async with AsyncExitStack() as stack:
        callers = ("gateway", "operator", "conversations")
        yield [await stack.enter_async_context(channel_to(node, caller)) for caller in callers]


def attempt(caller_id: str, callee: str, video: bool = False, **more: object) -> policy_pb2.Attempt:
    """An attempt to call `callee`, by "@username" or by id."""
    made = policy_pb2.Attempt(
        act=policy_pb2.ACT_PLACE, caller_id=caller_id, kinds=types_pb2.Kinds(audio=True, video=video)
    )
    if callee.startswith("@"):
        made.callee_username = callee
    else:
        made.callee_id = callee
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.fixture
async def settings(databases: Databases) -> AsyncIterator[NodeSettings]:
    """A database with the schemas of directory and policy; neither needs the bus."""
    name = await databases.create(("directory", "policy"))
    yield databases.settings(name)
    await databases.drop(name)


@pytest.fixture
def signaling() -> FakeSignaling:
    """The gates."""
    return FakeSignaling()


@pytest.fixture
def boxes() -> FakeConversations:
    """What people see in their threads."""
    return FakeConversations()  # type: ignore[abstract]


@pytest.fixture
async def neighbours(
    settings: NodeSettings, signaling: FakeSignaling, boxes: FakeConversations
) -> AsyncIterator[Node]:
    """The process that policy asks."""

    @asynccontextmanager
    async def build(node: Node) -> AsyncIterator[None]:
        node.serve("signaling", signaling_pb2_grpc.add_SignalingServicer_to_server, signaling)
        node.serve("conversations", conversations_pb2_grpc.add_ConversationsServicer_to_server, boxes)
        yield

    # Directory asks presence too, of devices that are revoked: nobody does so here.
    async with Node(settings, ["directory", "presence", "signaling", "conversations"]) as node:
        await node.build("directory", functools.partial(directory.build, settings=CHEAP))
        await node.build("signaling", build)
        await node.start()
        await node.started()
        yield node


@pytest.fixture
async def people(neighbours: Node) -> AsyncIterator[People]:
    """The directory."""
    async with channels_to(neighbours) as channels:
        yield People(*map(directory_pb2_grpc.DirectoryStub, channels))


@pytest.fixture
def budgets() -> PolicySettings:
    """What the operator set: the ring budget has tests of its own."""
    return PolicySettings.load(**RING_AT_WILL)


@pytest.fixture
async def nodes(
    settings: NodeSettings, neighbours: Node, budgets: PolicySettings
) -> AsyncIterator[list[Node]]:
    """Two pods."""
    address = f"127.0.0.1:{neighbours.port}"
    asked = dict.fromkeys(("directory", "signaling", "conversations"), address)
    asking = settings.model_copy(update={"address": asked})
    async with pods(asking, "policy", functools.partial(policy.build, settings=budgets)) as nodes:
        yield nodes


@pytest.fixture
async def both(nodes: list[Node]) -> AsyncIterator[list[Policy]]:
    """Two pods, asked."""
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(channels_to(node)) for node in nodes]
        yield [
            Policy(node, *map(policy_pb2_grpc.PolicyStub, each))
            for node, each in zip(nodes, channels, strict=True)
        ]


@pytest.fixture
def one(both: list[Policy]) -> Policy:
    """The first pod."""
    return both[0]


@pytest.fixture
def other(both: list[Policy]) -> Policy:
    """The second pod."""
    return both[1]


@pytest.fixture
async def verdicts(nodes: list[Node]) -> AsyncIterator[Verdicts]:
    """Signaling's questions, spread over both pods."""
    async with asking(nodes) as asker:
        yield asker


@asynccontextmanager
async def asking(nodes: list[Node]) -> AsyncIterator[Verdicts]:
    """Signaling's questions to these pods."""
    async with Asker[policy_pb2.Attempt, policy_pb2.Verdict](
        "policy",
        lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
        lambda: [f"127.0.0.1:{node.port}" for node in nodes],
        lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
        lambda response: response.verdicts,
        caller="signaling",
    ) as asker:
        yield asker


async def outcome(verdicts: Verdicts, wanted: policy_pb2.Attempt) -> str:
    """What becomes of an attempt: "admitted", "unheard", or the reason of the refusal."""
    try:
        verdict = await verdicts.ask(wanted)
    except Refusal as refusal:
        return refusal.name
    return policy_pb2.Outcome.Name(verdict.outcome).removeprefix("OUTCOME_").lower()
