"""The judge: whether an installation came through. It reads what was seen before and after, and what two
honest people met meanwhile, and knows nothing of who sent what. Pure, but for the two people.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

from ringline.client import Call, Phone
from ringline.refusal import Refusal

FIGURES = ("ringline_lines", "ringline_streams", "ringline_bugs_total", "ringline_http_seconds_count")
FILES_MORE = 24
"""Open files and sockets that may come and go by themselves: connections of pools, kept-alive clients."""
WARM_CASES = 60_000
"""So many cases fill what is bounded: caches of networks, names and users, the allocator's arenas."""
LEAST_SPAN = 100_000
BYTES_PER_CASE = 60.0
"""A case that leaves one small object behind for ever leaves more."""
PATIENCE = 60.0
PAUSE_SECONDS = 0.3
"""Between two calls of honest people: they are to be witnesses, and no load. On a quick machine, too, they
stay below the 20 commands a second of a line, of which a call has up to five.
"""
_READING = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$", re.M)


@dataclass
class Seen:
    """What can be read of an installation from outside, at one moment."""

    pids: dict[str, int] = field(default_factory=dict)
    """By process; 0 where it does not run."""
    memory: dict[str, int] = field(default_factory=dict)
    """Resident bytes by process."""
    files: dict[str, int] = field(default_factory=dict)
    """Open files and sockets by process."""
    bugs: list[str] = field(default_factory=list)
    """Lines of the logs that tell of a fault."""
    figures: dict[str, float] = field(default_factory=dict)
    """FIGURES over all processes; of HTTP only the answers with a status of 500 and more."""


def readings(text: str) -> Iterator[tuple[str, float]]:
    """The figures that the judge looks at, from the text of /metrics."""
    for name, labels, value in _READING.findall(text):
        if name in FIGURES and (name != "ringline_http_seconds_count" or 'status="5' in labels):
            yield name, float(value)


def verdict(first: Seen, before: Seen, after: Seen) -> list[str]:
    """What is wrong after an attack is over and its connections are closed. What stays is held against the
    first look of all: a little that each attack leaves behind adds up.
    """
    found = []
    for name, pid in first.pids.items():
        if not pid or after.pids.get(name) != pid:
            found.append(f"the process {name} ended or was started anew")
        more = after.files.get(name, 0) - first.files.get(name, 0)
        if more > FILES_MORE:
            found.append(f"{name} keeps {more} more files and sockets open")
    found += [f"a fault was logged: {line[:1500]}" for line in after.bugs[len(before.bugs) :]]
    for figure, what in (
        ("ringline_bugs_total", "faults were counted"),
        ("ringline_http_seconds_count", "requests were answered with 5xx"),
    ):
        more_of = after.figures.get(figure, 0.0) - before.figures.get(figure, 0.0)
        if more_of > 0:
            found.append(f"{more_of:.0f} {what}")
    for figure in ("ringline_lines", "ringline_streams"):
        if after.figures.get(figure, 0.0) > first.figures.get(figure, 0.0):
            found.append(f"{figure} rose from {first.figures.get(figure)} to {after.figures.get(figure)}")
    return found


def is_quiet(first: Seen, after: Seen) -> bool:
    """Whether what was opened is closed again, as far as it ever will be."""
    lines = "ringline_lines"
    return after.figures.get(lines, 0.0) <= first.figures.get(lines, 0.0) and all(
        after.files.get(name, 0) - files <= FILES_MORE for name, files in first.files.items()
    )


@dataclass
class Memory:
    """Resident memory by process over the cases that were sent."""

    samples: list[tuple[int, dict[str, int]]] = field(default_factory=list)

    def add(self, cases: int, memory: dict[str, int]) -> None:
        """What was seen after so many cases in all."""
        self.samples.append((cases, dict(memory)))

    def slopes(self) -> dict[str, float]:
        """Bytes a case, by process, once what is bounded is full; empty before."""
        warm = [one for one in self.samples if one[0] >= WARM_CASES]
        if len(warm) < 3 or warm[-1][0] - warm[0][0] < LEAST_SPAN:
            return {}
        xs = [float(cases) for cases, _ in warm]
        return {name: _slope(xs, [float(memory[name]) for _, memory in warm]) for name in warm[0][1]}

    def verdict(self) -> list[str]:
        """Which processes grow with the cases."""
        return [
            f"{name} grows by {slope:.0f} bytes a case"
            for name, slope in self.slopes().items()
            if slope > BYTES_PER_CASE
        ]


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


