"""A reader of the event log that stops: what it had in its hands is read by another one at once."""

import asyncio

from ringline.bus import Bus
from ringline.log import ACK_SECONDS, Log
from ringline.v1.events_pb2 import Event
from services.embedded import Nats
from tests.servers import until
from tests.service.ringline.test_bus import happened

SOON_SECONDS = ACK_SECONDS / 3


async def test_what_a_stopped_reader_had_in_hand_comes_to_the_next_one_at_once(nats: Nats) -> None:
    in_hand: list[str] = []
    heard: list[str] = []

    async def hold(event: Event) -> None:
        in_hand.append(event.event_id)
        await asyncio.Event().wait()

    async def hear(event: Event) -> None:
        heard.append(event.event_id)

    bus = await Bus(nats.url()).connect(10)
    log = Log(bus)
    events = [happened(f"c_{number}", 1) for number in range(3)] + [happened("c_0", 2)]
    assert await log.publish(events) == len(events)
    stopped = asyncio.create_task(log.consume("readers", ["call_ended"], hold))
    await until(lambda: len(in_hand) == 3, 10, lambda: str(in_hand))
    stopped.cancel()
    await asyncio.wait([stopped])
    going_on = asyncio.create_task(log.consume("readers", ["call_ended"], hear))
    await until(lambda: len(set(heard)) == len(events), SOON_SECONDS, lambda: str(heard))
    assert heard.index(events[0].event_id) < heard.index(events[3].event_id), "the order of a call"
    going_on.cancel()
    await asyncio.wait([going_on])
    await bus.close()
