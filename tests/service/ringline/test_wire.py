"""Unary calls between services: deadlines, refusals, and who may call whom."""

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, directory_pb2_grpc, policy_pb2, policy_pb2_grpc
from ringline.v1.reasons_pb2 import Reason
from ringline.wire import callers_of, open_channel
from tests.service.ringline.policies import policy_node


def ask(user: str) -> policy_pb2.GetCallSettingsRequest:
    return policy_pb2.GetCallSettingsRequest(user_id=user)


async def test_a_refusal_crosses_the_hop() -> None:
    async with policy_node() as (node, _):
        stub = policy_pb2_grpc.PolicyStub(node.of("gateway").channel("policy"))
        assert await stub.GetCallSettings(ask("u_1")) == policy_pb2.GetCallSettingsResponse()
        with pytest.raises(Refusal) as caught:
            await stub.GetCallSettings(ask("refused"))
    assert caught.value.reason == Reason.REASON_LIMITED
    assert caught.value.sentence == "Slowly."
    assert caught.value.retry_after == 2.5


async def test_a_bug_is_an_id_to_the_caller_and_nothing_more() -> None:
    async with policy_node() as (node, _):
        stub = policy_pb2_grpc.PolicyStub(node.of("gateway").channel("policy"))
        with pytest.raises(Refusal) as caught:
            await stub.GetCallSettings(ask("bug"))
    assert caught.value.reason == Reason.REASON_UNAVAILABLE
    assert "bug_" in caught.value.sentence
    assert "ada" not in caught.value.sentence


async def test_an_older_process_that_does_not_know_a_method_is_unavailable() -> None:
    async with policy_node() as (node, _):
        directory = directory_pb2_grpc.DirectoryStub(node.of("gateway").channel("policy"))
        with pytest.raises(Refusal) as caught:
            await directory.Resolve(directory_pb2.ResolveRequest(username="ada"))
    assert caught.value.reason == Reason.REASON_UNAVAILABLE


@pytest.mark.parametrize("caller", ["presence", "signaling", "", "GATEWAY"])
async def test_whom_the_contract_does_not_name_may_not_call(caller: str) -> None:
    async with policy_node() as (node, _):
        stub = policy_pb2_grpc.PolicyStub(node.of(caller).channel("policy"))
        with pytest.raises(Refusal) as caught:
            await stub.GetCallSettings(ask("u_1"))
    assert caught.value.reason == Reason.REASON_FORBIDDEN


def test_the_contract_says_who_may_call() -> None:
    assert callers_of("/ringline.v1.Policy/Decide") == frozenset({"signaling"})
    directory = directory_pb2.DESCRIPTOR.services_by_name["Directory"].full_name
    assert callers_of(f"/{directory}/Resolve") == frozenset({"gateway", "policy", "operator"})
    assert callers_of("/grpc.health.v1.Health/Check") is None


async def test_a_late_answer_is_unavailable() -> None:
    async with policy_node() as (node, _):
        stub = policy_pb2_grpc.PolicyStub(node.of("gateway").channel("policy"))
        with pytest.raises(Refusal) as caught:
            await stub.GetCallSettings(ask("slow"), timeout=0.1)
    assert caught.value.reason == Reason.REASON_UNAVAILABLE


async def test_nobody_at_the_address_is_unavailable() -> None:
    async with open_channel(["127.0.0.1:1"], "gateway") as channel:
        with pytest.raises(Refusal) as caught:
            await policy_pb2_grpc.PolicyStub(channel).GetCallSettings(ask("u_1"))
    assert caught.value.reason == Reason.REASON_UNAVAILABLE


async def test_health_is_open_to_everybody_and_tells_live_from_ready() -> None:
    async with policy_node() as (node, _):
        stub = health_pb2_grpc.HealthStub(node.of("kubelet").channel("policy"))
        for name in ("live", "ready", "policy", ""):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
