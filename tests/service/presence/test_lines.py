"""Lines come and go: claims, epochs, fences, tickets, releases, over two pods and one database."""

import asyncio
from collections.abc import Callable

import pytest

from ringline import ids
from ringline.config import NodeSettings
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import presence_pb2, presence_pb2_grpc
from services.presence import cli
from tests.service.pods import channel_to, owner
from tests.service.presence.conftest import Ear, Places, Presence, at, in_ms, located, new_line

EarOf = Callable[[str], "asyncio.Future[Ear]"]


async def refusal_of(attempt: object) -> str:
    """The reason with which `attempt` is refused."""
    with pytest.raises(Refusal) as refused:
        await attempt  # type: ignore[misc]
    return refused.value.name


async def test_a_claimed_line_is_found_by_its_user(one: Presence, places: Places) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    assert line.epoch > 0
    assert await located(places, line.user_id) == [line]


async def test_every_line_of_every_user_is_found(one: Presence, other: Presence, places: Places) -> None:
    gateway, ada = ids.mint_gateway(), ids.mint_user()
    phone = await one.claim(new_line(gateway, ada))
    tablet = await other.claim(new_line(ids.mint_gateway(), ada))
    second_tab = await one.claim(new_line(gateway, ada, tablet.device_id, "tab-0002"))
    bob = await one.claim(new_line(gateway))

    lines = await located(places, ada, bob.user_id, ada, ids.mint_user())

    assert sorted(line.epoch for line in lines) == [phone.epoch, tablet.epoch, second_tab.epoch, bob.epoch]


async def test_a_newer_connection_of_an_instance_fences_the_older_one(
    one: Presence, other: Presence, places: Places, ear_of: EarOf
) -> None:
    first_gateway = ids.mint_gateway()
    ear = await ear_of(first_gateway)
    first = await one.claim(new_line(first_gateway))

    second = await other.claim(at(first, ids.mint_gateway()))

    assert second.epoch > first.epoch
    assert await ear.until_fenced(1) == [first]
    assert await located(places, first.user_id) == [second]


async def test_two_tabs_of_a_device_do_not_fight(one: Presence, places: Places, ear_of: EarOf) -> None:
    gateway = ids.mint_gateway()
    ear = await ear_of(gateway)
    first = await one.claim(new_line(gateway))
    second = await one.claim(new_line(gateway, first.user_id, first.device_id, "tab-0002"))
    assert len(await located(places, first.user_id)) == 2
    # A fence that was said after them all is the only one that is heard.
    third = await one.claim(at(second, gateway))
    assert await ear.until_fenced(1) == [second]
    assert third.epoch > second.epoch


async def test_epochs_rise_through_claim_release_and_forgetting(
    one: Presence, other: Presence, settings: NodeSettings
) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    epochs = [line.epoch]
    for forget in (False, True, False):
        assert await one.release(line) == 1
        if forget:
            async with owner(settings) as con:
                await con.execute("DELETE FROM presence.line")
        line = await other.claim(at(line, ids.mint_gateway()))
        epochs.append(line.epoch)
    assert epochs == sorted(set(epochs))


async def test_fifty_claims_of_one_instance_at_once_leave_the_highest_epoch(
    one: Presence, other: Presence, places: Places
) -> None:
    line = new_line(ids.mint_gateway())
    claims = [(one, other)[number % 2].claim(at(line, ids.mint_gateway())) for number in range(50)]
    claimed = await asyncio.gather(*claims)
    assert len({each.epoch for each in claimed}) == 50
    assert await located(places, line.user_id) == [max(claimed, key=lambda each: each.epoch)]


async def test_a_ticket_opens_one_line_at_whichever_pod(one: Presence, other: Presence) -> None:
    ticket = ids.mint_ticket()
    claims = [
        (one, other)[number % 2].claim(new_line(ids.mint_gateway()), ticket_id=ticket) for number in range(10)
    ]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refused) == 9
    assert {refusal.name for refusal in refused} == {"ticket_invalid"}


async def test_an_expired_ticket_opens_nothing(one: Presence, places: Places) -> None:
    line = new_line(ids.mint_gateway())
    assert await refusal_of(one.claim(line, ticket_expires_at_ms=in_ms(-1000))) == "ticket_invalid"
    assert await located(places, line.user_id) == []


