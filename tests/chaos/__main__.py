"""`make chaos`: rounds until it is whole; prints the table, and in the last line what sums it up.

`make chaos QUICK=1` is one round with every kind of fault that can be made here, in less than three minutes,
and leaves no result.
`make chaos MINUTES=20` begins no round after that, and goes on from there the next time; RESET=1 begins anew.
The exit status is 0 where nothing is wrong.
"""

import argparse
import multiprocessing
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console

from tests.chaos import whole
from tests.chaos.finding import OTHER
from tests.chaos.rounds import one_round
from tests.chaos.run import Outcome, Wish
from tests.chaos.table import Line, is_good, last_line, lines, sums_of, table

QUICK_SEED, QUICK_PAIRS = 1, 20
WIDTH = 170


def main(words: Sequence[str]) -> int:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument(
        "--quick", action="store_true", help="one short round with every kind of fault that can be made"
    )
    parser.add_argument("--seed", type=int, default=QUICK_SEED, help="of the quick round")
    parser.add_argument("--only", default="", help="in the quick round: faults whose name has this")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no round after so many")
    parser.add_argument("--rounds", type=int, default=0, help="do exactly so many rounds, whole or not")
    parser.add_argument("--reset", action="store_true", help="forget what was done")
    parser.add_argument(
        "--jobs", type=int, default=1, help="rounds at the same time, each in its own process"
    )
    asked = parser.parse_args(words)
    # Either signal leaves through every `finally`, also where it was begun in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if asked.quick:
        outcome = one_round(Wish(asked.seed, QUICK_PAIRS, is_quick=True, only=asked.only))
        return show(list(lines(outcome.story, outcome.found).values()), outcome.story.figures)
    if asked.reset:
        whole.STATE.unlink(missing_ok=True)
    state = go_on(asked.minutes, asked.rounds, asked.jobs)
    print(f"{state.rounds} of {whole.ROUNDS} rounds, seeds from {whole.FIRST_SEED}")
    return show(state.lines(), state.figures)


def go_on(minutes: float, rounds: int, jobs: int) -> whole.Whole:
    """Rounds until it is whole, the time is over, or so many are done; each is kept and published."""
    state = whole.load()
    ends = time.monotonic() + minutes * 60 if minutes else float("inf")
    last = state.rounds + rounds
    try:
        while state.rounds < last if rounds else not state.is_whole and time.monotonic() < ends:
            add_rounds(state, jobs)
    except KeyboardInterrupt:
        print("interrupted: `make chaos` goes on from here")
    return state


def add_rounds(state: whole.Whole, jobs: int) -> None:
    """The next rounds of the whole, at the same time."""
    wishes = [state.wish(ahead) for ahead in range(jobs)]
    if jobs == 1:
        add_round(state, one_round(wishes[0]))
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for outcome in pool.map(one_round, wishes):
            add_round(state, outcome)


def add_round(state: whole.Whole, outcome: Outcome) -> None:
    """One more round of the whole is over."""
    state.add(outcome)
    whole.save(state)
    whole.publish(state)
    own = list(lines(outcome.story, outcome.found).values())
    print(f"this round: {last_line(own)} other={sums_of(own)[OTHER]}")
    print(f"{state.rounds} of {whole.ROUNDS} rounds: {last_line(state.lines())}", flush=True)


def show(rows: Sequence[Line], figures: dict[str, int]) -> int:
    """Prints what is to be known; the exit status."""
    for name, count in sorted(figures.items()):
        print(f"  {name}: {count:,}")
    Console(width=WIDTH).print(table(whole.in_order(rows)))
    print(last_line(rows))
    return 0 if is_good(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
