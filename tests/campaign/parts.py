"""The parts of the campaign. A new one is a row in PARTS: how many of what, and what runs some of them.

A part is run in units, each with a seed of its own; the unit of a seed is the same whoever runs it, but for
the timing of the servers.
"""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from tests.campaign import pages, timing
from tests.hostile import units
from tests.hostile.attacks import Outcome
from tests.hostile.rest import Rest, opened
from tests.hostile.storm import Storm
from tests.hostile.units import besieged
from tests.properties import races
from tests.properties.machine import run_round
from tests.properties.races import Kind
from tests.properties.town import Town, town
from tests.servers import scratch

FIRST_SEED = 1_000_000
"""The seeds of the campaign begin here: those of `make test` are below."""
KEPT_HISTORIES = 5
SERVERS = ("services", "ringline", "tests/properties", "tests/campaign")
MODELLED = ("services", "ringline", "tests/model", "web/packages/client/src/call")
HOSTILE = ("services", "ringline", "tests/hostile")
T = TypeVar("T")
MODEL_SUM = re.compile(
    r"states=(\d+) transitions=(\d+) violations=(\d+) properties=(\d+) mutants_killed=(\d+)/(\d+)\s*$"
)
TIMED = ("services", "ringline", "tests/suite", "tests/chaos/passage.py", "tests/campaign")
CHAOTIC = (
    "services", "ringline", "tests/chaos", "tests/properties", "tests/suite/topology.py", "tests/servers.py",
    "requirements",
)  # fmt: skip
CHAOS_SUM = re.compile(
    r"^this round: calls=(\d+) faults=(\d+) lost=(\d+) duplicates=(\d+) ghosts=(\d+) wrongly_ended=(\d+)"
    r" other=(\d+)$",
    re.MULTILINE,
)


@dataclass
class Unit:
    """What a unit did: how much of its part, what it found, and figures beside."""

    done: int
    found: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    longest_ms: dict[str, float] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    """Figures that the newest unit says of all so far."""


@dataclass
class Bench:
    """What a unit is run on: installations, each opened where it is first asked for, the loop in which they
    live, and a folder for what is found.
    """

    folder: Path
    stack: AsyncExitStack
    runner: asyncio.Runner
    found: Path

    @cached_property
    def town(self) -> Town:
        """The one of the properties, without gateways."""
        return self._opened("town", town)

    @cached_property
    def besieged(self) -> Storm:
        """The one that hostile clients attack."""
        return self._opened("siege", besieged)

    @cached_property
    def rest(self) -> Rest:
        """Its REST API."""
        return self.runner.run(opened(self.besieged.siege))

    def _opened(self, name: str, make: Callable[[Path], AbstractAsyncContextManager[T]]) -> T:
        folder = self.folder / name
        folder.mkdir()
        return self.runner.run(self.stack.enter_async_context(make(folder)))


Run = Callable[[Bench, int, int], Unit]
"""Runs the unit of a seed, and not much more than so many."""


@dataclass(frozen=True)
class Part:
    """One line of the table: so many of `what`, in units of `unit`."""

    name: str
    whole: int
    what: str
    unit: int
    run: Run
    code: tuple[str, ...] = SERVERS
    """The folders whose code it is about: with another state of them it begins anew."""


def commands(bench: Bench, seed: int, most: int) -> Unit:
    """A round of random commands."""
    done = run_round(bench.town, bench.runner, seed, bench.found)
    figures = Counter(scenes=done.scenes, calls=done.calls, answered=done.answered, restarts=done.restarts)
    figures += Counter(waited=done.waited, busy=done.busy)
    figures += Counter({"rang out by themselves": done.rang_out, "given up by themselves": done.gave_up})
    figures["commands"] = sum(done.commands.values())
    return Unit(done.steps, done.found, figures)


def race(kind: Kind) -> Run:
    """Rounds of a race."""

    def run(bench: Bench, seed: int, most: int) -> Unit:
        outcome = bench.runner.run(races.run(bench.town, kind, most, seed))
        for number, history in enumerate(outcome.broken[:KEPT_HISTORIES]):
            bench.found.mkdir(parents=True, exist_ok=True)
            name = f"{kind.race.__name__}-{seed}-{number}.json"
            (bench.found / name).write_text(history.dumps())
        found = [f"{number}: {what}" for number, what in outcome.found]
        return Unit(outcome.rounds, found, outcome.figures, outcome.longest_ms)

    return run


