"""Certificates between services: who shows the right one, who is let in, and what happens when they
change.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringline.asker import Asker, dial
from ringline.config import NodeSettings
from ringline.identity import FILES, OTHERS, Identity
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import policy_pb2, policy_pb2_grpc
from ringline.v1.reasons_pb2 import Reason
from ringline.wire import Channel, open_channel
from tests.certificates import Authority, trust
from tests.servers import until
from tests.service.ringline.policies import Attempts, attempt, policy_node

NOBODY = Refusal(Reason.REASON_UNAVAILABLE).reason
SETTINGS = policy_pb2.GetCallSettingsRequest(user_id="u_1")


def as_gateway(
    node: Node, folder: Path | Identity, caller: str = "gateway", service: str = "policy"
) -> Channel:
    """A channel to `node` with the certificate in this folder, that says it is `caller`."""
    identity = folder if isinstance(folder, Identity) else Identity(folder)
    return open_channel([f"127.0.0.1:{node.port}"], caller, service, identity)


async def outcome(channel: Channel, seconds: float = 1.0) -> int:
    """What a call comes to: 0 where it is answered, else the reason."""
    async with channel:
        try:
            await policy_pb2_grpc.PolicyStub(channel).GetCallSettings(SETTINGS, timeout=seconds)
        except Refusal as refusal:
            return refusal.reason
    return 0


async def connects(node: Node, folder: Path, service: str) -> bool:
    """Whether a process gets a connection to `node` as to this service."""
    async with dial(f"127.0.0.1:{node.port}", service, Identity(folder)) as channel:
        try:
            async with asyncio.timeout(1.0):
                await channel.channel_ready()
        except TimeoutError:
            return False
    return True


@asynccontextmanager
async def asking_with(node: Node, identity: Identity) -> AsyncIterator[Attempts]:
    """The asking half of a stream, as signaling."""
    asker: Attempts = Asker(
        "policy.Decide",
        lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
        lambda: [f"127.0.0.1:{node.port}"],
        lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
        lambda response: response.verdicts,
        caller="signaling",
        dial=partial(dial, service="policy", identity=identity),
    )
    async with asker:
        yield asker


async def test_a_caller_with_a_certificate_is_answered_unary_and_on_streams(tmp_path: Path) -> None:
    ours = Authority()
    gateway = ours.furnish(tmp_path / "gateway", "gateway")
    signaling = ours.furnish(tmp_path / "signaling", "signaling")
    async with policy_node(tls_dir=str(ours.furnish(tmp_path / "policy", "policy"))) as (node, _):
        assert await outcome(as_gateway(node, gateway)) == 0
        async with asking_with(node, Identity(signaling)) as asker:
            assert (await asker.ask(attempt())).outcome == policy_pb2.OUTCOME_ADMITTED


async def test_a_name_in_the_metadata_is_worth_what_the_certificate_says(tmp_path: Path) -> None:
    """A presence that says it is the gateway is presence, on unary calls and on streams."""
    ours = Authority()
    presence = ours.furnish(tmp_path / "presence", "presence")
    async with policy_node(tls_dir=str(ours.furnish(tmp_path / "policy", "policy"))) as (node, policies):
        assert await outcome(as_gateway(node, presence)) == Reason.REASON_FORBIDDEN
        assert await outcome(as_gateway(node, presence, "presence")) == Reason.REASON_FORBIDDEN
        async with asking_with(node, Identity(presence)) as asker:
            with pytest.raises(Refusal):
                await asker.ask(attempt(), timeout=1.0)
        assert not policies.asked


async def test_no_certificate_another_authority_or_an_old_certificate_is_not_let_in(tmp_path: Path) -> None:
    ours, theirs = Authority(), Authority("somebody else")
    stranger = theirs.furnish(tmp_path / "stranger", "gateway", trusts=[ours])
    expired = ours.furnish(tmp_path / "expired", "gateway", until=datetime(2026, 1, 1, tzinfo=UTC))
    async with policy_node(tls_dir=str(ours.furnish(tmp_path / "policy", "policy"))) as (node, _):
        assert await outcome(as_gateway(node, stranger)) == NOBODY
        assert await outcome(as_gateway(node, expired)) == NOBODY
        plain = open_channel([f"127.0.0.1:{node.port}"], "gateway", "policy")
        assert await outcome(plain) == NOBODY


async def test_a_server_is_asked_only_as_the_service_that_it_is(tmp_path: Path) -> None:
    """Whatever its address: another service of ours, somebody else's policy, and no name at all."""
    ours, theirs = Authority(), Authority("somebody else")
    gateway = ours.furnish(tmp_path / "gateway", "gateway")
    certificates = [
        ours.furnish(tmp_path / "presence", "presence", "policy"),
        theirs.furnish(tmp_path / "theirs", "policy", trusts=[ours]),
    ]
    async with policy_node(tls_dir=str(certificates[0])) as (node, _):
        assert await connects(node, gateway, "policy") and await connects(node, gateway, "presence")
        assert not await connects(node, gateway, "directory")
        assert await outcome(as_gateway(node, gateway)) == 0
    async with policy_node(tls_dir=str(certificates[1])) as (node, _):
        assert await outcome(as_gateway(node, gateway)) == NOBODY


async def test_a_process_without_the_certificate_of_its_services_does_not_start(tmp_path: Path) -> None:
    presence = Authority().furnish(tmp_path / "presence", "presence")
    with pytest.raises(ValueError, match=r"not of policy\.ringline\.internal"):
        async with policy_node(tls_dir=str(presence)):
            pass
    (presence / "tls.key").unlink()
    with pytest.raises(ValueError, match="no certificate in"):
        async with Node(NodeSettings(environment="test", tls_dir=str(presence))):
            pass


