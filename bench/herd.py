"""`python -m bench.herd`: a gateway goes, and all its lines come to the other one; results/herd.json.

Two processes of each service, on one core, and so many idle lines on one gateway, which is killed (kill -9)
or asked to stop (SIGTERM). They connect again as the Python client does. Measured for each line: the time
from there to its next line. On a slow host other work shares the servers' core (busy loops, each with the
weight of a service). Where all lines come from one process, that process is the slower half from a thousand
lines on.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import uvloop

from bench import report
from bench.accounting import pin
from bench.measure import quantile
from bench.town import LOAD_CORE, SERVER_CORE, SETTINGS, people
from ringline.client import Phone
from tests.servers import bus_server, database_server, scratch
from tests.suite.topology import Topology, running

GIVE_UP_SECONDS = 400.0
LOOK_SECONDS = 0.02
LINES_EACH = 10


@dataclass(frozen=True)
class Stampede:
    """So many lines that lose their gateway at once."""

    name: str
    lines: int
    is_killed: bool
    hogs: int = 0
    """Busy loops that share the servers' core."""


async def back(phones: Sequence[Phone], before: Sequence[int], began: float) -> list[float]:
    """Waits until each has another line than before; seconds from `began`, for those that came back."""
    found: dict[int, float] = {}
    shown = began
    while len(found) < len(phones) and time.perf_counter() - began < GIVE_UP_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        now = time.perf_counter()
        for number, phone in enumerate(phones):
            if number not in found and phone.connections > before[number] and phone.is_connected:
                found[number] = now - began
        if now - shown > 5:
            print(f"{now - began:5.1f} s: {len(found)} of {len(phones)} are back", flush=True)
            shown = now
    return list(found.values())


STAMPEDES = (
    Stampede("kill -9, 500 lines", 500, True),
    Stampede("kill -9, 2,000 lines", 2_000, True),
    Stampede("SIGTERM, 2,000 lines", 2_000, False),
    Stampede("kill -9, 400 lines, slow host", 400, True, hogs=15),
)


def hog() -> subprocess.Popen[bytes]:
    """Something else that wants the servers' core."""
    code = f"import os; os.sched_setaffinity(0, {{{SERVER_CORE}}})\nwhile True: pass"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


async def stampede(topology: Topology, one: Stampede) -> dict[str, Any]:
    """Opens the lines at the first gateway, takes it away, and waits until all are back."""
    first = topology.of("gateway")[0]
    async with AsyncExitStack() as stack:
        # httpx looks at all connections and all waiting requests of a client for each of them: a client of
        # its own for some lines, as the real ones have one each.
        towns = [await stack.enter_async_context(people(topology)) for _ in range(one.lines // LINES_EACH)]
        phones = [phone for town in towns for phone in await town.idle_lines(LINES_EACH, people=1)]
        await asyncio.sleep(2.0)
        before = [phone.connections for phone in phones]
        hogs = [hog() for _ in range(one.hogs)]
        began = time.perf_counter()
        if one.is_killed:
            first.kill()
        else:
            first.ask_to_stop()
        try:
            took = await back(phones, before, began)
        finally:
            for busy in hogs:
                busy.kill()
        result = {
            "name": one.name, "lines": one.lines, "back": len(took), "busy_loops": one.hogs,
            "median_s": round(quantile(took, 0.5), 2), "p99_s": round(quantile(took, 0.99), 2),
            "last_s": round(max(took, default=0.0), 2),
            "tries_per_line": round(sum(phone.tries - 1 for phone in phones) / one.lines, 2),
        }  # fmt: skip
        print(result, flush=True)
        await asyncio.gather(*(phone.close() for phone in phones))
    if not one.is_killed:
        await first.ended(60)
    await topology.restart(first)
    return result


async def main(names: str) -> None:
    """All of it."""
    settings = SETTINGS | {"RINGLINE_GATEWAY_DRAIN_S": "10"}
    pin(SERVER_CORE)
    with scratch() as folder, database_server(folder, durable=True) as postgres, bus_server(folder) as nats:
        async with running("herd", 2, folder, postgres, nats, settings) as topology:
            pin(LOAD_CORE)
            rows = [await stampede(topology, one) for one in STAMPEDES if names in one.name]
    if not names:
        report.write({"rows": rows}, "herd")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.herd", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name has this")
    uvloop.run(main(parser.parse_args().only))
