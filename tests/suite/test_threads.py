"""Threads: what people have said to each other, and which calls they find there afterwards."""

import asyncio
import re

import asyncpg
import pytest

from ringline.client import Call, Phone
from ringline.v1.threads_pb2 import CallEntry, Entry
from ringline.v1.types_pb2 import Ending
from tests.suite.people import PATIENCE, Stage, at, talk
from tests.suite.topology import RING_SECONDS, Topology, ringline

pytestmark = pytest.mark.asyncio(loop_scope="session")
TO_THE_DEADLINE = RING_SECONDS + PATIENCE
PROJECTED = 20.0
"""Seconds for an event to pass outbox, log and projection on a busy machine."""


async def told(phone: Phone, call: Call, within: float = PROJECTED) -> CallEntry:
    """The entry of a call, when it comes to this phone by itself."""

    def entries(phone: Phone) -> list[Entry]:
        return [one for one in phone.inbox.added if one.call.call_id == call.call_id]

    await phone.until(lambda phone: bool(entries(phone)), within)
    return entries(phone)[0].call


async def entries_with(phone: Phone, other: Phone) -> list[str]:
    """What stands in the thread with somebody, oldest first: texts, and the endings of calls."""
    page = await phone.session.entries(other.session.username)
    return [one["message"]["text"] if one["message"] else one["call"]["ending"]
            for one in reversed(page["entries"])]  # fmt: skip


async def says(phone: Phone, text: str) -> Entry:
    """Waits until a text comes to this phone by itself."""

    def entries(phone: Phone) -> list[Entry]:
        return [one for one in phone.inbox.added if one.message.text == text]

    await phone.until(lambda phone: bool(entries(phone)), PATIENCE)
    return entries(phone)[0]


async def test_a_message_reaches_all_devices_and_is_read_on_all_of_them(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, 0)
    sent = await ada.session.send(at(bob), "hello")
    for phone in (bob, tablet):
        got = await says(phone, "hello")
        assert not got.message.outgoing
        assert got.message.message_id == sent["entry"]["message"]["message_id"]
        await phone.until(lambda phone: phone.inbox.unread == 1, PATIENCE)
    mine = await says(ada, "hello")
    assert mine.message.outgoing and mine.message.client_id
    await bob.session.mark_read(at(ada), got.number)
    for phone in (bob, tablet):
        await phone.until(lambda phone: phone.inbox.unread == 0, PATIENCE)
    await tablet.session.send(at(ada), "hello yourself")
    for phone in (ada, bob, tablet):
        await says(phone, "hello yourself")
    assert await entries_with(ada, bob) == await entries_with(bob, ada) == ["hello", "hello yourself"]


