"""`make model`: explores every configuration, then hunts the mutants. Ends with 1 where anything is wrong."""

from __future__ import annotations

import sys
import time
from multiprocessing import get_context

from tests.model.configurations import LARGE, SMALL
from tests.model.explorer import Explored, explore
from tests.model.mutants import MUTANTS
from tests.model.world import Configuration

MOST = 100_000
"""A mutant is found within so many states, or not at all."""
CORES = 2
ALL = LARGE | SMALL


def main() -> int:
    """Prints a line for each configuration and mutant, and the sum of them at last."""
    states, transitions, violations, killed = 0, 0, 0, 0
    with get_context("fork").Pool(CORES) as pool:
        for configuration, (explored, seconds) in zip(ALL, pool.imap(_timed, ALL), strict=True):
            states, transitions = states + explored.states, transitions + explored.transitions
            figures = f"{explored.states:9} states {explored.transitions:9} transitions {seconds:4.0f} s"
            print(f"{configuration.name:34} {figures}", flush=True)
            if explored.violation is not None:
                violations += 1
                print(explored.violation, flush=True)
            elif explored.states != ALL[configuration]:
                violations += 1
                print(f"  {ALL[configuration]} states are written down in configurations.py", flush=True)
        for number, found in enumerate(pool.imap(hunted, range(len(MUTANTS)))):
            killed += _told(number, found)
    properties = len({mutant.property for mutant in MUTANTS})
    print(
        f"states={states} transitions={transitions} violations={violations} properties={properties} "
        f"mutants_killed={killed}/{len(MUTANTS)}"
    )
    return int(violations > 0 or killed < len(MUTANTS))


def _timed(configuration: Configuration) -> tuple[Explored, float]:
    began = time.monotonic()
    return explore(configuration), time.monotonic() - began


def _told(number: int, found: str) -> int:
    mutant = MUTANTS[number]
    word = f"killed by {found}"
    if found != mutant.property:
        word = f"SURVIVES: {mutant.property} expected, {found or 'nothing'} found"
    print(f"mutant {number + 1:2}/{len(MUTANTS)}  {mutant.name:58} {word}", flush=True)
    return int(found == mutant.property)


def hunted(number: int) -> str:
    """The property that finds a mutant first; "" where none does."""
    mutant = MUTANTS[number]
    with mutant.alive():
        explored = explore(mutant.configuration, MOST)
    return explored.violation.property if explored.violation is not None else ""


if __name__ == "__main__":
    sys.exit(main())
