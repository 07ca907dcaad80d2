"""`python -m bench.backlog`: how what waited in the outbox leaves when the bus is back; results/backlog.json.

One process of everything and a second signaling process, so two relays. The bus is killed, events are put
into the outbox as calls would have put them there, the bus comes back, calls go on at two a second, and the
second relay is killed (kill -9) in the middle and started anew. Then the whole log is read and judged.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench import report
from bench.accounting import usage
from bench.load import Pair, Tally, trickle
from bench.measure import quantile
from bench.town import SETTINGS, people
from ringline.bus import Bus
from ringline.log import Log
from ringline.v1.events_pb2 import Event
from tests.servers import Process, bus_server, database_server, free_port, scratch
from tests.suite import backlog
from tests.suite.topology import Topology, ringline, running

RATE = 2.0
SLICE_SECONDS = 2.0
LOOK_SECONDS = 0.5
PAIRS = 8
GIVE_UP_SECONDS = 540.0


@dataclass(frozen=True)
class Outage:
    """So many seconds without the bus at so many calls a second."""

    name: str
    seconds: int
    calls_per_s: int

    @property
    def calls(self) -> int:
        """Calls that were placed meanwhile."""
        return self.seconds * self.calls_per_s


OUTAGES = (Outage("60 s at 50 calls/s", 60, 50), Outage("an hour at 10 calls/s", 3_600, 10))


async def drain(
    topology: Topology, relay: Process, url: str, waiting: list[backlog.Row], watched: dict[str, int]
) -> float:
    """Waits until nothing of it waits any more, notes the most memory on the way, and kills a relay at
    two thirds; answers how long it took.
    """
    began, is_killed = time.perf_counter(), False
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while rest := await backlog.left(url):
            if not is_killed and rest < len(waiting) * 2 / 3:
                relay.kill()
                relay.start()
                is_killed = True
            for name, used in usage({"all": [topology.of("all")[0].pid], "relay": [relay.pid]}, True).items():
                watched[name] = max(watched.get(name, 0), used.pss_kib)
            await asyncio.sleep(LOOK_SECONDS)  # a look counts all that waits: it must not be the load itself
    assert is_killed, "it was gone before a relay could be killed"
    return time.perf_counter() - began


async def calls(pairs: list[Pair], until: "asyncio.Task[float]") -> Tally:
    """Calls at two a second, as long as the task runs."""
    tally = Tally()
    while not until.done():
        more = await trickle(pairs, SLICE_SECONDS, RATE)
        tally.rings_s += more.rings_s
        tally.answers_s += more.answers_s
        tally.failures += more.failures
    return tally


async def stored(url: str) -> list[Event]:
    """The log, in its order."""
    found: list[Event] = []

    async def take(event: Event) -> None:
        found.append(event)

    bus = await Bus(url, "bench").connect(10.0)
    try:
        await Log(bus).replay(backlog.FACTS, take)
    finally:
        await bus.close()
    return found


async def measure(topology: Topology, relay: Process, pairs: list[Pair], outage: Outage) -> dict[str, Any]:
    """One outage and what followed."""
    waiting = backlog.rows(outage.calls, outage.calls_per_s)
    url = topology.postgres.url(topology.name)
    before = await trickle(pairs, 5.0, RATE)
    own = {"all": [topology.of("all")[0].pid], "relay": [relay.pid]}
    memory = {name: used.pss_kib for name, used in usage(own, True).items()}
    port, watched = topology.nats.port, dict[str, int]()
    topology.nats.kill()
    await backlog.fill(url, waiting)
    topology.nats.start(port)
    draining = asyncio.create_task(drain(topology, relay, url, waiting, watched))
    during = await calls(pairs, draining)
    seconds = await draining
    return {
        "outage": outage.name,
        "events": len(waiting),
        "drained_s": round(seconds, 1),
        "events_per_s": round(len(waiting) / seconds),
        **backlog.faults(waiting, await stored(topology.nats.url())),
        "memory_mib": {
            name: {"before": round(memory[name] / 1024, 1), "most": round(watched[name] / 1024, 1)}
            for name in memory
        },
        "calls_meanwhile": during.calls,
        "calls_failed": len(during.failures),
        "ring_p50_ms": {"before": _ms(before, 0.5), "meanwhile": _ms(during, 0.5)},
        "ring_p95_ms": {"before": _ms(before, 0.95), "meanwhile": _ms(during, 0.95)},
    }


def _ms(tally: Tally, share: float) -> float:
    return round(quantile(tally.rings_s, share) * 1000, 1)


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[tuple[Topology, Process]]:
    """Everything in one process, and one more process of signaling."""
    with database_server(folder, durable=True) as postgres, bus_server(folder) as nats:
        async with running("backlog", 0, folder, postgres, nats, SETTINGS) as topology:
            others = {
                f"RINGLINE_ADDRESS_{name.upper()}": where
                for name, where in topology.addresses.items()
                if name != "signaling"
            }
            env = topology.everything()[0].env | others | {"RINGLINE_LISTEN_PORT": str(free_port())}
            relay = ringline(["signaling"], env, folder, "relay").start()
            try:
                yield topology, relay
            finally:
                relay.ask_to_stop()
                await relay.ended()


async def bench() -> int:
    """Measures every outage; answers how many events were lost, twice or out of order, and calls failed."""
    found = []
    with scratch("ringline-backlog-") as folder:
        async with installation(folder) as (topology, relay), people(topology) as town:
            pairs = await town.pairs(PAIRS)
            for outage in OUTAGES:
                found.append(await measure(topology, relay, pairs, outage))
                print(found[-1], flush=True)
    conditions = {
        "relays": "two, one of them killed (kill -9) at two thirds and started anew",
        "events": "put into the outbox by a script, four for each call, as calls at that rate would have",
        "calls_meanwhile": f"{RATE:g} a second, to the end, by the Python client",
        "pinned": "no: servers, load and whatever else runs share the cores",
    }
    path = report.write({"conditions": conditions, "outages": found}, "backlog")
    print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return sum(one[key] for one in found for key in (*backlog.NONE, "calls_failed"))


def main() -> None:
    """Runs it."""
    if wrong := uvloop.run(bench()):
        sys.exit(f"bench.backlog: {wrong} events or calls went wrong")


if __name__ == "__main__":
    main()