async def test_a_phone_that_was_away_catches_up(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await bob.catch_up()
    await bob.vanish()
    for number in range(3):
        await ada.session.send(at(bob), f"message {number}")
    await bob.connect(PATIENCE)
    assert bob.inbox.is_behind
    inbox = await bob.catch_up()
    thread = inbox.threads[ada.session.user_id]
    assert (thread.unread, thread.last.message.text, inbox.unread) == (3, "message 2", 3)
    await ada.session.send(at(bob), "welcome back")
    await says(bob, "welcome back")
    assert not bob.inbox.is_behind


async def test_a_newcomer_writes_and_then_may_be_called_back(stage: Stage) -> None:
    carol, bob = await asyncio.gather(stage.person("carol"), stage.person("bob", 1))
    await carol.session.send(at(bob), "we met yesterday")
    await says(bob, "we met yesterday")
    assert (bob.inbox.unread, bob.inbox.requests) == (0, 1), "a request makes no noise"
    await bob.session.send(at(carol), "of course")
    await bob.until(lambda phone: phone.inbox.requests == 0, PATIENCE)
    assert [one["folder"] for one in (await bob.session.threads())["threads"]] == ["inbox"]


async def test_a_blocked_persons_message_looks_sent_and_is_never_delivered(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await bob.session.block(at(ada))
    await ada.session.send(at(bob), "can you hear me?")
    await says(ada, "can you hear me?")
    await bob.session.unblock(at(ada))
    await ada.session.send(at(bob), "and now?")
    await says(bob, "and now?")
    assert await entries_with(ada, bob) == ["can you hear me?", "and now?"]
    assert await entries_with(bob, ada) == ["and now?"]


@pytest.mark.shows("S12")
async def test_an_answered_call_is_in_both_threads_with_its_duration(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, 0)
    call, ring = await talk(ada, bob, video=True)
    await call.hang_up()
    mine, theirs = await told(ada, call), await told(bob, ring)
    for entry, outgoing in ((mine, True), (theirs, False)):
        assert (entry.ending, entry.outgoing, entry.missed) == (Ending.ENDING_HUNG_UP, outgoing, False)
        assert 0 < entry.duration_ms == call.view.ended_at_ms - call.view.answered_at_ms
        assert entry.asked.audio and entry.asked.video
    assert (mine.answered_device_id, theirs.answered_device_id) == ("", bob.session.device_id)
    elsewhere = await told(tablet, ring)
    assert elsewhere == theirs and elsewhere.answered_device_id != tablet.session.device_id
    assert tablet.inbox.unread == 0, "missed is never shown for a call that was answered"


@pytest.mark.shows("S12")
async def test_a_cancelled_call_is_missed_by_the_callee_only(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    await bob.rings(PATIENCE)
    await call.hang_up()
    mine, theirs = await told(ada, call), await told(bob, call)
    assert (mine.ending, mine.missed) == (Ending.ENDING_CANCELLED, False)
    assert (theirs.ending, theirs.missed) == (Ending.ENDING_CANCELLED, True)
    assert (ada.inbox.unread, bob.inbox.unread) == (0, 1)
    missed = (await bob.session.past_calls(missed=True))["calls"]
    assert [one["entry"]["call"]["call_id"] for one in missed] == [call.call_id]
    assert (await ada.session.past_calls(missed=True))["calls"] == []
    assert len((await ada.session.past_calls())["calls"]) == 1


@pytest.mark.shows("S12")
async def test_a_declined_call_is_declined_on_both_sides(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await ring.decline(everywhere=True)
    mine, theirs = await told(ada, call), await told(bob, call)
    for entry in (mine, theirs):
        assert (entry.ending, entry.missed, entry.duration_ms) == (Ending.ENDING_DECLINED, False, 0)


@pytest.mark.shows("S12")
async def test_a_call_that_nobody_answers_is_missed_unless_one_device_declined_it(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    cy, dan = await stage.friends("cy", "dan")
    tablet = await stage.another_device(dan, 0)
    call, other = await asyncio.gather(ada.place(at(bob)), cy.place(at(dan)))
    ring = await dan.rings(PATIENCE)
    await tablet.rings(PATIENCE)
    await ring.decline()
    mine, theirs = await told(ada, call, TO_THE_DEADLINE), await told(bob, call)
    assert (mine.ending, theirs.ending, theirs.missed) == (
        Ending.ENDING_NO_ANSWER,
        Ending.ENDING_NO_ANSWER,
        True,
    )
    declined = await told(tablet, other)
    assert (declined.ending, declined.missed) == (Ending.ENDING_DECLINED, False)
    assert (await told(cy, other)).ending == Ending.ENDING_NO_ANSWER


@pytest.mark.shows("L6")
async def test_a_missed_call_is_there_at_the_next_connection(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await bob.vanish()
    call = await ada.place(at(bob))
    await call.hang_up()
    await told(ada, call)
    await bob.connect(PATIENCE)
    assert bob.calls[call.call_id].ending == "cancelled", "signaling says it whatever the event log does"
    inbox = await bob.catch_up()
    last = inbox.threads[ada.session.user_id].last
    assert (last.call.call_id, last.call.missed, inbox.unread) == (call.call_id, True, 1)


@pytest.mark.shows("S12")
async def test_a_refused_caller_finds_no_answer_and_the_callee_nothing(stage: Stage) -> None:
    cy, bob = await asyncio.gather(stage.person("cy"), stage.person("bob", 1, audiences=()))
    call = await cy.place(at(bob))
    mine = await told(cy, call, TO_THE_DEADLINE + PROJECTED)
    assert (mine.ending, mine.outgoing, mine.missed) == (Ending.ENDING_NO_ANSWER, True, False)
    await bob.session.send(at(cy), "a word of mine is the first entry")
    assert await entries_with(bob, cy) == ["a word of mine is the first entry"]
    assert (await bob.session.past_calls())["calls"] == []


@pytest.mark.shows("S6", "S12")
async def test_a_stranger_who_is_declined_finds_no_answer_after_the_callee_has_his_entry(
    stage: Stage,
) -> None:
    cy, bob = await asyncio.gather(stage.person("cy"), stage.person("bob", 1, audiences=("everyone",)))
    call = await cy.place(at(bob))
    await (await bob.rings(PATIENCE)).decline(everywhere=True)
    theirs = await told(bob, call)
    assert (theirs.ending, theirs.missed) == (Ending.ENDING_DECLINED, False)
    assert call.is_live and not cy.inbox.added
    assert (await told(cy, call, TO_THE_DEADLINE + PROJECTED)).ending == Ending.ENDING_NO_ANSWER
    assert await entries_with(bob, cy) == ["declined"]


async def test_signaling_lists_the_ends_of_calls_as_they_were_published(stage: Stage) -> None:
    ada, bob, cy, dan = await stage.friends("ada", "bob", "cy", "dan")
    cancelled = await ada.place(at(bob))
    await bob.rings(PATIENCE)
    await cancelled.hang_up()
    talking, ring = await talk(ada, bob)
    waiting = await dan.place(at(bob))
    busy = await cy.place(at(bob))
    await busy.until(ended="busy", within=PATIENCE)
    live = await stage.operator.ended()
    assert talking.call_id not in live
    await waiting.hang_up()
    await ring.hang_up()
    declined = await ada.place(at(cy))
    await (await cy.rings(PATIENCE)).decline(everywhere=True)
    calls = (cancelled, talking, busy, declined)
    published = [(await stage.book.facts(call.call_id))[-1] for call in calls]
    listed = await stage.operator.ended()
    assert [listed[call.call_id] for call in calls] == published
    assert [event.call_ended.declined for event in published] == [False, False, False, True]
    devices = [event.call_ended.answered_device_id for event in published]
    assert devices == ["", bob.session.device_id, "", ""]


async def test_a_history_that_was_lost_is_rebuilt_by_the_operator(stage: Stage, topology: Topology) -> None:
    ada, bob = await stage.friends("ada", "bob")
    for everywhere in (True, False):
        call = await ada.place(at(bob))
        await (await bob.rings(PATIENCE)).decline(everywhere=everywhere)
        await told(ada, call)
        await told(bob, call)
    before = [await calls_of(phone) for phone in (ada, bob)]
    assert [len(calls) for calls in before] == [2, 2]
    connection = await asyncpg.connect(topology.postgres.url(topology.name))
    try:
        for table, column in (("entry", "owner_id"), ("thread", "owner_id"), ("person", "user_id")):
            await connection.execute(
                f"DELETE FROM conversations.{table} WHERE {column} = ANY($1)",
                [ada.session.user_id, bob.session.user_id],
            )
    finally:
        await connection.close()
    assert [await calls_of(phone) for phone in (ada, bob)] == [[], []]
    env = topology.everything()[0].env | {"RINGLINE_ADDRESS_SIGNALING": topology.addresses["signaling"]}
    rebuilding = ringline(["rebuild-history"], env, topology.folder, "rebuild").start()
    assert await rebuilding.ended(60.0) == 0, rebuilding.tail()
    found = re.search(r"(\d+) entries of calls were missing", rebuilding.tail())
    assert found and int(found[1]) >= 4, rebuilding.tail()
    assert [await calls_of(phone) for phone in (ada, bob)] == before


async def calls_of(phone: Phone) -> list[object]:
    """The past calls of somebody."""
    return list((await phone.session.past_calls())["calls"])
