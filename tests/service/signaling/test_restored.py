"""`ringline restored` on the tables: what it asks the log, what it refuses, and what it leaves."""

from collections.abc import AsyncIterator

import pytest

from ringline.bus import Bus
from ringline.config import NodeSettings
from ringline.log import Log
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.events_pb2 import CallPlaced, Event
from services.embedded import Nats
from services.signaling.call import step
from services.signaling.cli import restored
from services.signaling.record import CALLEE, Phase, phase
from services.signaling.store import Store, Stored
from services.signaling.verbs import Who
from tests.conftest import SettingsFor
from tests.service.pods import owner
from tests.unit.signaling.calls import AUDIO, placed

PLACED = CallPlaced(caller_id="u_cy", callee_id="u_dan", asked=AUDIO)
LATER = Event(event_id="e_later", at_ms=60_000, call_id="c_later", version=1, call_placed=PLACED)


@pytest.fixture
async def settings(settings_for: SettingsFor) -> NodeSettings:
    """A backup with one call that rings and one in which two talk."""
    return await settings_for("signaling")


@pytest.fixture
async def store(settings: NodeSettings) -> AsyncIterator[Store]:
    async with Node(settings, ["signaling"]) as node:
        store = Store(await node.database("signaling"))
        for name in ("rings", "talks"):
            record = placed(f"u_{name}", "u_bob", call_id=f"c_{name}")
            assert await store.place(record, [], f"{name}-dials-bob-001")
        phone = Who(CALLEE, "d_bob.phone001", "g_2", 1, "bob-answers-00001")
        assert await store.save(Stored(record, (None, None)), step(record, phone, client_pb2.Answer(), 1))
        yield store


async def write(nats: Nats, *events: Event) -> None:
    """Something happened after the backup."""
    bus = await Bus(nats.url()).connect(10)
    assert await Log(bus).publish(events) == len(events)
    await bus.close()


async def phases(store: Store) -> dict[str, Phase]:
    """How far each call is."""
    return {
        one.record.call_id: phase(one.record) for one in await store.many(["c_rings", "c_talks", "c_later"])
    }


async def test_each_restore_has_a_higher_incarnation_also_of_the_same_backup(
    settings: NodeSettings, nats: Nats, store: Store
) -> None:
    await write(nats, LATER)
    first = await restored(settings)
    async with owner(settings) as con:
        await con.execute("UPDATE signaling.meta SET incarnation = 1")
    second = await restored(settings)
    assert 1 < first.incarnation < second.incarnation == await store.incarnation()


@pytest.mark.shows("L3")
async def test_a_talk_goes_on_a_ring_is_due_and_what_came_later_gets_its_end(
    settings: NodeSettings, nats: Nats, store: Store
) -> None:
    await write(nats, LATER)
    done = await restored(settings)
    assert (done.kept, done.ended, done.unknown) == (2, 0, 1)
    assert await phases(store) == {"c_rings": Phase.RINGING, "c_talks": Phase.TALKING}
    assert {one.record.call_id for one in await store.due()} == {"c_rings", "c_talks"}
    async with owner(settings) as con:
        (row,) = await con.fetch("SELECT call_id, event FROM signaling.outbox WHERE call_id = $1", "c_later")
    said = Event.FromString(row["event"])
    assert row["call_id"] == said.call_id == "c_later" and said.call_ended.callee_id == "u_dan"


async def test_without_a_word_of_the_log_nothing_is_done(settings: NodeSettings, store: Store) -> None:
    with pytest.raises(Refusal, match="without-log"):
        await restored(settings)
    nowhere = settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"})
    with pytest.raises(Refusal):
        await restored(nowhere)
    assert await store.incarnation() == 1
    done = await restored(nowhere, trust_log=False)
    assert (done.kept, done.ended, done.unknown) == (1, 1, 0)
    assert await phases(store) == {"c_rings": Phase.RINGING, "c_talks": Phase.OVER}
    again = placed("u_talks", "u_bob", call_id="c_again")
    assert await store.place(again, [], "talks-dials-bob-002"), "the pair is free"


async def test_a_process_that_remembers_the_lost_call_cannot_write_over_the_restored_one(
    settings: NodeSettings, nats: Nats, store: Store
) -> None:
    await write(nats, LATER)
    (remembered,) = await store.many(["c_talks"])
    await restored(settings)
    phone = Who(CALLEE, "d_bob.phone001", "g_2", 1, "bob-hangs-up-00001")
    assert await store.save(remembered, step(remembered.record, phone, client_pb2.HangUp(), 2)) is None
