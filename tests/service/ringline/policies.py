"""A small Policy service on a real node, for the tests of the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ringline.answerer import answer_batches
from ringline.asker import Asker
from ringline.config import NodeSettings
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import policy_pb2, policy_pb2_grpc, types_pb2
from ringline.v1.reasons_pb2 import Reason

Attempts = Asker[policy_pb2.Attempt, policy_pb2.Verdict]


class Policies(policy_pb2_grpc.PolicyServicer):
    """Answers by what the caller id says; keeps what it was asked."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.asked: list[str] = []
        self.held: list[asyncio.Event] = []

    async def GetCallSettings(self, request: Any, context: Any) -> policy_pb2.GetCallSettingsResponse:
        if request.user_id == "refused":
            raise Refusal(Reason.REASON_LIMITED, "Slowly.", retry_after=2.5)
        if request.user_id == "bug":
            raise KeyError("ada")
        if request.user_id == "patient":
            self.held.append(asyncio.Event())
            await self.held[-1].wait()
        if request.user_id == "slow":
            await asyncio.Event().wait()
        return policy_pb2.GetCallSettingsResponse()

    def Decide(self, requests: Any, context: Any) -> AsyncIterator[policy_pb2.DecideResponse]:
        return answer_batches(
            requests,
            lambda request: request.attempts,
            self._decide,
            lambda verdicts: policy_pb2.DecideResponse(verdicts=verdicts),
            lambda refused: policy_pb2.Verdict(refused=refused),
            self._node.draining,
            "policy.Decide",
        )

    async def _decide(self, attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
        self.asked.append(attempt.callee_id)
        if attempt.caller_id == "held":
            self.held.append(asyncio.Event())
            await self.held[-1].wait()
        if attempt.caller_id == "refused":
            raise Refusal(Reason.REASON_SELF)
        if attempt.caller_id == "bug":
            raise KeyError("ada")
        return policy_pb2.Verdict(
            outcome=policy_pb2.OUTCOME_ADMITTED,
            caller=types_pb2.Profile(user_id=attempt.caller_id),
        )


@asynccontextmanager
async def policy_node(port: int = 0, **settings: Any) -> AsyncIterator[tuple[Node, Policies]]:
    """A node with the service on it, ready; stopped at the end."""
    given = {"environment": "test", "listen_port": port, "drain_seconds": 1.0, **settings}
    made: list[Policies] = []

    @asynccontextmanager
    async def build(node: Node) -> AsyncIterator[None]:
        made.append(Policies(node))  # type: ignore[abstract]  # the rest is not asked here
        node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, made[0])
        yield

    async with Node(NodeSettings(**given), ["policy"]) as node:
        await node.build("policy", build)
        await node.start()
        await node.started()
        yield node, made[0]


@asynccontextmanager
async def asking(*first: int, window: int = 256, ports: list[int] | None = None) -> AsyncIterator[Attempts]:
    """The asking half, to nodes at these ports, or at those of a list that may change; as signaling."""
    asker: Attempts = Asker(
        "policy.Decide",
        lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
        lambda: [f"127.0.0.1:{port}" for port in (first if ports is None else ports)],
        lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
        lambda response: response.verdicts,
        caller="signaling",
        window=window,
    )
    async with asker:
        yield asker


def attempt(caller: str = "u_1", callee: str = "") -> policy_pb2.Attempt:
    """A question."""
    return policy_pb2.Attempt(caller_id=caller, callee_id=callee)
