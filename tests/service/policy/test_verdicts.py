"""Verdicts over the real directory: who may call whom, with two pods of policy on one database."""

import asyncio

import pytest

from ringline import ids
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import blocks_pb2, directory_pb2, policy_pb2, policy_pb2_grpc, types_pb2
from tests.service.pods import channel_to
from tests.service.policy.conftest import (
    CONTACTS,
    EVERYONE,
    FOLLOWING,
    VERIFIED,
    People,
    Policy,
    Verdicts,
    attempt,
    outcome,
)

CONTACT, FOLLOW = directory_pb2.RELATION_CONTACT, directory_pb2.RELATION_FOLLOW


async def test_a_stranger_is_not_heard_and_a_contact_is_admitted(verdicts: Verdicts, people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    assert await outcome(verdicts, attempt(ada, "@bob")) == "unheard"
    await people.relate(bob, "ada", CONTACT)

    verdict = await verdicts.ask(attempt(ada, "@Bob"))

    assert verdict.outcome == policy_pb2.OUTCOME_ADMITTED
    assert (verdict.caller.username, verdict.callee.username) == ("ada", "bob")
    assert (verdict.caller.user_id, verdict.callee.user_id) == (ada, bob)
    assert verdict.device_truth and not verdict.relay_only
    assert verdict.trace[-1].rule == "audience.contacts"


async def test_what_the_caller_thinks_of_the_callee_opens_no_door(verdicts: Verdicts, people: People) -> None:
    ada, _ = await people.new("ada"), await people.new("bob")
    await people.relate(ada, "bob", CONTACT)
    await people.relate(ada, "bob", FOLLOW)
    assert await outcome(verdicts, attempt(ada, "@bob")) == "unheard"


async def test_those_whom_the_callee_follows_are_admitted(verdicts: Verdicts, people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", FOLLOW)
    verdict = await verdicts.ask(attempt(ada, "@bob"))
    assert verdict.outcome == policy_pb2.OUTCOME_ADMITTED
    assert verdict.device_truth and not verdict.relay_only


async def test_settings_are_in_force_with_the_next_attempt_at_every_pod(
    one: Policy, other: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    assert await one.audiences(bob) == [CONTACTS, FOLLOWING]
    for pod, audiences, expected in [
        (one, [EVERYONE], "admitted"),
        (other, [VERIFIED], "unheard"),
        (one, [VERIFIED, EVERYONE], "admitted"),
        (other, [], "unheard"),
    ]:
        await pod.allow(bob, *audiences)
        assert await one.audiences(bob) == await other.audiences(bob) == audiences
        assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(6)] == [expected] * 6
    await one.allow(bob, VERIFIED)
    await people.standing(ada, verified=True)
    assert await outcome(verdicts, attempt(ada, "@bob")) == "admitted"


async def test_a_stranger_who_is_admitted_learns_nothing_and_goes_over_the_relay(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    verdict = await verdicts.ask(attempt(ada, "@bob"))
    assert verdict.outcome == policy_pb2.OUTCOME_ADMITTED
    assert verdict.relay_only and not verdict.device_truth


async def test_settings_must_be_known_ones_of_a_user(one: Policy) -> None:
    for user_id, audience in [("", EVERYONE), ("@bob", EVERYONE), (ids.mint_user(), 9)]:
        with pytest.raises(Refusal) as refused:
            await one.allow(user_id, audience)  # type: ignore[arg-type]
        assert refused.value.name == "invalid"


async def test_ones_own_fault_is_said_at_once(one: Policy, verdicts: Verdicts, people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    assert await outcome(verdicts, attempt(ada, "@ada")) == "self"
    assert await outcome(verdicts, attempt(ada, ada)) == "self"
    assert await outcome(verdicts, attempt(ada, "@nobody")) == "user_not_found"
    assert await outcome(verdicts, attempt(ada, ids.mint_user())) == "user_not_found"
    assert await outcome(verdicts, attempt(ids.mint_user(), "@bob")) == "user_not_found"
    assert await outcome(verdicts, attempt(ada, "@bob", act=policy_pb2.ACT_UNSPECIFIED)) == "invalid"
    await one.entitle(plus=(True, True))
    assert await outcome(verdicts, attempt(ada, bob)) == "not_entitled_audio"


async def test_entitlements_are_in_force_with_the_next_attempt_at_every_pod(
    one: Policy, other: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    video = attempt(ada, "@bob", video=True)
    assert await outcome(verdicts, video) == "admitted"
    assert await one.entitle(plus=(True, True), others=(True, False)) == 1

    assert [await outcome(verdicts, video) for _ in range(6)] == ["not_entitled_video"] * 6
    audio = await verdicts.ask(attempt(ada, "@bob"))
    assert audio.caller_may_send == types_pb2.Kinds(audio=True)
    assert audio.callee_may_send == types_pb2.Kinds(audio=True)

    await people.standing(ada, tier="plus")
    heard = await verdicts.ask(video)
    assert heard.caller_may_send == types_pb2.Kinds(audio=True, video=True)
    assert heard.callee_may_send == types_pb2.Kinds(audio=True)
    assert await other.entitle(free=(True, True)) == 2
    assert [await outcome(verdicts, video) for _ in range(6)] == ["not_entitled_audio"] * 6
    assert await other.entitle() == 3
    assert [await outcome(verdicts, video) for _ in range(6)] == ["admitted"] * 6


async def test_entitlements_are_replaced_as_a_whole_and_versions_rise_by_one(
    one: Policy, other: Policy
) -> None:
    ask = policy_pb2.GetEntitlementsRequest()
    assert (await one.stub.GetEntitlements(ask)) == policy_pb2.GetEntitlementsResponse()
    changes = [(one, other)[number % 2].entitle(plus=(True, number % 3 == 0)) for number in range(12)]
    assert sorted(await asyncio.gather(*changes)) == list(range(1, 13))

    await other.entitle(plus=(True, True), others=(True, False))

    for stub in (one.stub, other.operator):
        found = await stub.GetEntitlements(ask)
        assert found.version == 13
        assert [(row.tier, row.place_audio, row.place_video) for row in found.entitlements] == [
            ("*", True, False),
            ("plus", True, True),
        ]


async def test_malformed_entitlements_change_nothing(one: Policy) -> None:
    await one.entitle(plus=(True, True))
    row = policy_pb2.Entitlement(tier="plus")
    for rows in ([row, row], [policy_pb2.Entitlement(tier="Not a tier")]):
        with pytest.raises(Refusal) as refused:
            await one.operator.SetEntitlements(policy_pb2.SetEntitlementsRequest(entitlements=rows))
        assert refused.value.name == "invalid"
    found = await one.stub.GetEntitlements(policy_pb2.GetEntitlementsRequest())
    assert (found.version, len(found.entitlements)) == (1, 1)


async def test_turning_video_on_in_a_call_is_checked_too(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    toggle = attempt(ada, bob, video=True, act=policy_pb2.ACT_SET_MEDIA)
    # Whatever Bob's audiences are: he answered.
    assert await outcome(verdicts, toggle) == "admitted"
    await one.entitle(plus=(True, True), others=(True, False))
    assert await outcome(verdicts, toggle) == "not_entitled_video"
    await people.standing(ada, tier="plus")
    assert await outcome(verdicts, toggle) == "admitted"
    await one.block(bob, ada)
    assert await outcome(verdicts, toggle) == "kind_not_admitted"


async def test_the_operator_is_told_every_rule(one: Policy, people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.block(bob, ada)

    async def explained(wanted: policy_pb2.Attempt) -> policy_pb2.Verdict:
        return (await one.operator.Explain(policy_pb2.ExplainRequest(attempt=wanted))).verdict

    verdict = await explained(attempt(ada, "@bob", video=True))
    assert verdict.outcome == policy_pb2.OUTCOME_UNHEARD
    assert [(step.rule, step.held) for step in verdict.trace][-2:] == [
        ("switch.strangers", False),
        ("blocked", True),
    ]
    nobody = await explained(attempt(ada, "@nobody"))
    assert nobody.outcome == policy_pb2.OUTCOME_REFUSED
    assert [step.rule for step in nobody.trace] == ["unknown"]


async def test_hundreds_of_attempts_at_once_get_each_its_own_verdict(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada = await people.new("ada")
    callees = [await people.new(f"callee{number}") for number in range(10)]
    for number, callee in enumerate(callees):
        if number % 2:
            await one.allow(callee, EVERYONE)

    answers = await asyncio.gather(
        *(verdicts.ask(attempt(ada, f"@callee{number % 10}")) for number in range(300))
    )

    for number, verdict in enumerate(answers):
        assert verdict.callee.user_id == callees[number % 10]
        expected = policy_pb2.OUTCOME_ADMITTED if number % 2 else policy_pb2.OUTCOME_UNHEARD
        assert verdict.outcome == expected


async def test_each_method_is_for_those_whom_the_contract_names(nodes: list[Node]) -> None:
    async with channel_to(nodes[0], "gateway") as gateway, channel_to(nodes[0], "signaling") as signaling:
        as_gateway = policy_pb2_grpc.PolicyStub(gateway)
        as_signaling = policy_pb2_grpc.PolicyStub(signaling)
        for refused_call in (
            as_gateway.Explain(policy_pb2.ExplainRequest()),
            as_gateway.SetEntitlements(policy_pb2.SetEntitlementsRequest()),
            as_signaling.Block(blocks_pb2.BlockRequest()),
            as_signaling.SetCallSettings(policy_pb2.SetCallSettingsRequest()),
        ):
            with pytest.raises(Refusal) as refused:
                await refused_call
            assert refused.value.name == "forbidden"
