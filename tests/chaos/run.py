"""One run: an installation, a fleet, faults in turn, and what the checker says of it."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import evidence
from tests.chaos.checker import Finding, findings
from tests.chaos.faults import Plan, inject
from tests.chaos.fleet import Fleet, fleet, moment
from tests.chaos.installation import Installation, installation
from tests.chaos.story import Story

SETTLE_SECONDS = 3.0
WARM_SECONDS = 4.0
PAIRS = 20

Tell = Callable[[str], None]


@dataclass
class Outcome:
    """What a run told, and what is wrong with it."""

    story: Story
    found: list[Finding]
    seconds: float


async def run(folder: Path, seed: int, is_quick: bool, tell: Tell, only: str = "") -> Outcome:
    """Runs every fault of the seed once; with `only`, those whose name has it."""
    began = time.monotonic()
    chance = random.Random(seed)
    story = Story()
    async with installation(folder, chance) as made, fleet(made.gateways, PAIRS) as people:
        tell(f"up after {time.monotonic() - began:.0f} s: {PAIRS} pairs, seed {seed}")
        story.books = [pair.book for pair in people.pairs]
        await _play(made, people, story, Plan(made, seed, is_quick), tell, only)
        for pair in people.pairs:
            for device in pair.devices:
                device.hush()
        story.figures |= await evidence.gather(made, story.books)
    story.figures |= {f"act {name}": count for name, count in sorted(people.outcomes().items())}
    found = [one for book in story.books for one in findings(book)]
    return Outcome(story, found, time.monotonic() - began)


async def _play(made: Installation, people: Fleet, story: Story, plan: Plan, tell: Tell, only: str) -> None:
    playing = asyncio.create_task(people.play(plan.seed))
    await moment(WARM_SECONDS)
    for fault in plan.all():
        if only in fault.name:
            before = people.placed
            injection = await inject(fault)
            story.injections.append(injection)
            seconds = injection.ended - injection.began
            tell(f"{fault.name}: {seconds:.1f} s, {people.placed - before} calls")
    await moment(WARM_SECONDS)
    people.stop()
    await playing
    await people.settle()
    await moment(SETTLE_SECONDS)
    for book in story.books:
        book.history.repaired_at = time.monotonic()
