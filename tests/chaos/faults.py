"""The faults, one after another, and how each is made. A new one is a row in `plan`."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.chaos.fleet import moment
from tests.chaos.installation import Installation, Victim
from tests.chaos.story import Injection

HEAL_SECONDS = 2.0
"""So long after a fault its calls still count as placed in it."""


@dataclass(frozen=True)
class Fault:
    """One way to break it: `inject` ends when everything is there again. Where it cannot be done here,
    `why_not` says why.
    """

    name: str
    inject: Callable[[], Awaitable[None]]
    why_not: str = ""


async def inject(fault: Fault) -> Injection:
    """Injects one fault and says from when to when it was."""
    began = time.monotonic()
    if not fault.why_not:
        await fault.inject()
        await moment(HEAL_SECONDS)
    return Injection(fault.name, began, time.monotonic(), fault.why_not)


class Plan:
    """The faults of an installation, in an order drawn from a seed."""

    def __init__(self, made: Installation, seed: int, is_quick: bool) -> None:
        self.made = made
        self.seed = seed
        self.is_quick = is_quick
        self._chance = random.Random(seed)

    def kills(self) -> list[Fault]:
        """kill -9 and SIGTERM of one process of every kind."""
        found = []
        for kind, own in self.made.victims().items():
            victim = self._chance.choice(own)
            found += [Fault(f"kill -9 {kind}", _killing(victim)), Fault(f"SIGTERM {kind}", _stopping(victim))]
        return found

    def all(self) -> list[Fault]:
        """Each kind of fault once, in a new order."""
        faults = self.kills()
        self._chance.shuffle(faults)
        return faults


def _killing(victim: Victim) -> Callable[[], Awaitable[None]]:
    async def kill() -> None:
        victim.kill()
        await _back(victim)

    return kill


def _stopping(victim: Victim) -> Callable[[], Awaitable[None]]:
    async def stop() -> None:
        await victim.stop()
        await _back(victim)

    return stop


async def _back(*victims: Victim) -> None:
    for victim in victims:
        victim.start()
    await asyncio.gather(*(victim.until_ready() for victim in victims))


async def together(faults: Sequence[Fault]) -> None:
    """Injects several at once."""
    await asyncio.gather(*(fault.inject() for fault in faults))
