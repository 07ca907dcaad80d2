"""What happens in the same millisecond: sixteen answers, two who dial each other, a block and a place.

Everything is real as in play.py; only the moment is scripted: commands wait beside each other for one signal
and leave over open streams, through both gateways, to both processes of signaling. A race is run many times
by a few people; then their whole history is judged.
"""

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from ringline.bus import Bus
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, types_pb2
from tests.properties.checker import violations
from tests.properties.history import History, Row, row_of
from tests.properties.known import Violation
from tests.properties.play import end
from tests.properties.stage import Device, Stage, gate, on_stage
from tests.properties.town import RING_SECONDS, Town

ANSWERERS = 16
GLARE_SECONDS = 0.3
"""How far apart two may dial each other."""
SPREAD_SECONDS = 0.012
"""How far around the moment at which either may be first."""
STEP_SECONDS = 0.0005
"""By so much that moment is moved when one of them was first."""
MOST_LEAD_SECONDS = 0.5
AT_ONCE = 8
"""Races beside each other."""
PATIENCE = 30.0
"""Seconds until what must come is given up. A comparison would have brought it ten times by then."""
WAKE_SECONDS = 3.0
"""For so long a wake-up may be slower than the comparison that told the same."""
AUDIO = types_pb2.Kinds(audio=True)


@dataclass
class Outcome:
    """What came of many races."""

    rounds: int = 0
    found: list[Violation] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    longest_ms: dict[str, float] = field(default_factory=dict)
    broken: list[History] = field(default_factory=list)
    lead: float = 0.005
    """By so many seconds who places begins before who blocks, for either to be first as often."""

    def took(self, what: str, seconds: float) -> None:
        """Notes the longest of its kind."""
        self.longest_ms[what] = round(max(self.longest_ms.get(what, 0.0), seconds * 1000), 1)

    def wrong(self, number: str, what: str) -> None:
        """Notes a broken property."""
        self.found.append(Violation(number, what))


Race = Callable[[Stage, random.Random, Outcome], Awaitable[None]]


@dataclass(frozen=True)
class Kind:
    """A race: who takes part, how often the same people run it, and how many groups do at once."""

    race: Race
    devices: int
    rounds: int
    at_once: int = AT_ONCE


async def run(town: Town, kind: Kind, rounds: int, seed: int) -> Outcome:
    """Runs a race so many times, with the chance of this seed."""
    outcome, bus = Outcome(), await town.bus()
    turns = asyncio.Semaphore(kind.at_once)
    parts = [min(kind.rounds, rounds - done) for done in range(0, rounds, kind.rounds)]

    async def one(number: int, count: int) -> None:
        async with turns:
            await _run_group(town, bus, kind, count, random.Random(f"{seed}:{number}"), outcome)

    try:
        await asyncio.gather(*(one(number, count) for number, count in enumerate(parts)))
    finally:
        await bus.close()
    return outcome


async def _run_group(
    town: Town, bus: Bus, kind: Kind, count: int, chance: random.Random, outcome: Outcome
) -> None:
    truth = chance.random() < 0.5
    people = await town.people([(True, (1,) if truth else ()), (True, (0,) if truth else ())])
    stage = Stage(town, people, kind.devices, seed=chance.getrandbits(32))
    before = len(outcome.found)
    async with on_stage(stage, bus):
        own = stage.devices[: 1 if kind.devices == ANSWERERS else kind.devices]
        used = [*own, *stage.devices[kind.devices :]]
        await asyncio.gather(*(stage.enter(one, one.number % 2, one.number % 2) for one in used))
        for _ in range(count):
            await kind.race(stage, chance, outcome)
            outcome.rounds += 1
            if len(outcome.found) > before:
                break
        await stage.until(lambda: not stage.only_compared(), WAKE_SECONDS)
        outcome.figures["views"] += len(stage.history.saw)
        outcome.figures["views that needed a comparison"] += len(stage.only_compared())
        await end(stage)
    outcome.found += violations(stage.history)
    if len(outcome.found) > before:
        outcome.broken.append(stage.history)


# ------------------------------------------------------------ sixteen answers


async def same_millisecond(stage: Stage, chance: random.Random, outcome: Outcome) -> None:
    """All devices of one user answer together: one wins, and all others hear that they did not."""
    caller, answerers = stage.devices[0], stage.devices[ANSWERERS:]
    call_id = await _place(stage, caller, answerers[0], chance)
    await stage.until(lambda: all(call_id in one.calls for one in answerers), RING_SECONDS / 2)
    answer = client_pb2.Answer(call_id=call_id, kinds=AUDIO)
    said = await asyncio.gather(
        *(
            stage.say(one, "answer", call_id, (chance.randrange(2),), command_id=_key(chance), answer=answer)
            for one in answerers
        )
    )
    winners = sum(isinstance(one, client_pb2.Call) for one in said)
    losers = Counter(one.name for one in said if isinstance(one, Refusal))
    if winners != 1 or losers != {"answered_elsewhere": len(answerers) - 1}:
        outcome.wrong("S3", f"{winners} of {len(answerers)} won {call_id}, and the others: {dict(losers)}")

    def agreed() -> int:
        return sum(
            one.calls[call_id].ending == types_pb2.ENDING_ANSWERED_ELSEWHERE
            for one in answerers
            if call_id in one.calls
        )

    began = time.monotonic()
    if not await stage.until(lambda: agreed() == len(answerers) - 1, PATIENCE):
        outcome.wrong("L4", f"only {agreed()} of {len(answerers) - 1} hear that {call_id} was answered")
    outcome.took("until all others heard it", time.monotonic() - began)
    await _hang_up(stage, caller, call_id)


