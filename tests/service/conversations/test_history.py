"""Long threads, outages, histories that are rebuilt, and what is kept for a time only."""

import functools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from ringline.db import Database
from ringline.log import Log
from ringline.v1 import threads_pb2
from ringline.v1.events_pb2 import Event
from ringline.v1.types_pb2 import Ending
from services.conversations import cli, pages, store
from services.conversations.sweeper import DAY_MS, sweep_once
from services.embedded import Nats
from tests.conftest import SettingsFor
from tests.service.conversations.room import Room, Somebody, end_of_call, open_room
from tests.service.pods import owner

LONG = 10_000


@pytest.fixture
async def room(settings_for: SettingsFor) -> AsyncIterator[Room]:
    """A room of its own: its database and its bus may come and go."""
    async with open_room(await settings_for("conversations")) as opened:
        yield opened


async def fill(room: Room, bob: Somebody, ada: Somebody) -> None:
    """A thread of ten thousand entries, every fifth a call, every tenth a missed one; and those of others
    beside it.
    """
    call = threads_pb2.Entry(call=threads_pb2.CallEntry(call_id="c_1")).SerializeToString()
    said = threads_pb2.Entry(message=threads_pb2.MessageEntry(text="word")).SerializeToString()
    async with owner(room.settings) as con:
        await con.execute("SET search_path = conversations")
        for number in range(10):
            owner_id = bob.user_id if number == 0 else f"u_{number:026}"
            await con.execute("INSERT INTO person (user_id, feed) VALUES ($1, $2)", owner_id, LONG)
            await con.execute(
                "INSERT INTO thread VALUES ($1, $2, 1, $3, $3, $3, 0, 0, 0, true, true)",
                owner_id,
                ada.user_id,
                LONG,
            )
            await con.execute(
                "INSERT INTO entry SELECT $1, $2, n, n * 1000, 'x_' || n, NULL, n % 5 = 0, n % 10 = 0, 0, "
                "CASE WHEN n % 5 = 0 THEN $3::bytea ELSE $4 END FROM generate_series(1, $5::bigint) AS n",
                owner_id,
                ada.user_id,
                call,
                said,
                LONG,
            )
        await con.execute(
            "INSERT INTO thread SELECT 'u_many', 'u_' || n, 1, 0, n, n, 0, 0, 0, true, true "
            "FROM generate_series(1, 1000) AS n"
        )
        await con.execute("ANALYZE")


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a plan."""
    return [plan, *(found for part in plan.get("Plans", []) for found in nodes_of(part))]


async def rows_read(con: "asyncpg.Connection[asyncpg.Record]", sql: str, *values: int | str) -> int:
    """How many rows of tables a statement looks at, planned as the service's connections plan it. Fails where
    it does not go by an index, or sorts.
    """
    await con.execute(f"PREPARE asked AS {sql}")
    given = ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in values)
    answer = await con.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ({given})")
    await con.execute("DEALLOCATE asked")
    parts = nodes_of(json.loads(answer)[0]["Plan"])
    kinds = {part["Node Type"] for part in parts}
    assert not kinds & {"Seq Scan", "Sort", "Hash Join"}, kinds
    scans = [part for part in parts if "Scan" in part["Node Type"]]
    removed = sum(part.get("Rows Removed by Filter", 0) for part in scans)
    return int(sum(part["Actual Rows"] * part["Actual Loops"] for part in scans) + removed)


async def test_a_page_of_a_long_thread_costs_no_more_than_one_of_a_short_one(room: Room) -> None:
    ada, bob = room.person(), room.person()
    await fill(room, bob, ada)
    async with owner(room.settings) as con:
        await con.execute("SET search_path = conversations")
        await con.execute("SET plan_cache_mode = force_generic_plan")
        read = functools.partial(rows_read, con)
        for before in (pages.NEWEST, 5_000):
            assert await read(pages.ENTRIES, bob.user_id, ada.user_id, before, 0, 50) <= 50
            assert await read(pages.CALLS, bob.user_id, min(before * 1000, pages.NEWEST), "", 50) <= 100
            assert await read(pages.MISSED, bob.user_id, min(before * 1000, pages.NEWEST), "", 50) <= 100
        assert await read(pages.LIST, bob.user_id, 1, pages.NEWEST, 50) <= 2
        assert await read(pages.CHANGES, bob.user_id, 0, 50) <= 2
        assert await read(store.UNREAD, bob.user_id, ada.user_id, LONG - 100) <= 20
    seen, before = 0, 0
    while True:
        page = await bob.entries(ada, before)
        seen += len(page.entries)
        before = page.next
        if not before:
            break
    assert seen == LONG


async def test_a_history_that_was_lost_is_rebuilt_as_it_was(room: Room) -> None:
    ada, bob, cy = room.person(), room.person(), room.person()
    hung_up = Ending.ENDING_HUNG_UP
    told = [
        end_of_call(ada, bob, placed_at_ms=1_000),
        end_of_call(ada, bob, hung_up, placed_at_ms=2_000, answered_at_ms=3_000, ended_at_ms=9_000),
        end_of_call(bob, ada, Ending.ENDING_DECLINED, placed_at_ms=4_000),
        end_of_call(cy, bob, placed_at_ms=5_000, shadow=True),
    ]
    for count, event in enumerate(told[:3], 1):
        await room.say(event)
        await room.until_entries(ada, bob, count)
    await room.say(told[3])
    await room.until_entries(cy, bob, 1)
    pairs = ((ada, bob), (bob, ada), (cy, bob), (bob, cy))
    before = [await history(*pair) for pair in pairs]
    assert await cli.run(room.settings) == 0, "nothing is missing, so nothing is written"
    await wipe(room)
    assert (await ada.entries(bob)).entries == []
    assert await cli.run(room.settings) == 7
    assert [await history(*pair) for pair in pairs] == before
    assert await cli.run(room.settings) == 0


async def test_what_the_event_log_lost_comes_from_signaling(room: Room) -> None:
    ada, bob = room.person(), room.person()
    room.signaling.ended = [end_of_call(ada, bob) for _ in range(5)]
    await room.say(room.signaling.ended[0])
    await room.until_entries(bob, ada, 1)
    assert await cli.run(room.settings) == 8
    entries = (await bob.entries(ada)).entries
    assert {one.call.call_id for one in entries} == {one.call_id for one in room.signaling.ended}
    assert (await bob.thread(ada)).unread == 5


async def test_messages_go_on_without_the_bus_and_calls_follow_when_it_is_back(
    room: Room, nats: Nats
) -> None:
    ada, bob = room.person(0), room.person(0)
    await room.say(end_of_call(ada, bob))
    await room.until_entries(bob, ada, 1)
    port = int(nats.url().rpartition(":")[2].partition("/")[0])
    nats.stop()
    await ada.send(bob, "is anybody there?")
    assert [one.message.text for one in (await bob.entries(ada)).entries[:1]] == ["is anybody there?"]
    nats.start(port)
    for node in (room.told, room.nodes[0].of("conversations")):
        await (await node.bus()).until_up()
    await until_published(room.log, [end_of_call(ada, bob)])
    entries = await room.until_entries(bob, ada, 3)
    assert entries[2].HasField("call")
    await ada.send(bob, "at last")
    told = await bob.hears(lambda told: told.added.number == 4)
    assert told.before == 3, "the gap says that something was not heard"
    assert (await bob.changes(told.before)).threads[0].last.message.text == "at last"


async def test_what_is_too_old_is_deleted_and_no_longer_counted(room: Room) -> None:
    ada, bob, cy = room.person(), room.person(), room.person()
    for _ in range(3):
        await ada.send(bob, "old")
        await cy.send(bob, "old")
    async with owner(room.settings) as con:
        await con.execute("UPDATE conversations.entry SET at_ms = at_ms - $1", 31 * DAY_MS)
    await ada.send(bob, "new")
    database = await Database.of(room.settings, "conversations").open()
    try:
        now = time.time_ns() // 1_000_000
        await sweep_once(store.Store(database), 40, now)
        assert (await bob.threads()).state.unread == 7
        await sweep_once(store.Store(database), 30, now)
    finally:
        await database.close()
    assert await bob.texts(ada) == await ada.texts(bob) == ["new"]
    answer = await bob.threads()
    assert [(one.peer.user_id, one.unread) for one in answer.threads] == [(ada.user_id, 1)]
    assert answer.state.unread == 1 and not (await cy.threads()).threads


async def test_of_a_long_thread_what_is_too_old_goes_in_portions(room: Room) -> None:
    ada, bob = room.person(), room.person()
    await fill(room, bob, ada)
    async with owner(room.settings) as con:
        await con.execute(
            "UPDATE conversations.thread SET unread = 800, read = 2000 WHERE owner_id = $1", bob.user_id
        )
        await con.execute("UPDATE conversations.person SET unread = 800 WHERE user_id = $1", bob.user_id)
        await con.execute("DELETE FROM conversations.entry WHERE owner_id <> $1", bob.user_id)
    database = await Database.of(room.settings, "conversations").open()
    try:
        boxes = store.Store(database)
        before_ms, portions = (LONG - 500) * 1000, []
        while found := await boxes.forget(before_ms):
            portions.append(found)
            state = (await bob.threads()).state
            left = sum(1 for n in range(sum(portions) + 1, LONG + 1) if n % 10 == 0 and n > 2000)
            assert state.unread == left, portions
    finally:
        await database.close()
    assert portions == [store.PORTION] * 9 + [499]
    answer = await bob.threads()
    assert [(one.unread, one.last.number) for one in answer.threads] == [(51, LONG)]


async def history(owner: Somebody, other: Somebody) -> list[threads_pb2.Entry]:
    """The entries of a thread."""
    return list((await owner.entries(other)).entries)


async def wipe(room: Room) -> None:
    """Loses everything."""
    async with owner(room.settings) as con:
        await con.execute("TRUNCATE conversations.entry, conversations.thread, conversations.person")


async def until_published(log: Log, events: list[Event]) -> None:
    """Publishes as the outbox does: again and again, until the log has it."""
    deadline = time.monotonic() + 20.0
    for number, event in enumerate(events):
        event.event_id = f"e_{event.call_id[2:]}_{number}"
    while await log.publish(events) < len(events):
        assert time.monotonic() < deadline
