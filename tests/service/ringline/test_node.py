"""A process: live and ready are two things, and it ends in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY

from ringline.config import NodeSettings
from ringline.node import Node
from ringline.v1 import policy_pb2, policy_pb2_grpc
from ringline.wire import open_channel
from tests.servers import until
from tests.service.ringline.policies import Policies, attempt, policy_node
from tests.service.ringline.test_loopback import asker_of


async def health(node: Node, name: str) -> int:
    """What the health service says of one name."""
    stub = health_pb2_grpc.HealthStub(node.of("kubelet").channel("policy"))
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


async def test_not_ready_is_not_dead() -> None:
    async with policy_node() as (node, _):
        works = [True]
        node.ready("own work", lambda: works[0])
        assert REGISTRY.get_sample_value("ringline_ready") == 1
        works[0] = False
        stub = health_pb2_grpc.HealthStub(node.of("kubelet").channel("policy"))
        async with asyncio.timeout(5):
            async for answer in stub.Watch(health_pb2.HealthCheckRequest(service="ready"), timeout=5):
                if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                    break
        assert REGISTRY.get_sample_value("ringline_ready") == 0
        assert await health(node, "live") == health_pb2.HealthCheckResponse.SERVING
        works[0] = True
        async with asyncio.timeout(5):
            await node.started()


async def test_services_are_taken_down_in_reverse_while_the_server_still_answers() -> None:
    told: list[str] = []

    @asynccontextmanager
    async def policy(node: Node) -> AsyncIterator[None]:
        node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, Policies(node))  # type: ignore[abstract]
        yield
        assert node.draining.is_set()
        told.append("policy")

    @asynccontextmanager
    async def gateway(node: Node) -> AsyncIterator[None]:
        stub = policy_pb2_grpc.PolicyStub(node.channel("policy"))
        asker = await asker_of(node, "signaling")
        yield
        assert node.is_leaving and node.draining.is_set()
        await stub.GetCallSettings(policy_pb2.GetCallSettingsRequest())
        # Who is asked takes questions as long as anybody is there who asks.
        await asyncio.gather(*(asker.ask(attempt()) for _ in range(20)))
        assert not node.of("policy").draining.is_set()
        told.append("gateway")

    async with Node(NodeSettings(environment="test", drain_seconds=1.0), ["policy", "gateway"]) as node:
        await node.build("policy", policy)
        await node.build("gateway", gateway)
        await node.start()
        await node.started()
    assert told == ["gateway", "policy"]


async def test_the_crash_of_a_background_task_ends_the_process() -> None:
    async def work() -> None:
        raise KeyError("ada")

    with pytest.raises(KeyError):
        async with Node(NodeSettings(environment="test", drain_seconds=0.1)) as node:
            node.spawn(work(), "work")
            await node.run()


async def test_what_was_begun_is_finished() -> None:
    async with AsyncExitStack() as outlasting:
        async with policy_node() as (node, policies):
            # A channel of its own: the node's are closed with it, whether the answer was read or not.
            channel = open_channel([f"127.0.0.1:{node.port}"], "gateway")
            await outlasting.enter_async_context(channel)
            stub = policy_pb2_grpc.PolicyStub(channel)

            async def ask() -> policy_pb2.GetCallSettingsResponse:
                return await stub.GetCallSettings(policy_pb2.GetCallSettingsRequest(user_id="patient"))

            begun = asyncio.create_task(ask())
            await until(lambda: bool(policies.held), 5, lambda: "not asked")
            asyncio.get_running_loop().call_later(0.3, policies.held[0].set)
        assert await begun == policy_pb2.GetCallSettingsResponse()


async def test_a_process_that_stops_costs_nobody_a_call() -> None:
    """Many ask two processes at once while one of them stops: each call has its answer."""
    answers: list[policy_pb2.GetCallSettingsResponse] = []
    is_over = False

    async def ask_on() -> None:
        while not is_over:
            answers.append(await stub.GetCallSettings(policy_pb2.GetCallSettingsRequest()))

    async def many_more() -> None:
        goal = len(answers) + 300
        await until(lambda: len(answers) > goal, 10, lambda: f"only {len(answers)} answers of {goal}")

    async with AsyncExitStack() as outlasting:
        other, _ = await outlasting.enter_async_context(policy_node())
        async with policy_node(drain_seconds=5.0) as (node, _):
            where = [f"127.0.0.1:{one.port}" for one in (node, other)]
            channel = await outlasting.enter_async_context(open_channel(where, "gateway", "policy"))
            stub = policy_pb2_grpc.PolicyStub(channel)
            asking = asyncio.gather(*(ask_on() for _ in range(16)))
            await many_more()
        await many_more()
        is_over = True
        await asking


async def test_metrics_are_served() -> None:
    async with policy_node(metrics_port=0) as (node, _):
        async with httpx.AsyncClient() as client:
            page = await client.get(f"http://127.0.0.1:{node.metrics_port}/metrics")
    assert "ringline_rpc_seconds" in page.text


async def test_a_service_that_lives_elsewhere_needs_an_address() -> None:
    async with policy_node() as (node, _):
        with pytest.raises(ValueError, match="RINGLINE_ADDRESS_PRESENCE"):
            node.channel("presence")
