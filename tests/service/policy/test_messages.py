"""Verdicts on messages over the real directory, with two pods of policy on one database."""

import asyncio

import pytest

from ringline import ids
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, policy_pb2_grpc
from tests.service.pods import channel_to
from tests.service.policy.conftest import CONTACTS, EVERYONE, FOLLOWING, VERIFIED, People, Policy

CONTACT, FOLLOW = directory_pb2.RELATION_CONTACT, directory_pb2.RELATION_FOLLOW


async def said(pod: Policy, user_id: str, other_user_id: str, first: bool = False) -> str:
    """What becomes of a message: "admitted", "unheard", with " as stranger" or not; or why it is refused."""
    answer = await pod.may_message(user_id, other_user_id, first)
    assert answer.HasField("refused") == (answer.outcome == policy_pb2.OUTCOME_REFUSED)
    if answer.HasField("refused"):
        return Refusal.from_proto(answer.refused).name
    outcome = policy_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()
    return f"{outcome} as stranger" if answer.stranger else outcome


async def test_a_newcomer_is_admitted_as_a_stranger_until_the_other_writes_back(
    one: Policy, other: Policy, people: People
) -> None:
    carol, bob = await people.new("carol"), await people.new("bob")
    assert await said(one, carol, bob, first=True) == "admitted as stranger"
    await people.wrote(carol, bob)
    # Her own writing makes her no less a stranger to him, and him to her none at all.
    assert await said(other, carol, bob) == "admitted as stranger"
    assert await said(other, bob, carol) == "admitted"
    await people.wrote(bob, carol)
    assert await said(one, carol, bob) == await said(other, carol, bob) == "admitted"


@pytest.mark.parametrize("relation", [CONTACT, FOLLOW])
async def test_whom_the_receiver_knows_is_no_stranger(
    one: Policy, people: People, relation: directory_pb2.Relation.ValueType
) -> None:
    carol, bob = await people.new("carol"), await people.new("bob")
    await people.relate(carol, "bob", relation)
    assert await said(one, carol, bob) == "admitted as stranger"
    await people.relate(bob, "carol", relation)
    assert await said(one, carol, bob) == "admitted"


async def test_message_settings_are_in_force_with_the_next_message_at_every_pod(
    one: Policy, other: Policy, people: People
) -> None:
    carol, bob = await people.new("carol"), await people.new("bob")
    assert await one.hears(bob) == [EVERYONE]
    for pod, audiences, expected in [
        (one, [], "unheard as stranger"),
        (other, [EVERYONE], "admitted as stranger"),
        (one, [CONTACTS, FOLLOWING], "unheard as stranger"),
        (other, [VERIFIED], "unheard as stranger"),
    ]:
        await pod.hear(bob, *audiences)
        assert await one.hears(bob) == await other.hears(bob) == audiences
        assert await said(one, carol, bob) == await said(other, carol, bob) == expected
    await people.standing(carol, verified=True)
    assert await said(one, carol, bob) == "admitted as stranger"
    await one.hear(bob)
    await people.wrote(bob, carol)
    assert await said(other, carol, bob) == "admitted"
    # Who may call is another matter.
    assert await one.audiences(bob) == [CONTACTS, FOLLOWING]


async def test_after_a_block_neither_is_heard_and_the_answer_is_the_same_but_for_the_outcome(
    one: Policy, other: Policy, people: People
) -> None:
    carol, bob = await people.new("carol"), await people.new("bob")
    await people.wrote(bob, carol)
    await people.relate(bob, "carol", CONTACT)
    pairs = [(carol, bob), (bob, carol)]
    before = [await one.may_message(*pair, first=False) for pair in pairs]
    await one.block(bob, carol)
    for pod in (one, other):
        for pair, admitted in zip(pairs, before, strict=True):
            unheard = await pod.may_message(*pair, first=False)
            assert (admitted.outcome, unheard.outcome) == (
                policy_pb2.OUTCOME_ADMITTED,
                policy_pb2.OUTCOME_UNHEARD,
            )
            unheard.outcome = admitted.outcome
            assert unheard == admitted
    await other.unblock(bob, carol)
    assert [await one.may_message(*pair, first=False) for pair in pairs] == before


async def test_ones_own_fault_is_said(one: Policy, people: People) -> None:
    carol = await people.new("carol")
    assert await said(one, carol, carol) == "self"
    assert await said(one, carol, ids.mint_user()) == "user_not_found"
    assert await said(one, ids.mint_user(), carol) == "user_not_found"
    for pair in [("", carol), (carol, ""), (carol, "@bob"), ("\0", carol)]:
        with pytest.raises(Refusal) as refused:
            await one.may_message(*pair)
        assert refused.value.name == "invalid"


async def test_message_settings_must_be_known_ones_of_a_user(one: Policy) -> None:
    for user_id, audience in [("", EVERYONE), ("@bob", EVERYONE), (ids.mint_user(), 9)]:
        with pytest.raises(Refusal) as refused:
            await one.hear(user_id, audience)  # type: ignore[arg-type]
        assert refused.value.name == "invalid"
    with pytest.raises(Refusal):
        await one.hears("")


async def test_many_messages_at_once_get_each_its_own_verdict(one: Policy, people: People) -> None:
    senders = [await people.new(f"sender{number}") for number in range(4)]
    receivers = [await people.new(f"receiver{number}") for number in range(5)]
    for number, receiver in enumerate(receivers):
        await one.hear(receiver, *([EVERYONE] if number % 2 else []))
    asked = [(a, number) for a in senders for number in range(len(receivers))] * 5
    answers = await asyncio.gather(*(said(one, a, receivers[number]) for a, number in asked))
    for (_, number), answer in zip(asked, answers, strict=True):
        assert answer == ("admitted as stranger" if number % 2 else "unheard as stranger")


async def test_only_conversations_asks_for_messages_and_only_the_gateway_sets_who_may_write(
    nodes: list[Node],
) -> None:
    async with (
        channel_to(nodes[0], "gateway") as gateway,
        channel_to(nodes[0], "conversations") as conversations,
    ):
        for refused_call in (
            policy_pb2_grpc.PolicyStub(gateway).MayMessage(policy_pb2.MayMessageRequest()),
            policy_pb2_grpc.PolicyStub(conversations).SetMessageSettings(
                policy_pb2.SetMessageSettingsRequest()
            ),
        ):
            with pytest.raises(Refusal) as refused:
                await refused_call
            assert refused.value.name == "forbidden"
