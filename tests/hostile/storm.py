"""A unit of attacks while two honest people call each other, and the judge's word on it."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from ringline.client import Phone
from tests.hostile import attacks, excess
from tests.hostile.attacks import Attack, Outcome
from tests.hostile.judge import Calls, Honest, Memory, Seen, is_quiet, verdict
from tests.hostile.raw import Fault, NotLetIn
from tests.hostile.siege import Siege

CALM_SECONDS = 30.0
"""Until what was opened has to be closed."""
LANES = 4
"""Attacks at the same time: most of them wait more than they work."""
CALLS_BEFORE = 8
"""Calls before anybody attacks, to compare with."""
MIX: tuple[tuple[Attack, int, int], ...] = (
    (attacks.on_a_line, 400, 60),
    (attacks.as_strangers, 100, 3),
    (attacks.badly_framed, 100, 2),
    (attacks.bad_requests, 100, 3),
    (excess.floods, 1, 1),
)
"""Each with how many cases it has at a time, and how often it comes."""


def planned(
    dice: Random, most: int, mix: Sequence[tuple[Attack, int, int]]
) -> Iterator[tuple[Attack, int, int]]:
    """Attacks with a seed and a number of cases each, `most` cases in all."""
    often = [share for *_, share in mix]
    while most > 0:
        attack, size, _ = dice.choices(mix, often)[0]
        yield attack, dice.getrandbits(64), min(size, most)
        most -= size


async def assault(siege: Siege, attack: Attack, number: int, size: int) -> Outcome:
    """An attack with this seed, of about so many cases; what it found says how to do it again."""
    try:
        done = await attack(siege, Random(number), size)
    except NotLetIn:
        return Outcome(repeated=Counter({"not let in": 1}))
    except (Fault, OSError) as error:
        return Outcome(Counter(), [f"{attack.__name__} {number} {size}: {type(error).__name__}: {error}"])
    done.found = [f"{attack.__name__} {number} {size}: {what}" for what in done.found]
    return done


@dataclass
class Storm:
    """An installation under attack, with its judge."""

    siege: Siege
    honest: Honest
    memory: Memory = field(default_factory=Memory)
    before: Calls = field(default_factory=Calls)
    during: Calls = field(default_factory=Calls)
    cases: int = 0

    async def calm(self) -> None:
        """The honest people call each other while nobody attacks."""
        for _ in range(CALLS_BEFORE):
            await self.honest.call(self.before)

    async def unit(
        self, seed: int, most: int, mix: Sequence[tuple[Attack, int, int]] = MIX, slow: int = 0
    ) -> Outcome:
        """About so many cases of this seed, and so many slow ones; what is found is the judge's, too."""
        plan = iter(planned(Random(seed), most, mix))
        done = Outcome()
        failed = len(self.during.failed)
        await self.honest.call(self.during)  # their lines were cut, where this loop stood still for a minute
        before = await self.siege.look()
        over = asyncio.Event()
        witness = asyncio.create_task(self.honest.until(over, self.during))

        async def lane() -> None:
            for attack, number, size in plan:
                self.siege.known.calls = [self.honest.live] if self.honest.live else []
                done.add(await assault(self.siege, attack, number, size))
                if done.found:
                    return

        lanes = [lane() for _ in range(LANES)]
        if slow:
            lanes.append(self._slowly(done, seed, slow))
        try:
            await asyncio.gather(*lanes)
        finally:
            over.set()
            await witness
        self.cases += done.cases.total()
        done.found += self.during.failed[failed:]
        done.found += await self._judged(before)
        return done

    async def _slowly(self, done: Outcome, seed: int, count: int) -> None:
        done.add(await assault(self.siege, excess.slowness, seed, count))

    def row(self) -> dict[str, float]:
        """What honest people met before and during all attacks so far, and what the processes grew by. Their
        rings are timed in the loop that attacks, so they say little of the servers: bench/attacked.py does.
        """
        row = {
            "calls before": self.before.made,
            "calls during": self.during.made,
            "calls failed": len(self.before.failed) + len(self.during.failed),
            "ring p50 before, ms": self.before.median_ms,
            "ring p50 during, in the loop that attacks, ms": self.during.median_ms,
        }
        if self.memory.samples:
            for name, size in self.memory.samples[-1][1].items():
                row[f"memory of {name}, MB"] = size / 1e6
        row |= {f"growth of {name}, bytes a case": slope for name, slope in self.memory.slopes().items()}
        return {name: round(value, 1) for name, value in row.items()}

    async def _judged(self, before: Seen) -> list[str]:
        """What is wrong once everybody has gone."""
        end = time.monotonic() + CALM_SECONDS
        after = await self.siege.look()
        while not is_quiet(self.siege.started, after) and time.monotonic() < end:
            await asyncio.sleep(0.2)
            after = await self.siege.look()
        self.memory.add(self.cases, after.memory)
        return verdict(self.siege.started, before, after) + self.memory.verdict()


async def storm(siege: Siege) -> Storm:
    """The judge and the honest people, who have made their calls before."""
    dice = Random(0)
    phones = []
    for name, urls in (("ada", siege.urls), ("bob", siege.urls[::-1])):
        session = await siege.person(name, dice, urls)
        phones.append(await Phone(session, urls, least_ring_ms=500).connect(20.0))
    ada, bob = phones
    await ada.session.add_contact(bob.session.username)
    await bob.session.add_contact(ada.session.username)
    siege.known.names = ["@" + one.session.username for one in phones]
    made = Storm(siege, Honest(ada, bob))
    await made.calm()
    siege.started = await siege.look()
    return made


async def put_away(made: Storm) -> None:
    """The honest people go home."""
    await asyncio.gather(*(phone.close() for phone in made.honest.pair))