@dataclass
class Calls:
    """What two honest people met."""

    made: int = 0
    failed: list[str] = field(default_factory=list)
    rings_ms: list[float] = field(default_factory=list)
    """From the press of the button until the other device rings."""

    @property
    def median_ms(self) -> float:
        """The median of the rings; 0 where there are none."""
        return median(self.rings_ms or [0.0])


Talk = tuple[Call, Call]
"""A call, as who called and who was called have it."""


class Honest:
    """Two people who call each other all the while, by turns."""

    def __init__(self, ada: Phone, bob: Phone, patience: float = PATIENCE) -> None:
        """`patience` is in seconds: until a call that should take a hundredth of one has failed."""
        self.pair = (ada, bob)
        self.patience = patience
        self.live = ""
        """The call that goes on now: others may try their hand at it."""

    async def call(self, seen: Calls) -> None:
        """One call, answered and hung up; what went wrong goes to `seen`."""
        held = await self.talk(seen)
        if held is not None:
            await self.part(held, seen)

    async def talk(self, seen: Calls) -> Talk | None:
        """A call that is connected; None where it failed, which goes to `seen`."""
        caller, callee = self.pair
        self.pair = (callee, caller)
        seen.made += 1
        async with self._witnessed(seen):
            began = time.perf_counter()
            call = await caller.place("@" + callee.session.username, within=self.patience)
            self.live = call.call_id
            ring = await callee.rings(self.patience)
            seen.rings_ms.append((time.perf_counter() - began) * 1000)
            await _insist(lambda: ring.answer(offer=b"offer"))
            offer = await call.until_described(within=self.patience)
            await _insist(lambda: call.describe(b"answer", answers=offer.generation))
            await ring.until_described(within=self.patience)
            await asyncio.gather(
                _insist(lambda: call.report("flowing")), _insist(lambda: ring.report("flowing"))
            )
            await call.until("connected", within=self.patience)
            await ring.until("connected", within=self.patience)
            return call, ring
        return None

    async def go_on(self, held: Talk, seen: Calls) -> None:
        """Both still talk, and the server says so too: nobody has ended their call, or held it."""
        async with self._witnessed(seen):
            for one in held:
                await _insist(one.set_media)  # refused where it is over; and answered by what is so now
            for one in held:
                assert one.phase == "connected" and not one.holds and not one.peer_holds, one

    async def part(self, held: Talk, seen: Calls) -> None:
        """Who called hangs up; what went wrong goes to `seen`."""
        call, ring = held
        async with self._witnessed(seen):
            await _insist(call.hang_up)
            await ring.until(ended="hung_up", within=self.patience)

    @asynccontextmanager
    async def _witnessed(self, seen: Calls) -> AsyncIterator[None]:
        """What fails in the block goes to `seen`."""
        try:
            async with asyncio.timeout(self.patience):
                yield
        except (Refusal, TimeoutError, ConnectionError, AssertionError) as error:
            one, other = self.pair
            seen.failed.append(
                f"a call of honest people failed: {type(error).__name__}: {error}; {one}; {other}"
            )
            await self._clear()

    async def _clear(self) -> None:
        """Hangs up whatever is left, so that the next call tells of itself."""
        for phone in self.pair:
            for call in phone.calls.values():
                if call.is_live:
                    with suppress(Refusal, TimeoutError, ConnectionError):
                        await call.hang_up()

    async def until(self, over: asyncio.Event, seen: Calls) -> None:
        """Calls until `over` is set; one call at least."""
        while True:
            await self.call(seen)
            if over.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), PAUSE_SECONDS)


async def _insist(act: Callable[[], Awaitable[object]]) -> None:
    """Does it again where there is no answer, as people do, until whoever waits has no patience left."""
    for _ in range(1_000):
        with suppress(TimeoutError):
            await act()
            return
