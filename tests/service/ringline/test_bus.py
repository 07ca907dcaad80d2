"""Wake-ups, the event log and the outbox, on a real bus that is sometimes away."""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from nats.js.api import ConsumerConfig
from prometheus_client import REGISTRY

from ringline import ids, telemetry
from ringline.bus import ALL, Bus, token
from ringline.db import Database
from ringline.log import BATCH, BUG_TRIES, MOST_PENDING, PAGE, TRIES, Log
from ringline.outbox import Outbox
from ringline.refusal import Refusal
from ringline.v1.events_pb2 import CallEnded, CallRang, Event
from ringline.v1.reasons_pb2 import Reason
from services.embedded import Nats
from tests.conftest import SettingsFor
from tests.servers import until


@pytest.fixture
async def bus(nats: Nats) -> AsyncIterator[Bus]:
    """A connection to the bus."""
    bus = await Bus(nats.url()).connect()
    yield bus
    await bus.close()


def happened(call: str, version: int, fact: CallRang | None = None) -> Event:
    """An event of a call."""
    event = Event(event_id=ids.mint_event(), call_id=call, version=version)
    event.call_rang.CopyFrom(fact) if fact is not None else event.call_ended.CopyFrom(CallEnded())
    return event


@pytest.fixture
async def sender(nats: Nats) -> AsyncIterator[Bus]:
    """Another process's connection."""
    bus = await Bus(nats.url(), "sender").connect(10)
    yield bus
    await bus.close()


async def test_what_is_no_bus_at_its_address_is_asked_again_until_it_is_one() -> None:
    """Such as another program, or while an address is wrong: what nats-py does not expect ends nothing."""
    asked = 0

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"INFO [1]\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        bus = await Bus(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}").connect(0.0)
        await until(lambda: asked > 1, 10, lambda: f"asked {asked} times")
        await bus.close()
    await (await Bus("nats://127.0.0.1:no-port").connect(0.1)).close()


