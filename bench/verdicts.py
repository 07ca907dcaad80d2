"""What a verdict costs, without and with the operator's rules: asked of policy, one after the other."""

import time
from collections.abc import Sequence
from typing import Any

from bench.accounting import prefer, spent, usage
from bench.load import Pair
from bench.measure import quantile
from bench.town import rooms
from ringline.addresses import split_addresses
from ringline.asker import Asker
from ringline.v1 import operator_pb2, policy_pb2, policy_pb2_grpc, types_pb2
from ringline.wire import open_channel
from tests.suite.topology import Topology

COUNT = 2_000
RULES = """
[[rule]]
name = "banned"
refuses = ["audio", "video"]
when = 'caller.tier == "banned"'
[[rule]]
name = "first-day"
refuses = ["audio"]
when = 'caller.age_days < 0 && !caller.contact && !caller.verified'
[[rule]]
name = "video-rollout"
refuses = ["video"]
when = '!(caller.tier in ["plus", "pro"]) && !share("video-rollout", 10)'
[[rule]]
name = "support"
refuses = ["receive"]
when = 'callee.tier == "support" && (call.video || caller.age_days < 7)'
"""
LIVE = operator_pb2.RulePlace.RULE_PLACE_LIVE


async def verdicts(topology: Topology, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Milliseconds to an answer, and CPU milliseconds of policy, by whether rules are in force."""
    figures: dict[str, Any] = {}
    addresses = split_addresses(topology.addresses["policy"])
    async with (
        open_channel(addresses, "operator") as channel,
        Asker[policy_pb2.Attempt, policy_pb2.Verdict](
            "policy",
            lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
            lambda: addresses,
            lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
            lambda response: response.verdicts,
            caller="signaling",
        ) as asker,
    ):
        policy = policy_pb2_grpc.PolicyStub(channel)
        for name in ("without_rules", "with_rules"):
            if name == "with_rules":
                await policy.PutRules(operator_pb2.PutRulesRequest(text=RULES, place=LIVE, by="bench"))
            await _asked(asker, pairs, COUNT // 4)  # warm
            measured = await _measured(topology, asker, pairs)
            figures |= {f"verdict_{figure}_{name}": value for figure, value in measured.items()}
        await policy.UseRules(operator_pb2.UseRulesRequest(version=0, place=LIVE, by="bench"))
    return figures


async def _measured(
    topology: Topology, asker: Asker[policy_pb2.Attempt, policy_pb2.Verdict], pairs: Sequence[Pair]
) -> dict[str, float]:
    places = rooms(topology)
    prefer(places)
    before = usage(places)
    seconds = await _asked(asker, pairs, COUNT)
    cpu = spent(before, usage(places))
    return {
        "p50_ms": round(quantile(seconds, 0.5) * 1000, 3),
        "p99_ms": round(quantile(seconds, 0.99) * 1000, 3),
        "policy_cpu_ms": round(cpu["policy"] * 1000 / COUNT, 3),
    }


async def _asked(
    asker: Asker[policy_pb2.Attempt, policy_pb2.Verdict], pairs: Sequence[Pair], count: int
) -> list[float]:
    """The seconds of each answer."""
    seconds = []
    for number in range(count):
        pair = pairs[number % len(pairs)]
        attempt = policy_pb2.Attempt(
            act=policy_pb2.ACT_PLACE,
            caller_id=pair.caller.session.user_id,
            callee_id=pair.devices[0].session.user_id,
            kinds=types_pb2.Kinds(audio=True),
        )
        began = time.perf_counter()
        await asker.ask(attempt)
        seconds.append(time.perf_counter() - began)
    return seconds