async def test_another_users_device_cannot_be_claimed(one: Presence, places: Places) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    stolen = new_line(line.gateway_id, ids.mint_user(), line.device_id, line.instance)
    assert await refusal_of(one.claim(stolen)) == "ticket_invalid"
    assert await located(places, line.user_id) == [line]


@pytest.mark.parametrize("field", ["user_id", "device_id", "gateway_id", "instance"])
async def test_a_malformed_claim_is_refused(one: Presence, field: str) -> None:
    line = new_line(ids.mint_gateway())
    setattr(line, field, "Not an id > *")
    assert await refusal_of(one.claim(line)) == "invalid"


async def test_a_claim_without_ticket_and_epoch_is_refused(one: Presence) -> None:
    assert await refusal_of(one.claim(new_line(ids.mint_gateway()), ticket_id="")) == "ticket_invalid"
    assert await refusal_of(one.claim(new_line(ids.mint_gateway()), ticket_id="jti")) == "invalid"


async def test_a_late_release_does_not_take_the_newer_connection_off(
    one: Presence, other: Presence, places: Places
) -> None:
    first = await one.claim(new_line(ids.mint_gateway()))
    second = await other.claim(at(first, first.gateway_id))

    assert await one.release(first) == 0
    assert await located(places, first.user_id) == [second]
    assert await one.release(second, first) == 1
    assert await other.release(second) == 0
    assert await located(places, first.user_id) == []


async def test_only_a_gateway_claims(nodes: list[Node]) -> None:
    async with channel_to(nodes[0], "signaling") as channel:
        stub = presence_pb2_grpc.PresenceStub(channel)
        assert await refusal_of(stub.Claim(presence_pb2.ClaimRequest())) == "forbidden"
        assert await refusal_of(stub.Renew(presence_pb2.RenewRequest())) == "forbidden"


async def online(presence: Presence, *user_ids: str) -> list[str]:
    """Which of these users are there."""
    answer = await presence.stub.ListOnline(presence_pb2.ListOnlineRequest(user_ids=user_ids))
    assert len(set(answer.user_ids)) == len(answer.user_ids)
    return sorted(answer.user_ids)


async def test_who_has_an_open_line_is_online_and_nobody_else(one: Presence, other: Presence) -> None:
    gateway, ada, bob = ids.mint_gateway(), ids.mint_user(), ids.mint_user()
    phone = await one.claim(new_line(gateway, ada))
    tablet = await other.claim(new_line(ids.mint_gateway(), ada))
    await one.claim(new_line(gateway, bob))
    asked = [ids.mint_user(), bob, ada, bob, "", "@ada", "\0"]
    assert await other.stub.ListOnline(presence_pb2.ListOnlineRequest()) == presence_pb2.ListOnlineResponse()
    assert await one_and_other(one, other, asked) == sorted([ada, bob])
    await other.release(phone)
    assert await one_and_other(one, other, asked) == sorted([ada, bob])
    await one.release(tablet)
    assert await one_and_other(one, other, asked) == [bob]


async def one_and_other(one: Presence, other: Presence, asked: list[str]) -> list[str]:
    """What both pods say of them."""
    said = await online(one, *asked)
    assert await online(other, *asked) == said
    return said


async def test_one_may_ask_for_a_hundred_who_are_online(one: Presence) -> None:
    assert await online(one, *[ids.mint_user()] * 100) == []
    assert await refusal_of(online(one, *[ids.mint_user()] * 101)) == "invalid"


async def test_after_a_restore_no_line_is_open_and_no_epoch_is_given_out_twice(
    one: Presence, places: Places, settings: NodeSettings
) -> None:
    gateway = ids.mint_gateway()
    line = await one.claim(new_line(gateway))
    ticket = ids.mint_ticket()
    spent = await one.claim(new_line(gateway), ticket_id=ticket)

    assert await cli.restored(settings) == 2

    assert await located(places, line.user_id, spent.user_id) == []
    assert (await one.claim(line)).epoch > line.epoch + 1_000_000
    assert await refusal_of(one.claim(spent, ticket_id=ticket)) == "ticket_invalid"
