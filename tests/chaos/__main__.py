"""`make chaos`: runs it and prints the table; the last line sums it up. 0 where nothing is wrong."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.chaos.run import Outcome, run
from tests.chaos.table import is_good, last_line, lines, table
from tests.servers import scratch

FOUND = Path(".ringline/chaos")
SEED = 1


def main(words: Sequence[str]) -> int:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--quick", action="store_true", help="every kind of fault once, in three minutes")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="faults whose name has this")
    asked = parser.parse_args(words)
    with scratch() as folder:
        outcome = asyncio.run(run(folder, asked.seed, asked.quick, _tell, asked.only))
    keep(outcome)
    rows = list(lines(outcome.story, outcome.found).values())
    Console(width=180).print(table(rows))
    for name, count in outcome.story.figures.items():
        print(f"  {name}: {count}")
    print(f"{outcome.seconds:.0f} s")
    print(last_line(rows))
    return 0 if is_good(rows) else 1


def keep(outcome: Outcome) -> None:
    """Says what was found, and writes the books down in which it is."""
    for one in outcome.found[:20]:
        print(f"{one.kind}: {one.what}")
    FOUND.mkdir(parents=True, exist_ok=True)
    bad = {one.call_id for one in outcome.found}
    for number, book in enumerate(outcome.story.books):
        if any(row.call_id in bad for kept in book.history.kept for row in kept.rows):
            (FOUND / f"pair{number}.json").write_text(book.dumps())


def _tell(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
