"""The measurements: each is one figure with its conditions."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import asyncpg

from bench.accounting import calibrate, prefer, spent, usage
from bench.load import Pair, Tally, go_around, saturate, trickle
from bench.town import SERVER_CORE, Town, rooms
from ringline.client import Phone
from tests.suite.topology import Topology

SETTLE_SECONDS = 1.5
RATE = 10.0
"""Calls a second of the light load."""


@dataclass
class Sample:
    """One measurement of calls."""

    calls: int
    failures: list[str]
    call_ms: float
    """CPU milliseconds of all server processes per completed call."""
    kernel_ms: float = 0.0
    """The part of it that was spent in the kernel: sockets, mostly."""
    rooms_ms: dict[str, float] = field(default_factory=dict)
    calls_per_s: float = 0.0
    ring_p50_ms: float = 0.0
    ring_p99_ms: float = 0.0
    load_cores: float = 0.0
    """What the load generator used: near 1, it was the limit."""
    calibration_ms: float = 0.0
    """What a fixed piece of work cost on the server's core just before."""


async def sample(topology: Topology, work: Awaitable[Tally]) -> Sample:
    """Runs `work` and charges the server's processes for it."""
    await asyncio.sleep(SETTLE_SECONDS)
    prefer(rooms(topology))
    calibration = calibrate(SERVER_CORE)
    before, own, began = usage(rooms(topology)), time.process_time(), time.perf_counter()
    tally = await work
    seconds, load = time.perf_counter() - began, time.process_time() - own
    ended = usage(rooms(topology))
    by_room = spent(before, ended)
    kernel = sum(ended[room].kernel_s - before[room].kernel_s for room in ended)
    calls = max(1, tally.calls)
    return Sample(
        calls=tally.calls,
        failures=tally.failures,
        call_ms=sum(by_room.values()) * 1000 / calls,
        kernel_ms=kernel * 1000 / calls,
        rooms_ms={room: cpu * 1000 / calls for room, cpu in by_room.items()},
        calls_per_s=tally.calls / seconds,
        ring_p50_ms=quantile(tally.rings_s, 0.5) * 1000,
        ring_p99_ms=quantile(tally.rings_s, 0.99) * 1000,
        load_cores=load / seconds,
        calibration_ms=calibration,
    )


async def saturated(
    topology: Topology, pairs: Sequence[Pair], seconds: float, reports: bool = False
) -> Sample:
    """Every pair calls as fast as it can."""
    return await sample(topology, saturate(pairs, seconds, reports=reports))


async def light(topology: Topology, pairs: Sequence[Pair], seconds: float) -> Sample:
    """Ten calls a second."""
    return await sample(topology, trickle(pairs, seconds, RATE))


async def cold(topology: Topology, callers: Sequence[Phone], callees: Sequence[Phone]) -> Sample:
    """Saturated, and no pair has ever called before."""
    return await sample(topology, go_around(callers, callees, len(callers) * len(callees) * 3 // 4))


async def buffer_hits(topology: Topology) -> float:
    """The share of Postgres's pages that were found in its buffers, since the installation was made."""
    connection = await asyncpg.connect(topology.postgres.url(topology.name))
    try:
        row = await connection.fetchrow(
            "SELECT blks_hit::float / greatest(1, blks_hit + blks_read) AS share FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    return float(row["share"]) if row is not None else 0.0


async def idle(topology: Topology, town: Town, lines: int) -> tuple[float, float]:
    """KiB of memory per idle line (PSS, all processes), and CPU milliseconds a second of all of them
    together.
    """
    places = rooms(topology)
    before = sum(room.pss_kib for room in usage(places, memory=True).values())
    phones = await town.idle_lines(lines)
    await asyncio.sleep(SETTLE_SECONDS * 2)
    after = sum(room.pss_kib for room in usage(places, memory=True).values())
    start, began = usage(places), time.perf_counter()
    await asyncio.sleep(5.0)
    cpu = sum(spent(start, usage(places)).values()) * 1000 / (time.perf_counter() - began)
    await asyncio.gather(*(phone.close() for phone in phones))
    return (after - before) / lines, cpu


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which so large a share of the values lies, interpolated; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
