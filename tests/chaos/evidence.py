"""What the servers hold at the end: rows of calls, the whole event log, the entries in conversations."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

import asyncpg

from ringline.bus import Bus
from ringline.log import Log
from ringline.refusal import Refusal
from ringline.v1 import events_pb2, signaling_pb2, threads_pb2
from tests.chaos.installation import Installation, connect
from tests.chaos.story import Book
from tests.properties.history import Entry, Fact, Kept, ending_name, fact_of, row_of

PATIENCE = 90.0
POLL_SECONDS = 0.25
FACTS = [field.name for field in events_pb2.Event.DESCRIPTOR.oneofs_by_name["fact"].fields]
ROWS = """SELECT record, md5(record || coalesce(caller_slot, '') || coalesce(callee_slot, '')) AS digest
FROM signaling.call WHERE caller_id = ANY($1)"""


async def gather(made: Installation, books: Sequence[Book]) -> dict[str, int]:
    """Waits until nothing moves any more, and writes into each book what is kept of its pair.

    What is not there after some patience is missing: the checker says so. Answers some figures.
    """
    con = await connect(made)
    try:
        waited = await _until_quiet(con)
        for book in books:
            await _keep(con, book)
    finally:
        await con.close()
    backlog = {"seconds_to_drain": round(waited)}
    await _read_log(made, books)
    return backlog


async def _until_quiet(con: asyncpg.Connection) -> float:
    """Waits until no call is live, the outbox is empty and no entry has come for a while; seconds waited."""
    began = time.monotonic()
    deadline = began + PATIENCE
    entries, since = -1, began
    while time.monotonic() < deadline:
        live = await con.fetchval("SELECT count(*) FROM signaling.call WHERE live")
        waiting = await con.fetchval("SELECT count(*) FROM signaling.outbox")
        there = await con.fetchval("SELECT count(*) FROM conversations.entry WHERE is_call")
        wanted = await con.fetchval("SELECT 2 * count(*) FROM signaling.call WHERE NOT live")
        if there != entries:
            entries, since = there, time.monotonic()
        if not live and not waiting and (there >= wanted or time.monotonic() - since > 30.0):
            break
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began


async def _keep(con: asyncpg.Connection, book: Book) -> None:
    people = list(book.history.people)
    asked = time.monotonic()
    found = await con.fetch(ROWS, people)
    records = [(signaling_pb2.CallRecord.FromString(one["record"]), one["digest"]) for one in found]
    rows = tuple(row_of(record, digest) for record, digest in records)
    book.history.kept.append(Kept(asked, time.monotonic(), rows))
    sql = "SELECT owner_id, body FROM conversations.entry WHERE is_call AND owner_id = ANY($1)"
    for one in await con.fetch(sql, people):
        call = threads_pb2.Entry.FromString(one["body"]).call
        entry = Entry(one["owner_id"], call.call_id, ending_name(call.ending), call.missed)
        book.history.entries.append(entry)


async def _read_log(made: Installation, books: Sequence[Book]) -> None:
    """Reads the whole log; an event that is in it twice under one id is once in the book, and counted."""
    facts: defaultdict[str, dict[str, Fact]] = defaultdict(dict)
    times: defaultdict[str, int] = defaultdict(int)

    async def hear(event: events_pb2.Event) -> None:
        facts[event.call_id].setdefault(event.event_id, fact_of(event))
        times[event.call_id] += 1

    deadline = time.monotonic() + PATIENCE
    bus = await Bus(made.nats_url, "chaos").connect(10.0)
    try:
        while True:
            try:
                await Log(bus, replicas=3).replay(FACTS, hear)
                break
            except Refusal:  # a cluster whose nodes came back a moment ago has no leader yet
                facts.clear()
                times.clear()
                assert time.monotonic() < deadline, "the event log cannot be read"
                await asyncio.sleep(1.0)
    finally:
        await bus.close()
    for book in books:
        for row in book.history.kept[-1].rows:
            own = facts.pop(row.call_id, {})
            book.history.facts += own.values()
            book.repeats += times[row.call_id] - len(own)
    # What is left is of calls that have no row, so nobody knows whose they are: it may not be lost either.
    for call_id, own in facts.items():
        if call_id:  # an event of something else than a call has none
            books[0].history.facts += own.values()
