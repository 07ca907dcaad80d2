"""When a caller is told what, compared between the classes of callees, with a positive control.

Every caller talks to his gateway through a passage of the tests. One class more is compared, the **control**:
an honest callee, but what the caller says and hears takes ten milliseconds more each way. A comparison that
does not see these twenty says nothing, so it goes on until it does, or fails.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from ringline.client import Phone
from tests.chaos.passage import Passage, Weather
from tests.servers import free_port
from tests.suite.people import LEAST_RING_MS, PATIENCE, Stage, at
from tests.suite.refusing import CLASSES, HONEST, callee_of, the_operators_rules
from tests.suite.shifts import Shift, shift_of

CONTROL = "control"
ONE_WAY_SECONDS = 0.010
SEEDED_SECONDS = 2 * ONE_WAY_SECONDS


@dataclass(frozen=True)
class Caller:
    """Somebody who calls, and the weather on his way."""

    phone: Phone
    weather: Weather


@dataclass
class Trial:
    """The people of a comparison, and what was measured."""

    callers: list[Caller]
    callees: dict[str, Phone]
    chance: random.Random
    rounds: int = 0
    differences: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By class, seconds by which it was later than HONEST, one a round."""

    def took(self, times: dict[str, float]) -> None:
        """Notes a round."""
        self.rounds += 1
        for kind, seconds in times.items():
            if kind != HONEST:
                self.differences[kind].append(seconds - times[HONEST])

    def shifts(self) -> dict[str, Shift]:
        """What came of it, by class."""
        return {kind: shift_of(found) for kind, found in self.differences.items()}


Round = Callable[[Trial], Awaitable[dict[str, float]]]
"""Measures each class once, in seconds."""


@asynccontextmanager
async def trial(stage: Stage, seed: int) -> AsyncIterator[Trial]:
    """Callers as many as there are classes, each behind a passage, and a callee of each class."""
    chance = random.Random(seed)
    kinds = [HONEST, CONTROL, *CLASSES]
    async with the_operators_rules(stage), AsyncExitStack() as stack:
        door = int(stage.topology.gateways[0].rpartition(":")[2])
        callers = [await _caller(stage, stack, door, chance, number) for number in range(len(kinds))]
        phones = [caller.phone for caller in callers]
        callees = {kind: await callee_of(stage, kind, phones) for kind in kinds}
        yield Trial(callers, callees, chance)


async def _caller(
    stage: Stage, stack: AsyncExitStack, door: int, chance: random.Random, number: int
) -> Caller:
    weather = Weather(random.Random(chance.random()))
    passage = Passage(free_port(), door, weather)
    await stack.enter_async_context(passage.open())
    name = "a" + "bcdfghjkpqtvxz"[number]
    session = (await stage.person(name, phone=False)).session
    phone = Phone(session, [f"http://127.0.0.1:{passage.port}"], least_ring_ms=LEAST_RING_MS)
    stack.push_async_callback(phone.close)
    await phone.connect(PATIENCE)
    return Caller(phone, weather)


async def replies(trial: Trial) -> dict[str, float]:
    """From each Place to its reply, one after the other, all by the same caller."""
    caller = trial.callers[trial.rounds % len(trial.callers)]
    times = {}
    for kind in trial.chance.sample(sorted(trial.callees), len(trial.callees)):
        caller.weather.set(delay_s=ONE_WAY_SECONDS if kind == CONTROL else 0.0)
        began = asyncio.get_running_loop().time()
        call = await caller.phone.place(at(trial.callees[kind]))
        times[kind] = asyncio.get_running_loop().time() - began
        assert call.phase == "calling"
        caller.weather.set()
        await call.hang_up()
    return times


async def compare(
    trial: Trial, measure: Round, least: int, most: int, share: float = 1.0
) -> dict[str, Shift]:
    """Rounds, at least `least`, until all is settled, and not more than `most`."""
    await measure(trial)  # connections are opened, plans are made
    while trial.rounds < most:
        trial.took(await measure(trial))
        if trial.rounds >= least and is_settled(trial.shifts(), share):
            break
    return trial.shifts()


def is_settled(shifts: dict[str, Shift], share: float = 1.0) -> bool:
    """Whether the control is seen, and every class is known to differ by less than `share` of it."""
    return not complaints(shifts, share)


def complaints(shifts: dict[str, Shift], share: float = 1.0) -> list[str]:
    """What is wrong: the control is not seen, or a class may differ by `share` of it, as far as is known."""
    control = shifts[CONTROL]
    if control.low <= 0:
        return [f"the seeded delay is not seen: {said(CONTROL, control)}"]
    bound = share * control.median
    return [
        f"{said(kind, shift)}, and the control by {control.median * 1000:.2f} ms"
        for kind, shift in shifts.items()
        if kind != CONTROL and not (-bound < shift.low and shift.high < bound)
    ]


def said(kind: str, shift: Shift) -> str:
    """A shift in words."""
    pairs, median, low, high, p = shift
    return (
        f'"{kind}" is later by {median * 1000:.2f} ms ({low * 1000:.2f} to {high * 1000:.2f},'
        f" p {p:.2g}, {pairs} pairs)"
    )


def table(shifts: dict[str, Shift]) -> Sequence[str]:
    """All of it, a line a class."""
    return [said(kind, shift) for kind, shift in shifts.items()]
