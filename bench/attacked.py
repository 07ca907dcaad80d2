"""`python -m bench.attacked`: how long honest people wait while others attack; results/attacked.json.

An installation with two doors, one with the limits that are shipped and one without (tests/hostile/siege.py).
Honest pairs call each other through both, in a process whose loop does nothing else; those who attack are
another process, with the lowest weight there is, because they stand for other machines. Each pace has its
windows between calm ones, several times in one run, so that what the machine does by itself is in all rows.
"""

import argparse
import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench import report
from bench.accounting import busy, prefer, spent, usage
from bench.aside import Aside
from bench.measure import quantile
from tests.hostile.siege import siege
from tests.servers import bus_server, database_server, scratch

CALM = -1.0
PACES: tuple[tuple[str, float], ...] = (
    ("nobody attacks", CALM),
    ("50 cases a second", 50.0),
    ("200 cases a second", 200.0),
    ("as fast as it goes", 0.0),
)
"""With the cases a second; 0 is as many as go."""
SETTLE_SECONDS = 0.5
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
ATTACKERS, WITNESSES, OTHERS = "attackers", "witnesses", "others"


@dataclass
class Windows:
    """What was seen in all windows of one pace."""

    name: str
    seconds: float = 0.0
    cases: int = 0
    not_let_in: int = 0
    rings_s: list[float] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Seconds of CPU by room; OTHERS is what has nothing to do with this and ran on the same machine."""

    def add(
        self, seconds: float, cpu_s: Mapping[str, float], heard: Mapping[str, Any], told: Mapping[str, Any]
    ) -> None:
        """One more window, as the witnesses and the attackers tell of it."""
        self.seconds += seconds
        self.cases += told.get("cases", 0)
        self.not_let_in += told.get("not_let_in", 0)
        self.found += told.get("found", [])
        for name in ("rings_s", "answers_s", "late_s", "failures"):
            getattr(self, name).extend(heard[name])
        for room, used in cpu_s.items():
            self.cpu_s[room] = self.cpu_s.get(room, 0.0) + used

    def row(self) -> dict[str, Any]:
        """What of it is published."""
        servers = sum(used for room, used in self.cpu_s.items() if room not in (ATTACKERS, WITNESSES, OTHERS))
        return {
            "name": self.name,
            "seconds": round(self.seconds, 1),
            "cases": self.cases,
            "cases_per_s": round(self.cases / self.seconds, 1),
            "not_let_in": self.not_let_in,
            "calls": len(self.rings_s) + len(self.failures),
            "failed": len(self.failures),
            "found": self.found[:5],
            "ring_ms": _spread(self.rings_s),
            "answer_ms": _spread(self.answers_s),
            "late_ms": _spread(self.late_s),
            "servers_cores": round(servers / self.seconds, 2),
            "attackers_cores": round(self.cpu_s.get(ATTACKERS, 0.0) / self.seconds, 2),
            "others_cores": round(self.cpu_s.get(OTHERS, 0.0) / self.seconds, 2),
        }


def _spread(values_s: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    found = {name: quantile(values_s, share) for name, share in SHARES} | {"most": max(values_s, default=0.0)}
    return {name: round(value * 1000, 1) for name, value in found.items()}


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with how much longer its rings took than those of the first one, in milliseconds."""
    calm = rows[0]["ring_ms"]
    return [
        row | {"more_ms": {name: round(row["ring_ms"][name] - calm[name], 1) for name, _ in SHARES}}
        for row in rows
    ]


def plan(paces: Sequence[Any], rounds: int) -> list[Any]:
    """The windows in their order: each pace behind a calm window, which is the first of the paces."""
    calm, *others = paces
    return [one for _ in range(rounds) for other in others for one in (calm, other)]


@dataclass
class World:
    """An installation, those who call, those who attack, and every process by room."""

    rooms: dict[str, list[int]]
    witnesses: Aside
    attackers: Aside

    async def window(self, into: Windows, seconds: float, attack: Mapping[str, Any] | None) -> None:
        """Calls for so many seconds, while the attackers do what they are told, and waits until both are
        through. An attack goes on as long as the calls do; CPU is counted until the last call.
        """
        await asyncio.sleep(SETTLE_SECONDS)
        before, others, began = usage(self.rooms), busy(), time.perf_counter()
        told: dict[str, Any] = {}
        async with asyncio.TaskGroup() as group:
            attacking = attack and group.create_task(self.attackers.ask(seconds=seconds, **attack))
            heard = await self.witnesses.ask(seconds=seconds)
            took, others = time.perf_counter() - began, busy() - others
            cpu_s = spent(before, usage(self.rooms))
        if attacking:
            told = attacking.result()
        into.add(took, cpu_s | {OTHERS: max(0.0, others - sum(cpu_s.values()))}, heard, told)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """All of it, started; the witnesses' and the servers' weight is raised, where that is allowed."""
    with scratch() as folder, database_server(folder, durable=True) as postgres, bus_server(folder) as nats:
        async with siege(folder, postgres, nats, "attacked") as made:
            witnesses = await Aside.start("bench.witnesses")
            attackers = await Aside.start("bench.attackers")
            try:
                rooms = {one.name: [one.pid] for one in made.processes}
                rooms |= {"postgres": [postgres.pid], "nats": [nats.pid], WITNESSES: [witnesses.pid]}
                prefer(rooms)
                names = (await witnesses.ask(doors=made.urls))["names"]
                await attackers.ask(shipped=made.shipped, unlimited=made.unlimited, names=names)
                yield World(rooms | {ATTACKERS: [attackers.pid]}, witnesses, attackers)
            finally:
                await attackers.end()
                await witnesses.end()


async def main(words: argparse.Namespace) -> int:
    """All of it; answers the exit status."""
    seen = {name: Windows(name) for name, _ in PACES}
    seeds = itertools.count(1)
    async with world() as made:
        await made.window(Windows("what is cold gets warm"), words.seconds, None)
        for name, rate in plan(PACES, words.rounds):
            attack = {"rate": rate, "seed": next(seeds), "kinds": words.kinds} if rate != CALM else None
            await made.window(seen[name], words.seconds, attack)
    rows = compared([windows.row() for windows in seen.values()])
    wrong = [what for windows in seen.values() for what in (*windows.failures, *windows.found)]
    for row in rows:
        print({key: row[key] for key in row if key != "seconds"}, flush=True)
    print("\n".join(wrong[:10]))
    if not words.kinds:
        report.write({"rounds": words.rounds, "window_s": words.seconds, "rows": rows}, "attacked")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.attacked", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=7.0, help="of a window")
    parser.add_argument("--kinds", nargs="*", default=[], help="only these attacks; nothing is kept then")
    raise SystemExit(uvloop.run(main(parser.parse_args())))
