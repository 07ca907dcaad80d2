"""`make model`: explores every configuration, then hunts the mutants. Ends with 1 where anything is wrong."""

from __future__ import annotations

import sys
import time

from tests.model.configurations import LARGE, SMALL
from tests.model.explorer import explore
from tests.model.mutants import MUTANTS
from tests.model.world import Configuration

MOST = 100_000
"""A mutant is found within so many states, or not at all."""


def main() -> int:
    """Prints a line for each configuration and mutant, and the sum of them at last."""
    states, transitions, violations = 0, 0, 0
    for configuration, pinned in (SMALL | LARGE).items():
        began = time.monotonic()
        explored = explore(configuration)
        states, transitions = states + explored.states, transitions + explored.transitions
        took = f"{time.monotonic() - began:.0f} s"
        print(
            f"{configuration.name:24} {explored.states:9} states {explored.transitions:9} transitions  {took}"
        )
        if explored.violation is not None:
            violations += 1
            print(explored.violation)
        elif explored.states != pinned:
            violations += 1
            print(f"  {pinned} states are written down in configurations.py")
        sys.stdout.flush()
    killed = sum(_hunt(number, len(MUTANTS)) for number in range(len(MUTANTS)))
    properties = len({mutant.property for mutant in MUTANTS})
    print(
        f"states={states} transitions={transitions} violations={violations} properties={properties} "
        f"mutants_killed={killed}/{len(MUTANTS)}"
    )
    return int(violations > 0 or killed < len(MUTANTS))


def _hunt(number: int, of: int) -> bool:
    mutant = MUTANTS[number]
    found = hunted(number)
    killed = found == mutant.property
    word = (
        f"killed by {found}"
        if killed
        else f"SURVIVES: {mutant.property} expected, {found or 'nothing'} found"
    )
    print(f"mutant {number + 1:2}/{of}  {mutant.name:52} {word}", flush=True)
    return killed


def hunted(number: int) -> str:
    """The property that finds a mutant first; "" where none does."""
    mutant = MUTANTS[number]
    configuration: Configuration = mutant.configuration
    with mutant.alive():
        explored = explore(configuration, MOST)
    return explored.violation.property if explored.violation is not None else ""


if __name__ == "__main__":
    sys.exit(main())