# ------------------------------------------------------------ two who dial each other


async def glare(stage: Stage, chance: random.Random, outcome: Outcome) -> None:
    """Two dial each other, 0 to 300 ms apart, with whatever command ids: it becomes one call."""
    count = len(stage.devices) // 2
    ada, bob = stage.devices[chance.randrange(count)], stage.devices[count + chance.randrange(count)]
    apart = chance.choice([0.0, chance.random() * 0.01, chance.random() * GLARE_SECONDS])
    first, second = chance.sample([(ada, bob), (bob, ada)], 2)
    dialled = await asyncio.gather(_dial(stage, *first, 0.0, chance), _dial(stage, *second, apart, chance))
    calls = {one.call_id for one in dialled if isinstance(one, client_pb2.Call)}
    if len(calls) != 1 or not all(isinstance(one, client_pb2.Call) for one in dialled):
        names = [one.name if isinstance(one, Refusal) else str(one and one.call_id) for one in dialled]
        outcome.wrong("S7", f"two who dialled each other {apart * 1000:.1f} ms apart: {names}")
    for call_id in calls:
        if not await stage.until(functools.partial(_are_here, (ada, bob), call_id), PATIENCE):
            outcome.wrong("L2", f"who dialled each other are not both in {call_id}")
        await _hang_up(stage, ada, call_id)


async def _dial(
    stage: Stage, caller: Device, callee: Device, after: float, chance: random.Random
) -> Refusal | client_pb2.Call | None:
    await _pause(after)
    place = client_pb2.Place(username=callee.person.username, kinds=AUDIO)
    return await stage.say(
        caller, "place", callee.person.user_id, (chance.randrange(2),), command_id=_key(chance), place=place
    )


def _are_here(devices: Iterable[Device], call_id: str) -> bool:
    calls = [one.calls.get(call_id) for one in devices]
    return all(call is not None and call.here and call.phase == client_pb2.PHASE_CONNECTING for call in calls)


# ------------------------------------------------------------ a block and a place


async def block_and_place(stage: Stage, chance: random.Random, outcome: Outcome) -> None:
    """One places while the other blocks him: after the acknowledgement nothing rings, nothing is live."""
    count = len(stage.devices) // 2
    caller, callee = stage.devices[0], stage.devices[count]
    user_id, other_id = callee.person.user_id, caller.person.user_id
    apart = chance.uniform(-SPREAD_SECONDS, SPREAD_SECONDS) - outcome.lead

    async def blocks() -> float:
        await _pause(max(0.0, -apart))
        await gate(stage, user_id, other_id, True, chance.randrange(2))
        return time.monotonic()

    placing = asyncio.ensure_future(_dial(stage, caller, callee, max(0.0, apart), chance))
    acknowledged = await blocks()
    if any(row.holds_pair for row in await _rows(stage)):
        outcome.wrong("S5", f"a call goes on after the block, {apart * 1000:.1f} ms apart")
    call = await placing
    rings = [one for one in stage.devices[count:] if one.live()]
    if rings:
        outcome.figures["rings that heard their end after the acknowledgement"] += 1
        await stage.until(lambda: not any(one.live() for one in rings), PATIENCE)
        outcome.took("a ring after the acknowledgement", time.monotonic() - acknowledged)
    if not isinstance(call, client_pb2.Call):
        outcome.wrong("S6", f"who was blocked while he placed hears {call and call.name}")
        return
    if not await stage.until(lambda: not stage.only_compared(call.call_id), WAKE_SECONDS):
        outcome.wrong("S5", f"no wake-up told the end of {stage.only_compared(call.call_id)[-1]}")
    known = next(row for row in await _rows(stage) if row.call_id == call.call_id)
    outcome.figures["placed after the block" if known.shadow else "ended by the block"] += 1
    lead = outcome.lead + (STEP_SECONDS if known.shadow else -STEP_SECONDS)
    outcome.lead = min(MOST_LEAD_SECONDS, max(-MOST_LEAD_SECONDS, lead))
    if caller.calls[call.call_id].phase == client_pb2.PHASE_ENDED:
        outcome.wrong("S6", f"who is blocked sees {call.call_id} end")
    await _hang_up(stage, caller, call.call_id)
    await gate(stage, user_id, other_id, False, chance.randrange(2))


async def _rows(stage: Stage) -> list[Row]:
    return [row_of(*one) for one in await stage.town.kept(stage.history.people)]


# ------------------------------------------------------------ shared


async def _place(stage: Stage, caller: Device, callee: Device, chance: random.Random) -> str:
    call = await _dial(stage, caller, callee, 0.0, chance)
    assert isinstance(call, client_pb2.Call), f"a place between two who are free was refused: {call}"
    return call.call_id


async def _hang_up(stage: Stage, device: Device, call_id: str) -> None:
    await stage.say(
        device, "hang_up", call_id, (device.number % 2,), hang_up=client_pb2.HangUp(call_id=call_id)
    )
    await stage.until(lambda: not any(one.live() for one in stage.devices), PATIENCE)


async def _pause(seconds: float) -> None:
    """Lets others go first."""
    if seconds:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()


def _key(chance: random.Random) -> str:
    """A command id: random, as low or as high as can be, or dated in the future."""
    head = chance.choice(["", "0" * 16, "z" * 16, "_" * 16, "99991231T235959Z", "-" * 16])
    return f"{head}{chance.getrandbits(96):024x}"[:40]


SAME_MILLISECOND = Kind(same_millisecond, ANSWERERS, rounds=20, at_once=4)
GLARE = Kind(glare, 2, rounds=20, at_once=25)
BLOCK_AND_PLACE = Kind(block_and_place, 2, rounds=25, at_once=8)
