"""Two signaling processes in one test: real Postgres, real NATS, real streams; policy and presence say what
they are told to (their own tests and the suite use the real ones).
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ringline.answerer import answer_batches
from ringline.asker import Asker
from ringline.config import NodeSettings
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import (
    client_pb2,
    policy_pb2,
    policy_pb2_grpc,
    presence_pb2,
    presence_pb2_grpc,
    reasons_pb2,
    signaling_pb2,
    signaling_pb2_grpc,
    types_pb2,
)
from services import signaling

AUDIO = types_pb2.Kinds(audio=True)
BOTH = types_pb2.Kinds(audio=True, video=True)
GATEWAY = "g_0000000000000000000000000a"


class ToldPolicy(policy_pb2_grpc.PolicyServicer):
    """Admits everybody, but for those it is told about."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.outcome: dict[str, policy_pb2.Verdict] = {}
        self.veiled: set[str] = set()
        self.asked: list[policy_pb2.Attempt] = []

    def Decide(self, request_iterator: Any, context: Any) -> Any:
        """Answers at once."""
        return answer_batches(
            request_iterator,
            lambda request: request.attempts,
            self._decide,
            lambda verdicts: policy_pb2.DecideResponse(verdicts=verdicts),
            lambda refused: policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_REFUSED, refused=refused),
            self._node.draining,
            "Decide",
        )

    async def _decide(self, attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
        self.asked.append(attempt)
        callee = attempt.callee_id or f"u_{attempt.callee_username}"
        verdict = policy_pb2.Verdict(
            outcome=policy_pb2.OUTCOME_ADMITTED,
            caller_may_send=BOTH,
            callee_may_send=BOTH,
            device_truth=attempt.caller_id not in self.veiled,
        )
        verdict.MergeFrom(self.outcome.get(attempt.caller_id, policy_pb2.Verdict()))
        verdict.caller.CopyFrom(types_pb2.Profile(user_id=attempt.caller_id, username=attempt.caller_id[2:]))
        verdict.callee.CopyFrom(types_pb2.Profile(user_id=callee, username=callee[2:]))
        return verdict


class ToldPresence(presence_pb2_grpc.PresenceServicer):
    """Knows the lines it is told about."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.lines: dict[str, list[types_pb2.Line]] = defaultdict(list)
        self.is_away = False

    def Locate(self, request_iterator: Any, context: Any) -> Any:
        """Answers at once."""
        return answer_batches(
            request_iterator,
            lambda request: request.questions,
            self._locate,
            lambda answers: presence_pb2.LocateResponse(answers=answers),
            lambda refused: presence_pb2.LocateAnswer(refused=refused),
            self._node.draining,
            "Locate",
        )

    async def _locate(self, question: presence_pb2.LocateQuestion) -> presence_pb2.LocateAnswer:
        if self.is_away:
            raise Refusal(reasons_pb2.REASON_UNAVAILABLE)
        lines = [line for user_id in question.user_ids for line in self.lines[user_id]]
        return presence_pb2.LocateAnswer(lines=lines)


class Device:
    """One line, speaking through the Link of the pods in turn; it hears the wakes of its gateway."""

    def __init__(self, room: "Room", name: str) -> None:
        user, _, device = name.partition(".")
        self.line = types_pb2.Line(
            user_id=f"u_{user}",
            device_id=f"d_{user}{device}",
            instance="instance1",
            epoch=1,
            gateway_id=GATEWAY,
        )
        self._room = room
        self._count = 0

    @property
    def key(self) -> str:
        """The line as device.instance."""
        return f"{self.line.device_id}.{self.line.instance}"

    async def says(self, command_id: str = "", pod: int | None = None, **body: Any) -> client_pb2.Call:
        """Sends a frame and answers the call in the reply. Raises Refusal."""
        self._count += 1
        frame = client_pb2.ClientFrame(command_id=command_id or f"{self.key}-{self._count:06}", **body)
        reply = await self._room.ask(signaling_pb2.Command(line=self.line, frame=frame), pod)
        return reply.frame.done.call

    async def arrives(self) -> list[client_pb2.Call]:
        """Opens the line and answers what it must know."""
        reply = await self._room.ask(signaling_pb2.Command(line=self.line, arrived=signaling_pb2.Arrived()))
        return list(reply.calls)

    async def goes(self) -> None:
        """Closes the line."""
        await self._room.ask(signaling_pb2.Command(line=self.line, gone=signaling_pb2.Gone()))

    async def hears(self, **parts: Any) -> client_pb2.ServerFrame:
        """The newest call frame whose view has these parts, waiting for it at most five seconds."""
        async with asyncio.timeout(5):
            while True:
                for frame in self._room.heard[self.key]:
                    if all(getattr(frame.call, name) == value for name, value in parts.items()):
                        return frame
                self._room.news.clear()
                await self._room.news.wait()


class Room:
    """The pods, and what they are told."""

    def __init__(
        self, policy: ToldPolicy, presence: ToldPresence, pods: list[Asker[Any, Any]], address: str
    ) -> None:
        self.policy = policy
        self.presence = presence
        self.heard: dict[str, list[client_pb2.ServerFrame]] = defaultdict(list)
        self.wakes: list[signaling_pb2.Wake] = []
        self.news = asyncio.Event()
        self.address = address
        self._pods = pods
        self._turn = 0

    def device(self, name: str, online: bool = True) -> Device:
        """A device such as "bob.phone"."""
        device = Device(self, name)
        if online:
            self.presence.lines[device.line.user_id].append(device.line)
        return device

    async def ask(self, command: signaling_pb2.Command, pod: int | None = None) -> signaling_pb2.CommandReply:
        """One command, to the next pod."""
        self._turn += 1
        asker = self._pods[(self._turn if pod is None else pod) % len(self._pods)]
        reply: signaling_pb2.CommandReply = await asker.ask(command)
        return reply

    async def sync(self, *held: signaling_pb2.Held) -> signaling_pb2.CommandReply:
        """The gateway's anti-entropy frame."""
        line = types_pb2.Line(gateway_id=GATEWAY)
        return await self.ask(signaling_pb2.Command(line=line, sync=signaling_pb2.Sync(held=held)))

    def hear(self, data: bytes) -> None:
        """A wake of the bus."""
        wake = signaling_pb2.Wake.FromString(data)
        self.wakes.append(wake)
        for frame in wake.frames:
            self.heard[frame.line or frame.user_id].append(client_pb2.ServerFrame.FromString(frame.frame))
        self.news.set()


@asynccontextmanager
async def open_room(settings: NodeSettings) -> AsyncIterator[Room]:
    """Two signaling nodes and the told ones."""
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(Node(settings, ["policy", "presence"]))
        policy, presence = ToldPolicy(told), ToldPresence(told)  # type: ignore[abstract]
        told.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, policy)
        told.serve("presence", presence_pb2_grpc.add_PresenceServicer_to_server, presence)
        await told.start()
        where = f"127.0.0.1:{told.port}"
        pods = []
        for _ in range(2):
            its = settings.model_copy(update={"address": {"policy": where, "presence": where}})
            node = await stack.enter_async_context(Node(its, ["signaling"]))
            await node.build("signaling", signaling.build)
            await node.start()
            pods.append(await stack.enter_async_context(_link(node.port)))
        room = Room(policy, presence, pods, f"127.0.0.1:{node.port}")
        bus = await told.bus()
        await bus.subscribe_wakes(GATEWAY, room.hear)
        yield room


def _link(port: int) -> Asker[Any, Any]:
    return Asker(
        "signaling",
        lambda channel: signaling_pb2_grpc.SignalingStub(channel).Link,
        lambda: [f"127.0.0.1:{port}"],
        lambda commands: signaling_pb2.LinkRequest(gateway_id=GATEWAY, commands=commands),
        lambda response: response.replies,
        caller="gateway",
    )
