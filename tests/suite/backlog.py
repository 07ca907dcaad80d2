"""A backlog: what waits in the outbox of signaling after a time without the bus, and how it left."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg

from ringline import ids
from ringline.outbox import part_of
from ringline.v1.events_pb2 import CallAnswered, CallHoldSet, CallPlaced, CallRang, Event

CALLS_PER_SECOND = 10.0
AFTER_SECONDS = (0.0, 0.3, 4.0, 60.0)
"""When each of the four events of a call happens, after it was placed."""
FACTS = ("call_placed", "call_rang", "call_answered", "call_hold_set")
"""Four as an answered call has; none of them an end, which would be looked for in people's threads."""

Row = tuple[int, str, int, bytes]


def rows(calls: int, rate: float = CALLS_PER_SECOND) -> list[Row]:
    """The rows of so many calls, so many of them a second, in the order in which they came about."""
    found: list[tuple[float, Row]] = []
    for number in range(calls):
        call_id = ids.mint_call()
        for version, (after, fact) in enumerate(zip(AFTER_SECONDS, _facts(), strict=True), 1):
            event = Event(event_id=ids.mint_event(), call_id=call_id, version=version, **fact)
            row = (part_of(call_id), call_id, version, event.SerializeToString())
            found.append((number / rate + after, row))
    return [row for _, row in sorted(found, key=lambda one: one[0])]


def _facts() -> list[dict[str, Any]]:
    return [
        {"call_placed": CallPlaced(caller_id="u_nobody", callee_id="u_noone")},
        {"call_rang": CallRang()},
        {"call_answered": CallAnswered(device_id="d_none")},
        {"call_hold_set": CallHoldSet(user_id="u_nobody", holds=True)},
    ]


async def fill(url: str, waiting: Sequence[Row]) -> None:
    """Puts rows into the outbox, as its owner."""
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_records_to_table(
            "outbox",
            schema_name="signaling",
            columns=["part", "call_id", "version", "event"],
            records=waiting,
        )
    finally:
        await connection.close()


async def left(url: str, most: int = 1 << 60) -> int:
    """How many rows wait; not counted beyond `most`."""
    connection = await asyncpg.connect(url)
    try:
        sql = "SELECT count(*) FROM (SELECT FROM signaling.outbox LIMIT $1) AS waiting"
        found: int = await connection.fetchval(sql, most)
        return found
    finally:
        await connection.close()


def faults(waiting: Sequence[Row], stored: Sequence[Event]) -> dict[str, int]:
    """What is wrong with how a backlog was stored: how many events are missing or twice, and how many calls
    are out of order. Others in between are passed over.
    """
    wanted = {call_id for _, call_id, _, _ in waiting}
    versions: defaultdict[str, list[int]] = defaultdict(list)
    for event in stored:
        if event.call_id in wanted:
            versions[event.call_id].append(event.version)
    came = sum(len(set(one)) for one in versions.values())
    return {
        "lost": len(waiting) - came,
        "twice": sum(len(one) - len(set(one)) for one in versions.values()),
        "out_of_order": sum(list(dict.fromkeys(one)) != sorted(set(one)) for one in versions.values()),
    }


NONE = {"lost": 0, "twice": 0, "out_of_order": 0}
