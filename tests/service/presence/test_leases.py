"""Leases: what a gateway's silence means, what is repaired when it comes back, and what is forgotten."""

import asyncio
from collections.abc import Callable

import pytest

from ringline import ids
from ringline.config import NodeSettings
from ringline.db import Database
from ringline.refusal import Refusal
from ringline.v1 import presence_pb2
from services.embedded import Nats
from services.presence.store import Store
from tests.service.pods import owner
from tests.service.presence.conftest import Ear, Places, Presence, at, in_ms, located, new_line


async def silence(settings: NodeSettings, gateway_id: str, seconds: float) -> None:
    """Lets a gateway's last renewal be that long ago."""
    async with owner(settings) as con:
        await con.execute(
            "UPDATE presence.gateway SET lease_until = now() + interval '15 s' - make_interval(secs => $2)"
            " WHERE gateway_id = $1",
            gateway_id,
            seconds,
        )


async def test_the_lines_of_a_silent_gateway_are_not_open(
    one: Presence, other: Presence, places: Places, settings: NodeSettings
) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    asked = presence_pb2.ListOnlineRequest(user_ids=[line.user_id])
    await silence(settings, line.gateway_id, 16)
    assert await located(places, line.user_id) == []
    assert (await one.stub.ListOnline(asked)).user_ids == []

    answer = await other.renew(line.gateway_id, 1)

    assert (answer.lines, answer.lease_ms) == (1, 15_000)
    assert await located(places, line.user_id) == [line]
    assert (await one.stub.ListOnline(asked)).user_ids == [line.user_id]


async def test_a_renewal_answers_how_many_lines_are_registered(one: Presence, other: Presence) -> None:
    gateway = ids.mint_gateway()
    assert (await one.renew(gateway)).lines == 0
    lines = [await one.claim(new_line(gateway)) for _ in range(3)]
    assert (await other.renew(gateway, 3)).lines == 3
    await one.release(lines[0])
    assert (await other.renew(gateway, 3)).lines == 2


async def test_a_renewal_without_a_gateway_is_refused(one: Presence) -> None:
    with pytest.raises(Refusal) as refused:
        await one.renew("")
    assert refused.value.name == "invalid"


async def test_a_gateway_claims_its_lines_anew_after_they_were_forgotten(
    one: Presence, other: Presence, places: Places, settings: NodeSettings
) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    async with owner(settings) as con:
        await con.execute("DELETE FROM presence.line")
    assert (await one.renew(line.gateway_id, 1)).lines == 0

    assert await other.claim(line, ticket_id="") == line

    assert await located(places, line.user_id) == [line]
    assert (await one.renew(line.gateway_id, 1)).lines == 1


async def test_a_replaced_line_cannot_be_claimed_anew(one: Presence, other: Presence, places: Places) -> None:
    first = await one.claim(new_line(ids.mint_gateway()))
    second = await other.claim(at(first, ids.mint_gateway()))
    with pytest.raises(Refusal) as refused:
        await one.claim(first, ticket_id="")
    assert refused.value.name == "line_fenced"
    assert await located(places, first.user_id) == [second]


async def test_a_released_line_stays_released(one: Presence, other: Presence, places: Places) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    await other.release(line)
    with pytest.raises(Refusal) as refused:
        await one.claim(line, ticket_id="")  # decided before, and late
    assert refused.value.name == "line_fenced"
    assert await located(places, line.user_id) == []


async def test_an_expelled_device_has_no_line_and_its_gateways_hear_of_it(
    one: Presence, other: Presence, places: Places, ear_of: Callable[[str], "asyncio.Future[Ear]"]
) -> None:
    gateway = ids.mint_gateway()
    ear = await ear_of(gateway)
    stolen = await one.claim(new_line(gateway))
    second_tab = await one.claim(new_line(gateway, stolen.user_id, stolen.device_id, "tab-0002"))
    kept = await one.claim(new_line(gateway, stolen.user_id))

    expelled = await other.expel(stolen.user_id, stolen.device_id)

    assert sorted(expelled, key=lambda line: line.epoch) == [stolen, second_tab]
    assert sorted(await ear.until_fenced(2), key=lambda line: line.epoch) == [stolen, second_tab]
    assert await located(places, stolen.user_id) == [kept]
    assert await other.expel(stolen.user_id, stolen.device_id) == []


