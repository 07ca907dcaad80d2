"""How soon a callee's devices are silent when he blocks whoever rings them: from the wish until the last one
has heard the end, over two gateways, while other calls go on.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load import CALL_SECONDS, Pair, trickle
from bench.measure import RATE, quantile
from ringline.client import Call, NotInTime, Session
from ringline.refusal import Refusal


@dataclass
class Blocks:
    """What was seen, in seconds from the wish to block."""

    acknowledged_s: list[float] = field(default_factory=list)
    silent_s: list[float] = field(default_factory=list)
    """Until the last of the callee's devices rings no more."""
    failures: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Milliseconds."""
        found: dict[str, Any] = {"block_rounds": len(self.silent_s), "block_failed": len(self.failures)}
        for name, seconds in (("acknowledged", self.acknowledged_s), ("silent", self.silent_s)):
            found[f"block_{name}_p50_ms"] = round(quantile(seconds, 0.5) * 1000, 1)
            found[f"block_{name}_p99_ms"] = round(quantile(seconds, 0.99) * 1000, 1)
            found[f"block_{name}_worst_ms"] = round(max(seconds, default=0.0) * 1000, 1)
        return found


async def blocks(
    doors: Sequence[str], pairs: Sequence[Pair], others: Sequence[Pair], rounds: int
) -> dict[str, Any]:
    """Blocks `rounds` callers in the middle of their ring, one after the other, while `others` call."""
    found = Blocks()
    stop = asyncio.Event()
    background = asyncio.create_task(_calls(others, stop))
    try:
        for number in range(rounds):
            pair = pairs[number % len(pairs)]
            door = doors[number // len(pairs) % len(doors)]
            session = pair.devices[number % len(pair.devices)].session.through([door])
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await _block(pair, session, found)
            except (TimeoutError, NotInTime, Refusal, ConnectionError) as problem:
                found.failures.append(f"{type(problem).__name__}: {problem}")
    finally:
        stop.set()
        await background
    return found.figures()


async def _calls(pairs: Sequence[Pair], stop: asyncio.Event) -> None:
    """The light load, second by second, until it is to stop."""
    while not stop.is_set():
        await trickle(pairs, 1.0, RATE)


async def _block(pair: Pair, session: Session, found: Blocks) -> None:
    placing = asyncio.create_task(pair.caller.place(pair.username, audio=True, within=CALL_SECONDS))
    try:
        rings = await asyncio.gather(*(phone.rings(CALL_SECONDS) for phone in pair.devices))
    finally:
        call = await placing
    caller = pair.caller.session.username
    began = time.perf_counter()

    async def block() -> float:
        await session.block(caller)
        return time.perf_counter() - began

    async def silent(ring: Call) -> float:
        await ring.until("ended", within=CALL_SECONDS)
        return time.perf_counter() - began

    acknowledged, *ends = await asyncio.gather(block(), *map(silent, rings))
    found.acknowledged_s.append(acknowledged)
    found.silent_s.append(max(ends))
    await call.hang_up()
    await session.unblock(caller)
    for phone in (pair.caller, *pair.devices):
        phone.calls.pop(call.call_id, None)
