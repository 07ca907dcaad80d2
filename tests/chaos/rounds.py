"""One round in a folder of its own: what was found is printed, and its books are written down."""

import asyncio
from pathlib import Path

from tests.chaos.run import Outcome, Wish, run
from tests.servers import scratch

FOUND = Path(".ringline/chaos")


def one_round(wish: Wish) -> Outcome:
    """One round; what was found is printed and its books are written down."""
    with scratch() as folder:
        outcome = asyncio.run(run(folder, wish, lambda what: print(what, flush=True)))
    for one in outcome.found[:20]:
        print(f"  {one.kind}: {one.what}")
    bad = {one.call_id for one in outcome.found}
    for number, book in enumerate(outcome.story.books):
        if any(row.call_id in bad for kept in book.history.kept for row in kept.rows):
            FOUND.mkdir(parents=True, exist_ok=True)
            (FOUND / f"seed{wish.seed}-pair{number}.json").write_text(book.dumps())
    print(f"  the round took {outcome.seconds:.0f} s")
    return outcome
