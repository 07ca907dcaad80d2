"""What dies, and what goes on. Each story puts back what it broke."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from ringline.client import Call, Phone, mint_command
from ringline.client.call import NotInTime
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import PATIENCE, Stage, at, talk
from tests.suite.topology import LOST_SECONDS, RING_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")
GHOST_SECONDS = 15.0
"""No ring outlives its server by more."""
BUS_SECONDS = 10.0
"""What a story waits for that goes by anti-entropy, every two seconds, instead of the bus."""


async def gateway_of(phone: Phone) -> str:
    """The number of the gateway that holds this phone's line, by its id."""
    assert phone.line is not None
    return phone.line.welcome.line.gateway_id


async def test_caller_and_callee_meet_across_gateways_where_there_are_two(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    same = await gateway_of(ada) == await gateway_of(bob)
    assert same is not stage.topology.is_split


@pytest.mark.shows("L2", "L4")
async def test_without_the_bus_a_call_is_placed_answered_and_ended(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    nats, port = stage.topology.nats, stage.topology.nats.port
    nats.kill()
    try:
        call = await ada.place(at(bob), within=BUS_SECONDS)
        ring = await bob.rings(BUS_SECONDS)
        await ring.answer(offer=b"offer", within=BUS_SECONDS)
        offer = await call.until_described(within=BUS_SECONDS)
        await call.describe(b"answer", answers=offer.generation)
        await ring.until_described(within=BUS_SECONDS)
        await asyncio.gather(call.report("flowing"), ring.report("flowing"))
        await asyncio.gather(
            call.until("connected", within=BUS_SECONDS), ring.until("connected", within=BUS_SECONDS)
        )
        await call.hang_up()
        await ring.until(ended="hung_up", within=BUS_SECONDS)
    finally:
        nats.start(port)
    facts = [event.WhichOneof("fact") for event in await stage.book.facts(call.call_id, within=60.0)]
    assert facts == ["call_placed", "call_rang", "call_answered", "call_ended"]


@pytest.mark.shows("L3")
async def test_a_lost_wake_up_is_repaired(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    nats, port = stage.topology.nats, stage.topology.nats.port
    nats.kill()
    await ring.hang_up()
    nats.start(port)
    await call.until(ended="hung_up", within=BUS_SECONDS)


@pytest.mark.shows("S14")
async def test_without_the_bus_a_replaced_line_can_still_change_nothing(stage: Stage) -> None:
    """The old line may not have heard that it was replaced: its commands are refused by their epoch."""
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    nats, port = stage.topology.nats, stage.topology.nats.port
    nats.kill()
    try:
        twin = await stage.another_line(ada, gateway=1, instance=ada.instance)
        with pytest.raises(Refusal) as refused:
            await call.hang_up()
        assert refused.value.reason == Reason.REASON_LINE_FENCED
        same = twin.calls[call.call_id]
        assert same.phase == ring.phase == "connected" and same.view.here
    finally:
        nats.start(port)
    await same.hang_up()
    await ring.until(ended="hung_up", within=BUS_SECONDS)


@pytest.mark.shows("L2")
async def test_a_signaling_process_dies_during_the_ring_and_the_answer_works(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    async with dead(stage, "signaling"):
        await answered_or_over(call, ring)


async def test_policy_presence_and_directory_die_and_the_next_call_is_placed(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    async with dead(stage, "policy", "presence", "directory"):
        await asyncio.gather(ada.until_connected(PATIENCE), bob.until_connected(PATIENCE))
        call = await ada.place(at(bob), within=PATIENCE)
        ring = await bob.rings(PATIENCE)
        await ring.answer(offer=b"offer", within=PATIENCE)
        await call.until_described(within=PATIENCE)
        await call.hang_up()


@pytest.mark.shows("L5")
async def test_the_callees_gateway_dies_and_the_line_rings_on_at_another(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    async with dead(stage, "gateway", number=-1):
        await bob.until(lambda phone: phone.connections == 2 and phone.is_connected, GHOST_SECONDS)
        await answered_or_over(call, ring)


@asynccontextmanager
async def dead(stage: Stage, *services: str, number: int = 0) -> AsyncIterator[None]:
    """A while without one process of each of these services; where one process is everything, it is back
    already.
    """
    victims = {stage.topology.of(service)[number] for service in services}
    for victim in victims:
        victim.kill()
    if not stage.topology.is_split:
        await stage.topology.restart(*victims)
    try:
        yield
    finally:
        if stage.topology.is_split:
            await stage.topology.restart(*victims)


async def answered_or_over(call: Call, ring: Call) -> None:
    """The ring is answered; or the only process was away for longer than it rings, and it is over."""
    try:
        await ring.answer(offer=b"offer", within=GHOST_SECONDS)
    except Refusal as refusal:
        assert refusal.reason == Reason.REASON_CALL_ENDED
        assert ring.view.placed_at_ms + RING_SECONDS * 1000 < time.time() * 1000
        await asyncio.gather(call.until("ended", within=PATIENCE), ring.until("ended", within=PATIENCE))
        return
    assert (await call.until_described(within=PATIENCE)).body == b"offer"
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


async def until_sent(sender: Phone, other: Phone, text: str) -> None:
    """Sends a message until it has an answer, always the same one, as every client does."""
    client_id, deadline = mint_command(), time.monotonic() + GHOST_SECONDS
    while True:
        try:
            await sender.session.send(at(other), text, client_id)
            return
        except (Refusal, ConnectionError) as trouble:
            passing = not isinstance(trouble, Refusal) or trouble.reason == Reason.REASON_UNAVAILABLE
            assert passing and time.monotonic() < deadline, trouble
        await asyncio.sleep(0.05)


async def until_heard(sender: Phone, other: Phone, text: str) -> None:
    """Sends messages until one wakes the other's line: a gateway finds its way back to a bus that was away
    for an earlier test in its own time.
    """
    deadline = time.monotonic() + GHOST_SECONDS
    while not other.inbox.added and time.monotonic() < deadline:
        await sender.session.send(at(other), text)
        with suppress(NotInTime):
            await other.until(lambda phone: bool(phone.inbox.added), 1.0)
    assert other.inbox.added, "no message wakes the other"


async def test_conversations_dies_while_two_write_and_nothing_is_lost_or_there_twice(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")

    async def write(sender: Phone, other: Phone) -> None:
        for number in range(20):
            await until_sent(sender, other, f"{sender.session.username} {number}")

    await until_sent(ada, bob, "hello")
    writing = asyncio.gather(write(ada, bob), write(bob, ada))
    async with dead(stage, "conversations"):
        await writing
    pages = [await one.session.entries(at(other)) for one, other in ((ada, bob), (bob, ada))]
    texts = [[entry["message"]["text"] for entry in page["entries"]] for page in pages]
    assert texts[0] == texts[1]
    assert len(texts[0]) == len(set(texts[0])) == 41


async def test_without_the_bus_messages_are_sent_and_the_gap_shows_when_it_is_back(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await until_heard(ada, bob, "before")
    before = (await bob.catch_up()).threads[ada.session.user_id].unread
    nats, port = stage.topology.nats, stage.topology.nats.port
    nats.kill()
    try:
        await until_sent(ada, bob, "without the bus")
        call = await ada.place(at(bob), within=BUS_SECONDS)
        await call.hang_up()
    finally:
        nats.start(port)
    await stage.book.facts(call.call_id, within=60.0)
    await bob.until(lambda phone: any(one.call.missed for one in phone.inbox.added), 60.0)
    assert bob.inbox.is_behind
    inbox = await bob.catch_up()
    assert inbox.threads[ada.session.user_id].unread == before + 2


@pytest.mark.shows("L4")
async def test_the_callees_gateway_dies_and_the_caller_still_hears_the_end(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    await bob.rings(PATIENCE)
    await bob.vanish()
    await call.until(ended="no_answer", within=RING_SECONDS + PATIENCE)


@pytest.mark.shows("L3")
async def test_a_call_whose_both_lines_are_gone_is_lost(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await asyncio.gather(ada.vanish(), bob.vanish())
    events = await stage.book.facts(call.call_id, within=LOST_SECONDS + 20.0)
    ended = events[-1].call_ended
    assert ended.ended_at_ms - ended.answered_at_ms >= LOST_SECONDS * 1000
    await asyncio.gather(ada.connect(PATIENCE), bob.connect(PATIENCE))
    await asyncio.gather(call.until(ended="lost", within=PATIENCE), ring.until(ended="lost", within=PATIENCE))


@pytest.mark.shows("L3")
async def test_a_call_goes_on_while_one_side_is_away(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await bob.vanish()
    with pytest.raises(AssertionError):
        await call.until("ended", within=LOST_SECONDS + 2.0)
    await bob.connect(PATIENCE)
    assert ring.phase == "connected" and ring.view.here
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("S10", "L5")
async def test_every_process_restarts_and_the_call_is_still_there(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    for process in stage.topology.everything():
        process.kill()
        await stage.topology.restart(process)
    await asyncio.gather(ada.until_connected(GHOST_SECONDS), bob.until_connected(GHOST_SECONDS))
    assert (call.phase, ring.phase) == ("connected", "connected"), (call.ending, ring.ending)
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)
