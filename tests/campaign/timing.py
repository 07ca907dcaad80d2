"""The comparison of times at full size (tests/suite/timing.py), on two processes of every service."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.servers import AMPLE_RING_BUDGET, bus_server, database_server
from tests.suite import timing
from tests.suite.people import Operator, Stage, chronicle
from tests.suite.topology import SETTINGS, running

RING_SECONDS = 2.0
LEAST_ROUNDS, MOST_ROUNDS = 100, 1_000
SHARE = 0.5
"""Of what the control shows; every class is known to differ by less."""


class Compared(NamedTuple):
    """What a unit found."""

    rounds: int
    found: list[str]
    figures: Counter[str]
    latest: dict[str, float]


async def compared(folder: Path, seed: int) -> Compared:
    """One comparison, by new people."""
    async with stage(folder) as play, timing.trial(play, seed) as trial:
        shifts = await timing.compare(trial, timing.replies, LEAST_ROUNDS, MOST_ROUNDS, SHARE)
        found = [f"S6: {wrong}" for wrong in timing.complaints(shifts, SHARE)]
        latest = {f"{kind}, ms later": round(shift.median * 1000, 2) for kind, shift in shifts.items()}
        return Compared(trial.rounds, found, Counter(comparisons=1), latest)


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """A stage of its own, put away at the end."""
    settings = {
        **SETTINGS,
        **AMPLE_RING_BUDGET,
        "RINGLINE_SIGNALING_RING_S": str(RING_SECONDS),
        "RINGLINE_SIGNALING_LEAST_RING_S": "0.5",
    }
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(database_server(folder))
        nats = stack.enter_context(bus_server(folder))
        topology = await stack.enter_async_context(running("timing", 2, folder, postgres, nats, settings))
        operator = Operator(topology)
        stack.push_async_callback(operator.close)
        book = await stack.enter_async_context(chronicle(topology))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        play = Stage(topology, http, operator, book)
        stack.push_async_callback(play.close)
        yield play
