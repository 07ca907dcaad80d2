"""What a verdict costs: asked of policy one after the other, with more and more to look at."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bench.accounting import prefer, spent, usage
from bench.load import Pair
from bench.measure import quantile
from bench.town import rooms
from ringline.addresses import split_addresses
from ringline.asker import Asker
from ringline.v1 import operator_pb2, policy_pb2, policy_pb2_grpc, types_pb2
from ringline.wire import open_channel
from tests.suite.topology import Topology

if TYPE_CHECKING:  # this class is in the stub files only
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

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
AUDIENCES = ("contacts", "following", "verified", "everyone")
SETTLED: Mapping[str, Any] = {
    "audio_only": ["verified", "everyone"],
    "must_have_messaged": True,
    "quiet_hours": {
        "spans": [{"weekdays": [day], "from": "03:00", "to": "03:01"} for day in range(1, 8)],
        "time_zone": "America/New_York",
        "favourites": True,
        "repeated": True,
    },
}
"""A callee who chose everything."""
BUDGET: dict[str, str] = {
    f"RINGLINE_POLICY_RING_{name}": value
    for name, value in {
        "PLACES_PER_MINUTE": "1000",
        "PAIR": "3",
        "PAIR_WINDOW_S": "0.001",
        "STRANGERS_PER_DAY": "500",
        "HEARD": "100",
        "HEARD_PER_DAY": "1000",
        "DECLINED_S": "3600",
        "NEW_DAYS": "0",
    }.items()
}
"""The ring budget is counted, and wide enough for whoever asks as often as this."""

Questions = Asker[policy_pb2.Attempt, policy_pb2.Verdict]


async def verdicts(topology: Topology, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Milliseconds to an answer, and of CPU: bare, with rules, and with all that a callee can say."""
    async with _asking(topology) as (asker, policy):
        figures = await _measured("without_rules", topology, asker, pairs)
        await policy.PutRules(operator_pb2.PutRulesRequest(text=RULES, place=LIVE, by="bench"))
        figures |= await _measured("with_rules", topology, asker, pairs)
        await policy.UseRules(operator_pb2.UseRulesRequest(version=0, place=LIVE, by="bench"))
        await settle(pairs)
        figures |= await _measured("with_settings", topology, asker, pairs)
    return figures


async def budgeted(topology: Topology, friends: Sequence[Pair], strangers: Sequence[Pair]) -> dict[str, Any]:
    """The same where the ring budget is counted: of people who know one another, then of strangers, and last
    of strangers with rules and with all that a callee can say.
    """
    async with _asking(topology) as (asker, policy):
        figures = await _measured("with_budget", topology, asker, friends)
        figures |= await _measured("with_budget_of_strangers", topology, asker, strangers[::2])
        await policy.PutRules(operator_pb2.PutRulesRequest(text=RULES, place=LIVE, by="bench"))
        await settle(strangers)
        figures |= await _measured("with_all", topology, asker, strangers[1::2])
        await policy.UseRules(operator_pb2.UseRulesRequest(version=0, place=LIVE, by="bench"))
    return figures


async def settle(pairs: Sequence[Pair]) -> None:
    """Lets the callees say everything that can be said; the callers are still admitted."""
    for pair in pairs:
        session = pair.devices[0].session
        await session.set_call_settings(AUDIENCES, **SETTLED)
        await session.set_person_settings(pair.caller.session.username, allowed=True, favourite=True)


@asynccontextmanager
async def _asking(
    topology: Topology,
) -> AsyncIterator[tuple[Questions, PolicyAsyncStub]]:
    """Policy, as signaling and as the operator ask it."""
    addresses = split_addresses(topology.addresses["policy"])
    async with (
        open_channel(addresses, "operator") as channel,
        Questions(
            "policy",
            lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
            lambda: addresses,
            lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
            lambda response: response.verdicts,
            caller="signaling",
        ) as asker,
    ):
        yield asker, policy_pb2_grpc.PolicyStub(channel)


async def _measured(name: str, topology: Topology, asker: Questions, pairs: Sequence[Pair]) -> dict[str, Any]:
    await _asked(asker, pairs, COUNT // 4)  # warm
    places = rooms(topology)
    prefer(places)
    before = usage(places)
    seconds = await _asked(asker, pairs, COUNT)
    cpu = spent(before, usage(places))
    figures = {
        "p50_ms": round(quantile(seconds, 0.5) * 1000, 3),
        "p99_ms": round(quantile(seconds, 0.99) * 1000, 3),
        "policy_cpu_ms": round(cpu["policy"] * 1000 / COUNT, 3),
        "all_cpu_ms": round(sum(cpu.values()) * 1000 / COUNT, 3),
    }
    return {f"verdict_{figure}_{name}": value for figure, value in figures.items()}


async def _asked(asker: Questions, pairs: Sequence[Pair], count: int) -> list[float]:
    """The seconds of each answer; each is that the call rings."""
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
        verdict = await asker.ask(attempt)
        seconds.append(time.perf_counter() - began)
        if verdict.outcome != policy_pb2.OUTCOME_ADMITTED:
            raise RuntimeError(f"not admitted: {verdict.trace[-1].rule}")
    return seconds