async def test_a_gateway_that_did_not_hear_of_it_finds_the_expelled_line_fenced(one: Presence) -> None:
    line = await one.claim(new_line(ids.mint_gateway()))
    await one.expel(line.user_id, line.device_id)
    assert (await one.renew(line.gateway_id, 1)).lines == 0
    with pytest.raises(Refusal) as refused:
        await one.claim(line, ticket_id="")
    assert refused.value.name == "line_fenced"


async def test_expelling_needs_a_user_and_a_device(one: Presence) -> None:
    for user_id, device_id in [("", ids.mint_device()), (ids.mint_user(), "")]:
        with pytest.raises(Refusal) as refused:
            await one.expel(user_id, device_id)
        assert refused.value.name == "invalid"


async def test_what_nobody_needs_any_more_is_forgotten(
    one: Presence, places: Places, settings: NodeSettings
) -> None:
    alive = await one.claim(new_line(ids.mint_gateway()))
    silent = await one.claim(new_line(ids.mint_gateway()))
    dead = await one.claim(new_line(ids.mint_gateway()))
    released = await one.claim(new_line(alive.gateway_id))
    await one.release(released)
    await silence(settings, silent.gateway_id, 300)
    await silence(settings, dead.gateway_id, 700)
    async with owner(settings) as con:
        await con.execute(
            "UPDATE presence.line SET since = now() - interval '11 min' WHERE epoch = $1", released.epoch
        )
        await con.execute("UPDATE presence.ticket SET expires_at = now() - interval '2 min'")
        database = await Database.of(settings, "presence").open()
        await Store(database).sweep()
        await database.close()

        kept = await con.fetch("SELECT epoch FROM presence.line ORDER BY epoch")
        gateways = await con.fetch("SELECT gateway_id FROM presence.gateway ORDER BY gateway_id")
        tickets = await con.fetchval("SELECT count(*) FROM presence.ticket")

    assert [row["epoch"] for row in kept] == [alive.epoch, silent.epoch]
    assert [row["gateway_id"] for row in gateways] == [alive.gateway_id, silent.gateway_id]
    assert tickets == 0


async def test_a_ticket_that_was_forgotten_is_expired_all_the_same(
    one: Presence, settings: NodeSettings
) -> None:
    line, ticket, expiry = new_line(ids.mint_gateway()), ids.mint_ticket(), in_ms(-61_000)
    with pytest.raises(Refusal) as refused:
        await one.claim(line, ticket_id=ticket, ticket_expires_at_ms=expiry)
    assert refused.value.name == "ticket_invalid"


async def test_two_hundred_questions_at_once_are_answered_each_by_itself(
    one: Presence, places: Places
) -> None:
    gateway = ids.mint_gateway()
    lines = await asyncio.gather(*(one.claim(new_line(gateway)) for _ in range(40)))
    answers = await asyncio.gather(*(located(places, lines[number % 40].user_id) for number in range(200)))
    assert answers == [[lines[number % 40]] for number in range(200)]


async def test_a_question_about_too_many_users_is_refused(places: Places) -> None:
    question = presence_pb2.LocateQuestion(user_ids=[ids.mint_user()] * 101)
    with pytest.raises(Refusal) as refused:
        await places.ask(question)
    assert refused.value.name == "invalid"


async def test_lines_come_and_go_while_the_bus_is_away(
    one: Presence, other: Presence, places: Places, nats: Nats
) -> None:
    first = await one.claim(new_line(ids.mint_gateway()))
    nats.stop()
    second = await other.claim(at(first, ids.mint_gateway()))
    assert await located(places, first.user_id) == [second]
    assert await one.expel(second.user_id, second.device_id) == [second]
    assert await located(places, first.user_id) == []