async def test_probes_need_no_certificate_and_reach_nothing_else(tmp_path: Path) -> None:
    tls = str(Authority().furnish(tmp_path / "policy", "policy"))
    async with policy_node(tls_dir=tls, probe_port=0) as (node, _):
        async with open_channel([f"127.0.0.1:{node.probe_port}"], "gateway") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for name in ("live", "ready"):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(Refusal) as caught:
                await policy_pb2_grpc.PolicyStub(channel).GetCallSettings(SETTINGS)
            assert caught.value.reason == NOBODY


async def test_certificates_and_authorities_change_under_calls_and_no_call_fails(tmp_path: Path) -> None:
    """The steps of the decision: trust both, issue by the new one, trust the new one only."""
    old, new = Authority("the old one"), Authority("the new one")
    folders = {name: old.furnish(tmp_path / name, name) for name in ("policy", "gateway", "signaling")}
    gateway, signaling = Identity(folders["gateway"]), Identity(folders["signaling"])
    before = old.furnish(tmp_path / "before", "gateway", trusts=[old, new])
    async with AsyncExitStack() as stack:
        serving = policy_node(tls_dir=str(folders["policy"]), connection_age_seconds=1.0)
        node, _ = await stack.enter_async_context(serving)
        channel = await stack.enter_async_context(as_gateway(node, gateway))
        stub = policy_pb2_grpc.PolicyStub(channel)
        asker = await stack.enter_async_context(asking_with(node, signaling))
        count, is_over = 0, False

        async def call_on() -> None:
            nonlocal count
            while not is_over:
                await stub.GetCallSettings(SETTINGS)
                await asker.ask(attempt())
                count += 1

        calls = asyncio.gather(*(call_on() for _ in range(4)))

        async def all_know_and_go_on() -> None:
            await until(lambda: all(is_as_written(one) for one in (gateway, signaling)), 10, lambda: "stale")
            goal = count + 200
            await until(lambda: count > goal or calls.done(), 20, lambda: f"only {count} calls of {goal}")
            assert not calls.done(), await calls

        await all_know_and_go_on()
        for folder in folders.values():
            trust(folder, old, new)
        await all_know_and_go_on()
        assert await outcome(as_gateway(node, before)) == 0
        for name, folder in folders.items():
            new.furnish(folder, name, trusts=[old, new])
        await all_know_and_go_on()
        assert await outcome(as_gateway(node, before)) == 0
        for folder in folders.values():
            trust(folder, new)
        await all_know_and_go_on()
        assert await outcome(as_gateway(node, before)) == NOBODY
        is_over = True
        await calls


def is_as_written(identity: Identity) -> bool:
    """Whether a process has taken over what its folder says now."""
    papers = identity.papers()
    files = [(identity.folder / name).read_bytes() for name in FILES]
    return [papers.chain, papers.key, papers.roots] == files


def test_a_certificate_that_is_half_written_is_passed_over_until_it_is_whole(tmp_path: Path) -> None:
    ours = Authority()
    folder = ours.furnish(tmp_path / "policy", "policy")
    identity = Identity(folder)
    first = identity.papers()
    certificate, key = ours.issue(["policy.ringline.internal"])
    (folder / "tls.crt").write_bytes(certificate)
    identity.look()
    assert identity.papers() is first
    (folder / "tls.key").write_bytes(key)
    identity.look()
    assert identity.papers().chain == certificate
    (folder / "ca.crt").write_bytes(b"")
    identity.look()
    assert identity.papers().chain == certificate


async def test_others_are_trusted_beside_the_authority_for_as_long_as_they_are_named(tmp_path: Path) -> None:
    """As where cert-manager changes its authority: it writes ca.crt, and only the one that has signed."""
    old, new = Authority("the old one"), Authority("the new one")
    policy, gateway = old.furnish(tmp_path / "policy", "policy"), new.furnish(tmp_path / "gateway", "gateway")
    async with policy_node(tls_dir=str(policy)) as (node, _):
        assert await outcome(as_gateway(node, gateway)) == NOBODY
        for folder in (policy, gateway):
            (folder / OTHERS).write_bytes(old.pem + new.pem)
        assert await outcome(as_gateway(node, gateway)) == 0
        (policy / OTHERS).write_bytes(b"what is no certificate is passed over")
        assert await outcome(as_gateway(node, gateway)) == 0
        (policy / OTHERS).unlink()
        assert await outcome(as_gateway(node, gateway)) == NOBODY


def test_a_certificate_with_which_nobody_would_speak_to_a_process_is_not_taken_over(tmp_path: Path) -> None:
    """Such as one that lost its name in a change of the manifests: the one before is good for days."""
    ours = Authority()
    folder = ours.furnish(tmp_path / "policy", "policy")
    identity = Identity(folder)
    identity.insist(["policy"])
    first = identity.papers()
    key = load_pem_private_key(first.key, None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    for spoil in (
        partial(ours.furnish, folder, "presence"),
        partial(ours.furnish, folder, "policy", until=datetime(2026, 1, 1, tzinfo=UTC)),
        partial((folder / "tls.key").write_bytes, locked),
    ):
        spoil()
        identity.look()
        assert identity.papers() is first
    ours.furnish(folder, "policy", "presence")
    identity.look()
    assert is_as_written(identity)
