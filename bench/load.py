"""The load: pairs that call each other, in a closed loop (saturated) or so many a second (light)."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.payloads import ANSWER, CANDIDATES, OF_CALLEE, OF_CALLER, OFFER
from ringline.client import Call, NotInTime, Phone
from ringline.refusal import Refusal

CALL_SECONDS = 20.0
SPACING_SECONDS = 0.01
"""Between two candidates where they come as a browser finds them."""


@dataclass
class Pair:
    """A caller, and the callee's devices."""

    caller: Phone
    devices: Sequence[Phone]

    @property
    def username(self) -> str:
        """Whom the caller calls."""
        return "@" + self.devices[0].session.username


@dataclass
class Tally:
    """What the load generator saw."""

    rings_s: list[float] = field(default_factory=list)
    """From placing until the last device of the callee rings."""
    answers_s: list[float] = field(default_factory=list)
    """From the answer until the caller has the description."""
    failures: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """Calls whose end was seen by the other side."""
        return len(self.answers_s)


async def one_call(pair: Pair, tally: Tally, *, spaced: bool = False, reports: bool = False) -> None:
    """A whole call: place, ring on every device, answer, descriptions and candidates both ways, hang up."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await _call(pair, tally, spaced, reports)
    except (TimeoutError, NotInTime, Refusal, ConnectionError) as problem:
        tally.failures.append(f"{type(problem).__name__}: {problem}")


async def _call(pair: Pair, tally: Tally, spaced: bool, reports: bool) -> None:
    began = time.perf_counter()
    placing = asyncio.create_task(pair.caller.place(pair.username, audio=True, within=CALL_SECONDS))
    try:
        rings = await asyncio.gather(*(phone.rings(CALL_SECONDS) for phone in pair.devices))
    finally:
        call = await placing
    rang = time.perf_counter()
    ring, others = rings[0], rings[1:]
    answering = asyncio.create_task(_answer(ring, spaced))
    offer = await call.until_described(within=CALL_SECONDS)
    answered = time.perf_counter()
    await asyncio.gather(answering, _describe(call, offer.generation, spaced))
    await asyncio.gather(
        call.until_candidates(CANDIDATES, CALL_SECONDS),
        ring.until_candidates(CANDIDATES, CALL_SECONDS),
        *(other.until("ended", within=CALL_SECONDS) for other in others),
    )
    if reports:
        await asyncio.gather(call.report("flowing"), ring.report("flowing"))
        await asyncio.gather(
            call.until("connected", within=CALL_SECONDS), ring.until("connected", within=CALL_SECONDS)
        )
    await asyncio.gather(call.hang_up(), ring.until("ended", within=CALL_SECONDS))
    tally.rings_s.append(rang - began)
    tally.answers_s.append(answered - rang)
    for phone in (pair.caller, *pair.devices):
        phone.calls.pop(call.call_id, None)


async def _answer(ring: Call, spaced: bool) -> None:
    await ring.answer(offer=OFFER, candidates=OF_CALLEE[:1], within=CALL_SECONDS)
    await _more(ring, OF_CALLEE, spaced)


async def _describe(call: Call, generation: int, spaced: bool) -> None:
    await call.describe(ANSWER, answers=generation, candidates=OF_CALLER[:1])
    await _more(call, OF_CALLER, spaced)


async def _more(call: Call, candidates: Sequence[bytes], spaced: bool) -> None:
    """The rest in one batch, as the client collects for at most 50 ms."""
    if spaced:
        await asyncio.sleep(SPACING_SECONDS * (CANDIDATES - 1))
    await call.add_candidates(candidates[1:])


async def saturate(pairs: Sequence[Pair], seconds: float, *, reports: bool = False) -> Tally:
    """Closed loop: every pair begins the next call as soon as the last one ended."""
    tally = Tally()
    end = time.perf_counter() + seconds

    async def go_on(pair: Pair) -> None:
        while time.perf_counter() < end and len(tally.failures) < len(pairs):
            await one_call(pair, tally, reports=reports)

    await asyncio.gather(*(go_on(pair) for pair in pairs))
    return tally


async def go_around(callers: Sequence[Phone], callees: Sequence[Phone], limit: int) -> Tally:
    """Closed loop in which nobody calls the same person twice: `limit` calls, all of pairs that are cold."""
    tally = Tally()
    free = list(callees)
    left = iter(range(limit))

    async def go_on(caller: Phone) -> None:
        called: set[Phone] = set()
        while len(tally.failures) < len(callers):
            callee = next((phone for phone in free if phone not in called), None)
            if callee is None or next(left, None) is None:
                return
            free.remove(callee)
            called.add(callee)
            await one_call(Pair(caller, [callee]), tally)
            free.append(callee)

    await asyncio.gather(*(go_on(caller) for caller in callers))
    return tally


async def trickle(pairs: Sequence[Pair], seconds: float, rate: float) -> Tally:
    """Open loop: `rate` calls a second, whatever becomes of them; candidates come one after the other."""
    tally = Tally()
    free, tasks = list(pairs), set[asyncio.Task[None]]()

    async def go(pair: Pair) -> None:
        await one_call(pair, tally, spaced=True)
        free.append(pair)

    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        if not free:
            tally.failures.append("no pair was free")
            continue
        task = asyncio.create_task(go(free.pop(0)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return tally
