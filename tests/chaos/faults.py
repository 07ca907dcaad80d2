"""The faults and how each is made. A new one is a row in `Plan.others`."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.disk import FULL
from tests.chaos.fleet import moment
from tests.chaos.installation import Installation, Victim, connect
from tests.chaos.passage import Weather
from tests.chaos.story import Injection

HEAL_SECONDS, QUICK_HEAL_SECONDS = 2.0, 1.0
"""So long after a fault its calls still count as placed in it."""
LONG_OUTAGE, OUTAGE = 60.0, 30.0
QUICK_OUTAGE = 4.0
"""For how long the bus is away, for how long other outages last, and how short both are in a quick run."""
SLOW = "slow consumers"
LOSS, DELAY_SECONDS = 0.1, 0.3
STEPS = (5.0, 90.0)
"""By how many seconds a clock is set wrong, at least and at most."""
FULL_SECONDS = 20.0
"""A disk that nobody met as full after so long was not full."""

Do = Callable[[], Awaitable[str]]
"""Injects a fault; answers why it had no effect, "" where it had."""


@dataclass(frozen=True)
class Fault:
    """One way to break it: `inject` ends when everything is there again. Where it cannot be done here,
    `why_not` says why.
    """

    name: str
    inject: Do
    why_not: str = ""


class Plan:
    """The faults of one round, in an order drawn from its seed."""

    def __init__(self, made: Installation, sleep: Do, seed: int, is_quick: bool) -> None:
        """`sleep` is the fault of the slow consumers."""
        self.made = made
        self.seed = seed
        self._sleep = sleep
        self._is_quick = is_quick
        self._chance = random.Random(seed)

    def all(self, kills: int, others_from: int, others: int) -> list[Fault]:
        """A process of each kind killed so many times either way, and so many of the other faults from that
        number on.
        """
        there = self.others()
        faults = [one for _ in range(kills) for one in self.kills()]
        faults += [there[(others_from + step) % len(there)] for step in range(others)]
        self._chance.shuffle(faults)
        return faults

    async def inject(self, fault: Fault) -> Injection:
        """Injects one fault and says from when to when it was, or why it was not, or had no effect."""
        began = time.monotonic()
        why_not = fault.why_not or await fault.inject()
        if not fault.why_not:
            await moment(QUICK_HEAL_SECONDS if self._is_quick else HEAL_SECONDS)
        return Injection(fault.name, began, time.monotonic(), why_not)

    def kills(self) -> list[Fault]:
        """kill -9 and SIGTERM of one process of every kind."""
        found = []
        for kind, own in self.made.victims().items():
            hard, soft = self._chance.choice(own), self._chance.choice(own)
            found.append(Fault(f"kill -9 {kind}", lambda one=hard: _kill(one)))  # type: ignore[misc]
            found.append(Fault(f"SIGTERM {kind}", lambda one=soft: _stop(one)))  # type: ignore[misc]
        return found

    def others(self) -> list[Fault]:
        """Everything else, each once."""
        gateway = self._chance.randrange(len(self.made.gateways))
        cut_off = self.made.weathers(gateway)
        everywhere = [one for number in range(len(self.made.gateways)) for one in self.made.weathers(number)]
        clock = "" if self.made.clocks.can_be_set else "libfaketime is not installed"
        away = "gateway | signaling"
        return [
            Fault(f"bus away {self._seconds(LONG_OUTAGE):.0f} s", self._bus_away),
            Fault(f"{away}: partition", lambda: self._in(cut_off, there=True, back=True)),
            Fault(f"{away}: cut there", lambda: self._in(self._some(cut_off), there=True)),
            Fault(f"{away}: cut back", lambda: self._in(self._some(cut_off), back=True)),
            Fault(f"{away}: loss 10 %", lambda: self._in(everywhere, loss=LOSS)),
            Fault(f"{away}: delay 300 ms", lambda: self._in(everywhere, delay_s=DELAY_SECONDS)),
            Fault("clock set forward", lambda: self._set_clock(1.0), clock),
            Fault("clock set back", lambda: self._set_clock(-1.0), clock),
            Fault(SLOW, self._sleep),
            Fault("outbox disk full, bus away", self._fill_disk, self.made.disk.why_not),
            Fault("kill -9 coturn", _nothing, "no call of the fleet takes the relay"),
        ]

    def _seconds(self, whole: float) -> float:
        return QUICK_OUTAGE if self._is_quick else whole

    def _some(self, weathers: list[Weather]) -> list[Weather]:
        """Towards all processes of signaling, or towards one: then there is a way round."""
        return self._chance.choice([weathers, weathers[:1], weathers[1:]])

    async def _bus_away(self) -> str:
        self.made.kill_bus()
        await moment(self._seconds(LONG_OUTAGE))
        await self._bus_back()
        return ""

    async def _bus_back(self) -> None:
        for node in self.made.nodes:
            node.launch()
        await asyncio.gather(*(node.until_ready() for node in self.made.nodes))

    async def _in(
        self, weathers: list[Weather], *, there: bool = False, back: bool = False, delay_s: float = 0.0,
        loss: float = 0.0,
    ) -> str:  # fmt: skip
        before = sum(weather.held for weather in weathers)
        for weather in weathers:
            weather.set(there=there, back=back, delay_s=delay_s, loss=loss)
        await moment(self._seconds(OUTAGE))
        for weather in weathers:
            weather.set()
        return (
            "" if sum(weather.held for weather in weathers) > before else "nothing passed that way meanwhile"
        )

    async def _set_clock(self, direction: float) -> str:
        """One process of signaling, where time is most of the matter, and one of any other service."""
        wrong = round(self._chance.uniform(*STEPS), 1) * direction
        other = self._chance.choice([name for name in self.made.pods if name != "signaling"])
        names = [f"{service}-{self._chance.randint(1, 2)}" for service in ("signaling", other)]
        for name in names:
            self.made.clocks.step(name, wrong)
        await moment(self._seconds(OUTAGE))
        for name in names:
            self.made.clocks.step(name, 0)
        return ""

    async def _fill_disk(self) -> str:
        """The bus is away, the outbox grows, and its disk is full; then there is room, and the bus."""
        before = self.made.postgres.log_has(FULL)
        self.made.kill_bus()
        con = await connect(self.made)
        try:
            await self.made.disk.fill(con)
        finally:
            await con.close()
        deadline = time.monotonic() + FULL_SECONDS
        while self.made.postgres.log_has(FULL) == before:
            assert time.monotonic() < deadline, "nobody met the full disk"
            await moment(0.1)
        await moment(self._seconds(OUTAGE))
        self.made.disk.empty()
        await self._bus_back()
        return ""


async def _nothing() -> str:
    """What is not injected."""
    return "not injected"


async def _kill(victim: Victim) -> str:
    victim.kill()
    await _back(victim)
    return ""


async def _stop(victim: Victim) -> str:
    await victim.stop()
    await _back(victim)
    return ""


async def _back(victim: Victim) -> None:
    victim.start()
    await victim.until_ready()
