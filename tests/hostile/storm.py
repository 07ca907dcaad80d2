"""A unit of attacks while two honest people call each other, and the judge's word on it."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ringline.client import Phone
from tests.hostile import attacks
from tests.hostile.attacks import Attack, Outcome
from tests.hostile.judge import Calls, Honest, Memory, Seen, is_quiet, verdict
from tests.hostile.raw import Hang
from tests.hostile.siege import Siege

CALM_SECONDS = 30.0
"""Until what was opened has to be closed."""
CALLS_BEFORE = 8
"""Calls before anybody attacks, to compare with."""
MIX: tuple[tuple[Attack, int, int], ...] = (
    (attacks.on_a_line, 300, 24),
    (attacks.as_strangers, 60, 4),
    (attacks.badly_framed, 60, 3),
    (attacks.bad_requests, 60, 4),
)
"""Each with how many cases it has at a time, and how often it comes."""


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

    async def unit(self, seed: int, most: int, mix: Sequence[tuple[Attack, int, int]] = MIX) -> Outcome:
        """About so many cases of this seed; what is found is the judge's, too."""
        dice = Random(seed)
        done = Outcome()
        before = await self.siege.look()
        failed = len(self.during.failed)
        over = asyncio.Event()
        witness = asyncio.create_task(self.honest.until(over, self.during))
        try:
            while done.cases.total() < most and not done.found:
                self.siege.known.calls = [self.honest.live] if self.honest.live else []
                attack, size, _ = dice.choices(mix, [often for *_, often in mix])[0]
                done.add(await self._one(attack, dice, min(size, most - done.cases.total())))
        finally:
            over.set()
            await witness
        self.cases += done.cases.total()
        done.found += self.during.failed[failed:]
        done.found += await self._judged(before)
        return done

    async def _one(self, attack: Attack, dice: Random, size: int) -> Outcome:
        number = dice.getrandbits(64)
        try:
            done = await attack(self.siege, Random(number), size)
        except (Hang, OSError) as error:
            return Outcome(Counter(), [f"{attack.__name__} {number} {size}: {type(error).__name__}: {error}"])
        done.found = [f"{attack.__name__} {number} {size}: {what}" for what in done.found]
        return done

    async def _judged(self, before: Seen) -> list[str]:
        """What is wrong once everybody has gone."""
        end = time.monotonic() + CALM_SECONDS
        after = await self.siege.look()
        while not is_quiet(before, after) and time.monotonic() < end:
            await asyncio.sleep(0.2)
            after = await self.siege.look()
        self.memory.add(self.cases, after.memory)
        return verdict(before, after) + self.memory.verdict()


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
    return made


async def put_away(made: Storm) -> None:
    """The honest people go home."""
    await asyncio.gather(*(phone.close() for phone in made.honest.pair))
