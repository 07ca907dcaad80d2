"""What the rows of calls and pairs let in, whatever the processes have read before."""

import time
from collections.abc import AsyncIterator

import pytest

from ringline.node import Node
from ringline.v1 import client_pb2
from services.signaling.call import step
from services.signaling.record import CALLEE
from services.signaling.store import DATABASE_MS, Store, Stored
from services.signaling.verbs import EndByOperator, Who
from tests.conftest import SettingsFor
from tests.unit.signaling.calls import AUDIO, placed


@pytest.fixture
async def store(settings_for: SettingsFor) -> AsyncIterator[Store]:
    async with Node(await settings_for("signaling"), ["signaling"]) as node:
        yield Store(await node.database("signaling"))


async def test_the_time_is_the_databases_whatever_the_clock_of_this_process_began_with(
    settings_for: SettingsFor,
) -> None:
    """By a clock that nobody sets: one that is set would end rings and calls early, or late."""
    async with Node(await settings_for("signaling"), ["signaling"]) as node:
        db = await node.database("signaling")
        store = Store(db, clock=lambda: time.monotonic() - 1_000_000.0)
        await store.compare_clocks()
        before = await db.fetchval(f"SELECT {DATABASE_MS}")
        now = store.now()
        assert before - 1 <= now <= await db.fetchval(f"SELECT {DATABASE_MS}") + 1


@pytest.mark.shows("S7", "S10")
async def test_beside_a_live_call_of_the_pair_no_shadow_call_is_written(store: Store) -> None:
    """Another process may have read before the call was there: the same Place would be two things."""
    live = placed("u_bob", "u_mal", call_id="c_1")
    shadow = placed("u_mal", "u_bob", admitted=False, call_id="c_2")
    assert await store.place(live, [], "bob-dials-mal-001")
    assert not await store.place(shadow, [], "mal-dials-bob-001")
    assert await store.save(Stored(live, (None, None)), step(live, None, EndByOperator(), 1)) is not None
    assert await store.place(shadow, [], "mal-dials-bob-001")
    assert await store.place(placed("u_bob", "u_mal", call_id="c_3"), [], "bob-dials-mal-002"), (
        "it does not hold the pair"
    )


@pytest.mark.shows("S7", "S10")
async def test_a_place_that_was_an_answer_places_nothing(store: Store) -> None:
    ringing = placed("u_ada", "u_bob", call_id="c_1")
    assert await store.place(ringing, [], "ada-dials-bob-001")
    phone = Who(CALLEE, "d_bob.phone001", "g_2", 1, "bob-dials-ada-001")
    answered = step(ringing, phone, client_pb2.Answer(kinds=AUDIO), 1)
    saved = await store.save(Stored(ringing, (None, None)), answered, by_dialling="bob-dials-ada-001")
    assert saved is not None
    assert await store.save(saved, step(saved.record, None, EndByOperator(), 2)) is not None
    for admitted in (True, False):
        again = placed("u_bob", "u_ada", admitted=admitted, call_id="c_2")
        assert not await store.place(again, [], "bob-dials-ada-001")
    assert await store.place(placed("u_bob", "u_ada", call_id="c_2"), [], "bob-dials-ada-002")


@pytest.mark.shows("S5", "S6")
async def test_a_closed_gate_lets_shadow_calls_through_and_no_other(store: Store) -> None:
    async with store.transaction() as con:
        assert await store.gate(con, "u_bob", "u_ada", True, 1) is None
    assert not await store.place(placed(), [], "ada-dials-bob-001")
    shadow = placed(admitted=False, call_id="c_2")
    assert await store.place(shadow, [], "ada-dials-bob-002")
