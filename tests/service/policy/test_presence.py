"""Whose presence one may see: of those who know him, and where nobody blocks anybody."""

import asyncio

import pytest

from ringline import ids
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, policy_pb2_grpc
from tests.service.pods import channel_to
from tests.service.policy.conftest import People, Policy

CONTACT, FOLLOW = directory_pb2.RELATION_CONTACT, directory_pb2.RELATION_FOLLOW


async def seen(pod: Policy, user_id: str, *others: str) -> list[str]:
    """Whose presence a user may see."""
    request = policy_pb2.MaySeePresenceRequest(user_id=user_id, other_user_ids=others)
    return list((await pod.stub.MaySeePresence(request)).user_ids)


async def test_presence_is_seen_of_those_who_have_one_as_contact_or_follow_him(
    one: Policy, other: Policy, people: People
) -> None:
    ada = await people.new("ada")
    contact, follower, stranger = [await people.new(f"other{number}") for number in range(3)]
    await people.relate(contact, "ada", CONTACT)
    await people.relate(follower, "ada", FOLLOW)
    # What one thinks of the other opens nobody's eyes.
    await people.relate(ada, "other2", CONTACT)
    asked = [stranger, follower, ids.mint_user(), contact, "@bob", "", contact, ada]
    for pod in (one, other):
        assert await seen(pod, ada, *asked) == [follower, contact]
        assert await seen(pod, stranger, ada) == [ada]
        assert await seen(pod, ids.mint_user(), contact) == []
        assert await seen(pod, ada) == []


async def test_a_block_hides_both_from_each_other_at_every_pod_until_it_is_lifted(
    one: Policy, other: Policy, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(ada, "bob", CONTACT)
    await people.relate(bob, "ada", CONTACT)
    await one.block(bob, ada)
    for pod in (one, other):
        assert await seen(pod, ada, bob) == await seen(pod, bob, ada) == []
    await other.unblock(bob, ada)
    for pod in (one, other):
        assert await seen(pod, ada, bob) == [bob]
        assert await seen(pod, bob, ada) == [ada]


async def test_many_ask_about_a_hundred_others_at_once(one: Policy, people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    others = [*[ids.mint_user() for _ in range(99)], bob]
    assert await asyncio.gather(*(seen(one, ada, *others) for _ in range(8))) == [[bob]] * 8
    with pytest.raises(Refusal) as refused:
        await seen(one, ada, *others, ada)
    assert refused.value.name == "invalid"


async def test_only_the_gateway_asks_whose_presence_is_seen(nodes: list[Node]) -> None:
    async with channel_to(nodes[0], "conversations") as channel:
        with pytest.raises(Refusal) as refused:
            await policy_pb2_grpc.PolicyStub(channel).MaySeePresence(policy_pb2.MaySeePresenceRequest())
        assert refused.value.name == "forbidden"
