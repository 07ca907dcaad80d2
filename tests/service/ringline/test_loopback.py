"""Streams between services of one process: the same promises as over gRPC."""

import asyncio

import pytest

from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import policy_pb2, policy_pb2_grpc
from ringline.v1.reasons_pb2 import Reason
from tests.servers import until
from tests.service.ringline.policies import Attempts, attempt, policy_node


async def asker_of(node: Node, caller: str = "signaling") -> Attempts:
    return await node.of(caller).asker(
        "policy",
        lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
        lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
        lambda response: response.verdicts,
    )


async def test_a_neighbour_answers_refuses_and_fails_as_over_the_wire() -> None:
    async with policy_node() as (node, _):
        asker = await asker_of(node)
        verdicts = await asyncio.gather(*(asker.ask(attempt(f"u_{n}")) for n in range(200)))
        assert [one.caller.user_id for one in verdicts] == [f"u_{n}" for n in range(200)]
        for caller, reason in (("refused", Reason.REASON_SELF), ("bug", Reason.REASON_UNAVAILABLE)):
            with pytest.raises(Refusal) as caught:
                await asker.ask(attempt(caller))
            assert caught.value.reason == reason


async def test_what_a_neighbour_began_is_finished_before_the_process_ends() -> None:
    async with policy_node(drain_seconds=5.0) as (node, policies):
        asker = await asker_of(node)
        task = asyncio.create_task(asker.ask(attempt("held"), timeout=5.0))
        await until(lambda: bool(policies.held), 5, lambda: "not asked")
        asyncio.get_running_loop().call_later(0.7, policies.held[0].set)
    assert (await task).outcome == policy_pb2.OUTCOME_ADMITTED


async def test_who_may_not_ask_may_not_ask_next_door_either() -> None:
    async with policy_node() as (node, _):
        asker = await asker_of(node, "presence")
        with pytest.raises(Refusal) as caught:
            await asker.ask(attempt(), timeout=0.5)
        assert caught.value.reason == Reason.REASON_UNAVAILABLE