@pytest.mark.parametrize("text", ["", ">", "*", "a.b", "a b", "a\r\nPUB x 1", "Ada"])
def test_nothing_but_ids_enters_a_subject(text: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        token(text)


async def test_a_gateway_hears_its_own_wakes_and_those_for_all_in_order(bus: Bus, sender: Bus) -> None:
    heard: list[bytes] = []

    mine, other = ids.mint_gateway(), ids.mint_gateway()
    await bus.subscribe_wakes(mine, heard.append)
    await bus.client.flush()
    for number in range(20):
        assert await sender.publish_wake(mine, b"%d" % number)
        assert await sender.publish_wake(other, b"not mine")
    await until(lambda: len(heard) == 20, 5, lambda: str(heard))
    assert heard == [b"%d" % number for number in range(20)]
    await sender.publish_wake(ALL, b"all")
    await until(lambda: heard[-1] == b"all", 5, lambda: str(heard))


async def test_a_bus_that_is_away_loses_wakes_and_nothing_else(nats: Nats, bus: Bus, sender: Bus) -> None:
    heard: list[bytes] = []
    back: list[bool] = []

    gateway = ids.mint_gateway()
    await bus.subscribe_wakes(gateway, heard.append)
    bus.on_reconnect(lambda: back.append(True))
    port = urlsplit(nats.url()).port or 0
    nats.stop()
    await until(lambda: not (bus.is_up or sender.is_up), 10, lambda: "still up")
    assert not await sender.publish_wake(gateway, b"lost")
    nats.start(port)
    await until(lambda: bus.is_up and sender.is_up and bool(back), 15, lambda: "not back")
    await bus.client.flush()
    assert await sender.publish_wake(gateway, b"heard")
    await until(lambda: heard == [b"heard"], 5, lambda: str(heard))


async def test_a_bus_that_reloads_sends_away_those_alone_whose_password_is_another_one(nats: Nats) -> None:
    """They are back with the new one; for everybody else nothing was."""
    process, old, times = nats.pid, dict(nats.users), Counter[str]()
    async with AsyncExitStack() as stack:
        for user in ("policy", "signaling"):
            bus = Bus(nats.url(owner=False), user, user, [old[user], "changed"])
            stack.push_async_callback(bus.close)
            await bus.connect(10)
            bus.on_reconnect(functools.partial(times.update, [user]))
        nats.users["policy"] = "changed"
        nats.reload()
        await until(lambda: times["policy"] == 1, 10, lambda: f"back: {times}")
        late = Bus(nats.url(owner=False), "late", "policy", [old["policy"]])
        stack.push_async_callback(late.close)
        assert not (await late.connect(1.0)).is_up
        await bus.client.flush()
        assert (times, nats.pid) == ({"policy": 1}, process)


async def test_a_bus_that_comes_later_is_found(nats: Nats) -> None:
    url = nats.url()
    port = urlsplit(nats.url()).port or 0
    nats.stop()
    bus, sender = await Bus(url).connect(patience=0.1), await Bus(url).connect(patience=0.1)
    assert not bus.is_up
    heard: list[bytes] = []

    await bus.subscribe_wakes("g_1", heard.append)
    nats.start(port)
    await asyncio.gather(bus.until_up(), sender.until_up())
    await bus.client.flush()
    await sender.publish_wake("g_1", b"late")
    await until(lambda: heard == [b"late"], 5, lambda: str(heard))
    await asyncio.gather(bus.close(), sender.close())


async def test_an_event_comes_again_until_it_was_handled_and_once_when_published_twice(bus: Bus) -> None:
    log = Log(bus)
    event = happened("c_1", 1)
    assert await log.publish([event, event, happened("c_1", 2, CallRang())]) == 3
    tries: list[int] = []

    async def handle(heard: Event) -> None:
        tries.append(heard.version)
        if len(tries) == 1:
            raise KeyError("once")

    task = asyncio.create_task(log.consume("projector", ["call_ended"], handle))
    await until(lambda: len(tries) >= 2, 10, lambda: str(tries))
    assert tries == [1, 1]
    task.cancel()


async def test_events_that_always_fail_stop_nobody_and_are_given_up_in_the_end(bus: Bus) -> None:
    telemetry.configure()
    log = Log(bus, retry_seconds=0.01)
    poisoned = [happened(f"c_{number}", 1) for number in range(70)]
    good = happened("c_good", 1)
    assert await log.publish([*poisoned, good]) == 71
    tries: Counter[str] = Counter()

    async def handle(heard: Event) -> None:
        tries[heard.call_id] += 1
        if heard.call_id != good.call_id:
            raise KeyError("always")

    before = given_up("stubborn")
    task = asyncio.create_task(log.consume("stubborn", ["call_ended"], handle))
    await until(lambda: tries["c_good"] == 1, 20, lambda: str(tries))
    await until(lambda: given_up("stubborn") - before == 70, 30, lambda: str(tries))
    assert set(tries.values()) == {BUG_TRIES, 1}
    task.cancel()
    found: list[str] = []

    async def take(heard: Event) -> None:
        found.append(heard.call_id)
        if heard.call_id == "c_3":
            raise KeyError("still")

    assert await log.replay(["call_ended"], take) == 71
    assert found == [event.call_id for event in (*poisoned, good)], "the log has them, for a rebuild"


async def test_events_that_wait_for_their_next_try_hold_up_none_that_come_later(bus: Bus) -> None:
    telemetry.configure()
    log = Log(bus, retry_seconds=3600.0)
    good = happened("c_good", 1)
    assert await log.publish([*(happened(f"c_{number}", 1) for number in range(100)), good]) == 101
    tries: Counter[str] = Counter()

    async def handle(heard: Event) -> None:
        tries[heard.call_id] += 1
        if heard.call_id != good.call_id:
            raise Refusal(Reason.REASON_UNAVAILABLE)

    task = asyncio.create_task(log.consume("waiting", ["call_ended"], handle))
    await until(lambda: tries["c_good"] == 1, 20, lambda: str(tries))
    assert len(tries) == 101 and set(tries.values()) == {1}
    task.cancel()


async def test_what_fails_for_a_time_is_taken_later_however_long_it_took(bus: Bus) -> None:
    log = Log(bus, retry_seconds=0.01)
    assert await log.publish([happened("c_1", 1), happened("c_2", 1)]) == 2
    tries: list[str] = []

    async def handle(heard: Event) -> None:
        tries.append(heard.call_id)
        if heard.call_id == "c_1" and tries.count("c_1") <= BUG_TRIES:
            raise Refusal(Reason.REASON_UNAVAILABLE)

    before = given_up("patient")
    task = asyncio.create_task(log.consume("patient", ["call_ended"], handle))
    await until(lambda: tries.count("c_1") == BUG_TRIES + 1, 20, lambda: str(tries))
    assert tries[:2] == ["c_1", "c_2"] and given_up("patient") == before
    task.cancel()


async def test_an_outage_uses_up_none_of_the_tries_of_a_fault(bus: Bus) -> None:
    telemetry.configure()
    log = Log(bus, retry_seconds=0.001)
    assert await log.publish([happened("c_1", 1)]) == 1
    tries = 0

    async def handle(heard: Event) -> None:
        nonlocal tries
        tries += 1
        if tries <= BUG_TRIES:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        if tries < 2 * BUG_TRIES:
            raise KeyError("mended before the last try")

    before = given_up("hopeful")
    task = asyncio.create_task(log.consume("hopeful", ["call_ended"], handle))
    await until(lambda: tries == 2 * BUG_TRIES, 20, lambda: str(tries))
    assert given_up("hopeful") == before
    task.cancel()


async def test_events_that_take_too_long_hold_up_no_other_and_are_counted(bus: Bus) -> None:
    telemetry.configure()
    log = Log(bus, retry_seconds=3600.0, event_seconds=2.0)
    good = happened("c_good", 1)
    assert await log.publish([*(happened(f"c_{number}", 1) for number in range(BATCH - 1)), good]) == BATCH
    begun: list[str] = []
    late: list[str] = []
    late_before_good: list[str] | None = None

    async def handle(heard: Event) -> None:
        nonlocal late_before_good
        begun.append(heard.call_id)
        if heard.call_id == good.call_id:
            late_before_good = list(late)
            return
        try:
            await asyncio.Event().wait()
        finally:
            late.append(heard.call_id)

    task = asyncio.create_task(log.consume("slow", ["call_ended"], handle))
    await until(lambda: late_before_good is not None, 20, lambda: str(begun))
    assert late_before_good == []
    await until(lambda: counted("late", "slow") == BATCH - 1, 20, lambda: str(late))
    task.cancel()


async def test_a_consumer_of_before_gets_the_settings_of_now(bus: Bus) -> None:
    log = Log(bus)
    await log.ensure_stream()
    js = bus.client.jetstream()
    old = ConsumerConfig(
        durable_name="older", filter_subjects=["ringline.events.call_ended"], max_ack_pending=64
    )
    await js.add_consumer("EVENTS", old)
    heard: list[Event] = []

    async def handle(event: Event) -> None:
        heard.append(event)

    task = asyncio.create_task(log.consume("older", ["call_ended"], handle))
    assert await log.publish([happened("c_1", 1)]) == 1
    await until(lambda: bool(heard), 10, lambda: "nothing came")
    config = (await js.consumer_info("EVENTS", "older")).config
    assert (config.max_deliver, config.max_ack_pending) == (TRIES, MOST_PENDING)
    task.cancel()


async def test_a_replay_ends_where_events_go_while_it_runs(bus: Bus) -> None:
    log = Log(bus)
    events = [happened(f"c_{number}", 1) for number in range(3 * PAGE)]
    assert await log.publish(events) == len(events)
    heard: list[str] = []

    async def take(event: Event) -> None:
        heard.append(event.call_id)
        if len(heard) == 10:
            await bus.client.jetstream().purge_stream("EVENTS", keep=20)
            await log.publish([happened("c_later", 1)])

    count = await log.replay(["call_ended"], take)
    assert count == len(heard) and len(set(heard)) == count
    assert heard[-20:] == [event.call_id for event in events[-20:]], "what was there is not missed"


def given_up(durable: str) -> float:
    """How many events were given up."""
    return counted("given_up", durable)


def counted(fate: str, durable: str) -> float:
    """How many events met this fate."""
    return REGISTRY.get_sample_value(f"ringline_events_{fate}_total", {"durable": durable}) or 0.0


async def test_the_outbox_publishes_in_order_and_keeps_what_was_not_acknowledged(
    nats: Nats, bus: Bus, settings_for: SettingsFor
) -> None:
    settings = await settings_for("signaling")
    db = await Database.of(settings, "signaling").open()
    log = Log(bus)
    relays = [Outbox(db, log), Outbox(db, log)]
    calls = [ids.mint_call() for _ in range(5)]
    heard: dict[str, list[int]] = {call: [] for call in calls}

    async def handle(event: Event) -> None:
        if event.version not in heard[event.call_id]:
            heard[event.call_id].append(event.version)

    async def write(versions: range) -> None:
        for version in versions:
            for call in calls:
                async with db.transaction() as con:
                    await relays[0].add(con, happened(call, version))

    await write(range(1, 4))
    port = urlsplit(nats.url()).port or 0
    nats.stop()
    await until(lambda: not bus.is_up, 10, lambda: "still up")
    assert await relays[0].relay() == 0
    nats.start(port)
    await until(lambda: bus.is_up, 15, lambda: "not back")
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    tasks.append(asyncio.create_task(log.consume("projector", [], handle)))
    await write(range(4, 10))
    relays[0].nudge()
    await until(lambda: all(len(one) == 9 for one in heard.values()), 20, lambda: str(heard))
    assert all(versions == list(range(1, 10)) for versions in heard.values())
    async with asyncio.timeout(10):
        while await db.fetchval("SELECT count(*) FROM outbox"):
            await relays[0].relay()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await db.close()
