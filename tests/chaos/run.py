"""One round: an installation, a fleet, faults in turn, and what the checker says of it."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from tests.chaos import evidence
from tests.chaos.checker import findings
from tests.chaos.faults import SLOW, Plan
from tests.chaos.finding import OTHER, Finding
from tests.chaos.fleet import Fleet, fleet, moment
from tests.chaos.installation import Installation, installation
from tests.chaos.sleepers import Sleepers
from tests.chaos.story import Story
from tests.servers import Process

SETTLE_SECONDS = 3.0
WARM_SECONDS = 2.0
WHOLE_LOG = 2**30
OTHERS = 11
"""So many faults there are beside kills."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What a round is to be: so many `kills` of each kind either way, and `others` faults beside them, from
    that number on; `only` those whose name has that.
    """

    seed: int
    pairs: int
    is_quick: bool = False
    kills: int = 1
    others_from: int = 0
    others: int = OTHERS
    only: str = ""


@dataclass
class Outcome:
    """What a round told, and what is wrong with it."""

    story: Story
    found: list[Finding]
    seconds: float


async def run(folder: Path, wish: Wish, tell: Tell) -> Outcome:
    """Runs a round, with everything below `folder`."""
    began = time.monotonic()
    story = Story()
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(installation(folder, random.Random(wish.seed)))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        people = await stack.enter_async_context(fleet(made.gateways, http, wish.pairs))
        sleepers = await Sleepers.sign_up(made.gateways, http)
        tell(f"seed {wish.seed}: {wish.pairs} pairs are there after {time.monotonic() - began:.0f} s")
        story.books = [pair.book for pair in people.pairs]
        await _play(made, people, story, Plan(made, sleepers.sleep, wish.seed, wish.is_quick), wish, tell)
        story.figures = await evidence.gather(made, story.books)
        story.figures |= _figures(people, sleepers)
        at = next((one.began for one in story.injections if one.fault == SLOW), 0.0)
        beside = [Finding(OTHER, "", at, "a line that does not read was kept")] * sleepers.kept
    # The last word of a process is its exit status: it is asked to stop when the stack unwinds.
    beside += [Finding(OTHER, "", at, what) for at, what in made.troubles]
    beside += [Finding(OTHER, "", at, what) for process in made.processes() for at, what in bugs(process)]
    found = [one for book in story.books for one in findings(book)] + beside
    return Outcome(story, found, time.monotonic() - began)


async def _play(made: Installation, people: Fleet, story: Story, plan: Plan, wish: Wish, tell: Tell) -> None:
    playing = asyncio.create_task(people.play(wish.seed))
    await moment(WARM_SECONDS)
    for fault in plan.all(wish.kills, wish.others_from, wish.others):
        if wish.only in fault.name:
            before = people.placed
            injection = await plan.inject(fault)
            story.injections.append(injection)
            seconds = injection.ended - injection.began
            tell(f"  {fault.name}: {injection.why_not or f'{seconds:.1f} s, {people.placed - before} calls'}")
    people.stop()
    await playing
    await people.settle()
    await moment(SETTLE_SECONDS)
    for pair in people.pairs:
        pair.book.history.repaired_at = time.monotonic()
        for device in pair.devices:
            device.hush()


def _figures(people: Fleet, sleepers: Sleepers) -> Counter[str]:
    """What happened beside."""
    said = [one for pair in people.pairs for one in pair.book.history.said]
    figures = Counter(
        {
            "slow lines": sleepers.lines,
            "messages to slow lines": sleepers.messages,
            "slow lines cut": sleepers.cut,
            "calls with media bots": sum(len(pair.book.flows) for pair in people.pairs) // 2,
            "commands": len(said),
            "commands without an answer": sum(one.answered == float("inf") for one in said),
            "lines opened": sum(len(pair.book.history.opened) for pair in people.pairs),
            "events twice in the log": sum(pair.book.repeats for pair in people.pairs),
        }
    )
    return figures + Counter({f"act {name}": count for name, count in people.outcomes().items()})


def bugs(process: Process) -> Iterator[tuple[float, str]]:
    """The faults that a process has logged: when, if its own clock was right, on the observer's; and what."""
    ahead = time.time() - time.monotonic()
    for line in process.tail(WHOLE_LOG).splitlines():
        if '"event":"bug"' in line:
            said = json.loads(line)
            at = datetime.fromisoformat(said["timestamp"]).timestamp() - ahead
            yield at, f"{process.name} logged a bug: {said['where']} {said.get('fault', '')}"
