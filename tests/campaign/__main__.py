"""`make campaign`: runs the parts, prints a table, and writes bench/results/campaign.json.

`make campaign ONLY="glare" SCALE=0.01 MINUTES=10`: some parts, a part of the whole, for so long. Interrupted,
it goes on with the next unit; `make campaign RESET=1` begins anew.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaign import progress
from tests.campaign.parts import FIRST_SEED, PARTS, Bench, Part
from tests.campaign.progress import Progress
from tests.servers import scratch

FOUND = Path(".ringline/campaign/found")
COLUMNS = ("part", "done", "of", "violations", "seconds", "seeds", "longest, ms")


def main(words: Sequence[str]) -> int:
    """Runs what is asked for; 0 where nothing was found."""
    asked = _parser().parse_args(words)
    unknown = set(asked.only) - {part.name for part in PARTS}
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are: {' '.join(p.name for p in PARTS)}")
        return 2
    if asked.reset:
        progress.STATE.unlink(missing_ok=True)
    parts = [part for part in PARTS if not asked.only or part.name in asked.only]
    ends = time.monotonic() + asked.minutes * 60 if asked.minutes else float("inf")
    states = {part.name: progress.load(part, asked.scale) for part in parts}
    try:
        with _bench() as bench:
            for part in parts:
                _run(bench, part, states[part.name], ends)
    except KeyboardInterrupt:
        print("interrupted: `make campaign` goes on from here")
    _show(parts, states)
    return int(any(state.violations for state in states.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make campaign")
    parser.add_argument("only", nargs="*", help="parts to run; all where none is named")
    parser.add_argument("--scale", type=float, default=1.0, help="which part of the whole, such as 0.01")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many minutes")
    parser.add_argument("--reset", action="store_true", help="forget what was done")
    return parser


@contextmanager
def _bench() -> Iterator[Bench]:
    with scratch() as folder, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield Bench(folder, stack, runner, FOUND)
        finally:
            runner.run(stack.aclose())


def _run(bench: Bench, part: Part, state: Progress, ends: float) -> None:
    """Units until the part is whole or the time is over; after each of them it is kept."""
    while not state.is_whole and time.monotonic() < ends:
        began = time.monotonic()
        seed = state.seed
        unit = part.run(bench, seed, min(part.unit, state.goal - state.done))
        state.add(unit, time.monotonic() - began)
        progress.save(part, state)
        progress.publish(part, state)
        print(
            f"{part.name}: {state.done:,} of {state.goal:,} {part.what}, seed {seed},"
            f" {state.violations} violations, {state.seconds:.0f} s",
            flush=True,
        )
        for what in unit.found[:3]:
            print(f"  {what}")


def _show(parts: Sequence[Part], states: dict[str, Progress]) -> None:
    table = Table(*COLUMNS)
    for part in parts:
        state = states[part.name]
        longest = ", ".join(f"{name} {ms:.0f}" for name, ms in state.longest_ms.items())
        seeds = f"{FIRST_SEED} – {state.seed - 1}" if state.units else "–"
        table.add_row(
            part.name,
            f"{state.done:,}",
            f"{state.goal:,} {part.what}",
            str(state.violations),
            f"{state.seconds:.0f}",
            seeds,
            longest,
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