def hostile_page(bench: Bench, seed: int, most: int) -> Unit:
    """Stories told to a real page by a server and a peer that mean harm."""
    with scratch() as folder:
        told = bench.runner.run(pages.tell(bench.town.postgres, folder, seed, most))
    outcome, complaints = told
    found = [failure.words() for failure in outcome.failures] + complaints
    return Unit(outcome.stories, found, pages.figures(outcome))


def caller_timing(bench: Bench, seed: int, most: int) -> Unit:
    """When a caller is told what, compared between the classes of callees; a unit is one comparison."""
    with scratch() as folder:
        done = bench.runner.run(timing.compared(folder, seed))
    figures = done.figures + Counter(rounds=done.rounds)
    return Unit(1, done.found, figures, latest=done.latest)


def _hostile(bench: Bench, outcome: Outcome) -> Unit:
    """A unit of hostile clients, with what two honest people met, and what became of the memory."""
    figures = outcome.cases + outcome.repeated
    return Unit(outcome.cases.total(), outcome.found, figures, latest=bench.besieged.row())


def hostile_clients(bench: Bench, seed: int, most: int) -> Unit:
    """Connections of hostile clients."""
    return _hostile(bench, units.storm_of(bench.runner, bench.besieged, seed, most))


def hostile_rest(bench: Bench, seed: int, most: int) -> Unit:
    """Requests to the REST API."""
    return _hostile(bench, units.rest_of(bench.runner, bench.besieged, bench.rest, seed, most))


def hostile_parsers(bench: Bench, seed: int, most: int) -> Unit:
    """The parsers, fuzzed."""
    outcome = units.parsers_of(seed, most)
    return Unit(outcome.cases.total(), outcome.found, outcome.cases)


def model(bench: Bench, seed: int, most: int) -> Unit:
    """`make model`, in a process of its own: it forks, which a process with the threads of gRPC must not."""
    argv = [sys.executable, "-m", "tests.model"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    return counted(ended.stdout, ended.returncode, ended.stderr)


def counted(output: str, status: int, errors: str) -> Unit:
    """What `make model` found, from what it wrote and its exit status."""
    found = [line.strip() for line in output.splitlines() if "SURVIVES" in line]
    last = MODEL_SUM.search(output)
    if last is None:
        return Unit(1, [f"make model ended with {status} and no sum: {errors[-500:]}"])
    names = ("states", "transitions", "violations", "properties", "mutants_killed", "mutants")
    figures = Counter(dict(zip(names, map(int, last.groups()), strict=True)))
    found += [f"make model counts {figures['violations']} violations"] if figures["violations"] else []
    if status and not found:
        found = [f"make model ended with {status}: {errors[-500:]}"]
    return Unit(1, found, figures)


def chaos(bench: Bench, seed: int, most: int) -> Unit:
    """The next round of `make chaos`, in a process of its own; it keeps and publishes its table itself."""
    argv = [sys.executable, "-m", "tests.chaos", "--rounds", "1"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    return counted_round(ended.stdout, ended.stderr)


def counted_round(output: str, errors: str) -> Unit:
    """What a round of chaos found, from what it wrote."""
    sums = CHAOS_SUM.search(output)
    if sums is None:
        return Unit(1, [f"make chaos ended without a sum: {errors[-500:]}"])
    names = ("calls", "faults", "lost", "duplicates", "ghosts", "wrongly_ended", "other")
    figures = Counter(dict(zip(names, map(int, sums.groups()), strict=True)))
    found = [f"{name}: {figures[name]}" for name in names[2:] if figures[name]]
    return Unit(1, found, +figures)


PARTS = (
    Part(
        "model",
        1,
        "runs of make model",
        1,
        model,
        code=MODELLED,
    ),
    Part("properties", 1_000_000, "steps", 2_000, commands),
    Part("same-millisecond", 10_000, "rounds", 500, race(races.SAME_MILLISECOND)),
    Part("glare", 10_000, "glares", 500, race(races.GLARE)),
    Part("block-and-place", 100_000, "interleavings", 1_000, race(races.BLOCK_AND_PLACE)),
    Part("caller-timing", 5, "comparisons", 1, caller_timing, code=TIMED),
    Part("chaos", 17, "rounds of make chaos", 1, chaos, code=CHAOTIC),
    Part("hostile-page", 2_000, "stories", 50, hostile_page, code=("web", "tests/browser/hostile")),
    Part("hostile-clients", 1_000_000, "cases", 20_000, hostile_clients, code=HOSTILE),
    Part("hostile-parsers", 1_000_000, "inputs", 140_000, hostile_parsers, code=HOSTILE),
    Part("hostile-rest", 100_000, "requests", 2_000, hostile_rest, code=HOSTILE),
)
