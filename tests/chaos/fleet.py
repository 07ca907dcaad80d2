"""The fleet: pairs of people who call each other through the gateways' own doors, in ways drawn from a seed,
for as long as it is asked of them. At the end everybody hangs up and waits until all know that all is over.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx

from ringline.client import Api, DeviceKey, NotInTime, Session
from ringline.client.call import Call
from ringline.refusal import Refusal
from tests.chaos.device import Device
from tests.chaos.installation import RING_SECONDS
from tests.chaos.media import Stream
from tests.chaos.story import Book, Flow

PATIENCE = 10.0
"""Seconds after which somebody gives up what he waits for."""
CLEAR_SECONDS = 60.0
AT_ONCE = 5
"""So many pairs sign up at the same time."""
SETTLE_SECONDS = 60.0
TROUBLE = (Refusal, TimeoutError, NotInTime, ConnectionError)
LETTERS = "bcdfghjkpqtvxz"
SECOND_DEVICES = 4
"""Of so many pairs one has a callee with a second device."""
MEDIA = 0.5
"""The share of calls in which media bots talk; in the others both sides only say that media flows."""


async def moment(seconds: float) -> None:
    """Lets time pass."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


class Pair:
    """Two people who call each other, over and over."""

    def __init__(self, number: int, one: list[Device], other: list[Device], book: Book) -> None:
        self.sides = (one, other)
        self.book = book
        self.outcomes: Counter[str] = Counter()
        self._chance = random.Random()
        self._number = number
        for mine, theirs in ((one, other), (other, one)):
            for device in mine:
                device.peer_id = theirs[0].session.user_id

    @property
    def devices(self) -> list[Device]:
        """Everybody's."""
        return [*self.sides[0], *self.sides[1]]

    async def play(self, seed: int, goes_on: Callable[[], bool]) -> None:
        """Calls until it is told to stop; whatever went wrong, the next call begins with a clean table."""
        self._chance = random.Random(seed * 1000 + self._number)
        await moment(self._chance.random() * 2)
        while goes_on():
            act = self._chance.choices(ACTS, WEIGHTS)[0]
            sides = list(self.sides)
            self._chance.shuffle(sides)
            caller, callees = self._chance.choice(sides[0]), sides[1]
            try:
                await act(self, caller, callees)
                self.outcomes[act.__name__] += 1
            except TROUBLE as trouble:
                self.outcomes[f"{act.__name__}: {_name(trouble)}"] += 1
            await self.clear()
            await moment(self._chance.uniform(0.05, 0.6))

    async def clear(self, within: float = CLEAR_SECONDS) -> bool:
        """Ends whatever goes on as far as anybody knows; whether that was done in time."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            live = [(one, call) for one in self.devices for call in one.live()]
            if not live:
                return True
            await asyncio.gather(*(_end(one, call) for one, call in live))
            await moment(0.1)
        return False

    # ------------------------------------------------------------ acts

    async def short_talk(self, caller: Device, callees: list[Device]) -> None:
        """A few words."""
        await self._talk(caller, callees, self._chance.uniform(0.3, 1.5))

    async def long_talk(self, caller: Device, callees: list[Device]) -> None:
        """Long enough that faults come and go meanwhile."""
        await self._talk(caller, callees, self._chance.uniform(8.0, 30.0))

    async def cancelled(self, caller: Device, callees: list[Device]) -> None:
        """The caller changes his mind while it rings."""
        call = await caller.place(callees[0].username, within=PATIENCE)
        await _rings(self._chance.choice(callees), call)
        await moment(self._chance.uniform(0.0, 1.0))
        await call.hang_up()

    async def declined(self, caller: Device, callees: list[Device]) -> None:
        """The callee has no time."""
        call = await caller.place(callees[0].username, within=PATIENCE)
        ring = await _rings(self._chance.choice(callees), call)
        await ring.decline(everywhere=True)
        await call.until("ended", within=PATIENCE)

    async def unheard(self, caller: Device, callees: list[Device]) -> None:
        """Nobody answers."""
        call = await caller.place(callees[0].username, within=PATIENCE)
        await call.until("ended", within=60.0)

    async def glare(self, caller: Device, callees: list[Device]) -> None:
        """Both call at once."""
        callee = self._chance.choice(callees)
        calls = await asyncio.gather(
            caller.place(callee.username, within=PATIENCE),
            callee.place(caller.username, within=PATIENCE),
            return_exceptions=True,
        )
        made = [one for one in calls if isinstance(one, Call)]
        if made:
            await moment(0.2)
            await made[0].hang_up()

    async def _talk(self, caller: Device, callees: list[Device], seconds: float) -> None:
        call = await caller.place(callees[0].username, within=PATIENCE)
        callee = self._chance.choice(callees)
        ring = await _rings(callee, call)
        ends = [(caller, call), (callee, ring)]
        async with streams(self.book, ends if self._chance.random() < MEDIA else []) as media:
            bodies = [one.description for one in media] or [b"caller", b"callee"]
            await ring.answer(offer=bodies[1], within=PATIENCE)
            offer = await call.until_described(within=PATIENCE)
            if media:
                media[0].send_to(offer.body)
            await call.describe(bodies[0], answers=offer.generation)
            answer = await ring.until_described(within=PATIENCE)
            if media:
                media[1].send_to(answer.body)
                async with asyncio.timeout(PATIENCE):
                    await asyncio.gather(*(one.flows.wait() for one in media))
            await asyncio.gather(call.report("flowing"), ring.report("flowing"))
            await asyncio.gather(*(one.until("connected", within=PATIENCE) for one in (call, ring)))
            with suppress(NotInTime):
                await call.until("ended", within=seconds)
            await self._chance.choice((call, ring)).hang_up()
            await asyncio.gather(*(one.until("ended", within=PATIENCE) for one in (call, ring)))


Act = Callable[[Pair, Device, list[Device]], Awaitable[None]]
ACTS: Sequence[Act] = (
    Pair.short_talk, Pair.long_talk, Pair.cancelled, Pair.declined, Pair.unheard, Pair.glare,
)  # fmt: skip
WEIGHTS = (52, 14, 14, 10, 1, 9)


@asynccontextmanager
async def streams(book: Book, ends: list[tuple[Device, Call]]) -> AsyncIterator[list[Stream]]:
    """Media bots for both ends of a call; what came is written down."""
    media = [await Stream.open() for _ in ends]
    try:
        yield media
    finally:
        for one, (device, call) in zip(media, ends, strict=True):
            one.close()
            if one.packets:
                book.flows.append(
                    Flow(device.name, device.session.user_id, call.call_id, one.first, one.last, one.packets)
                )


async def _rings(device: Device, call: Call) -> Call:
    """The same call on the callee's device, which begins to ring."""
    await device.until(lambda phone: call.call_id in phone.calls or not call.is_live, PATIENCE)
    if call.call_id not in device.calls:
        raise NotInTime("it ended before it rang")
    return device.calls[call.call_id]


async def _end(device: Device, call: Call) -> None:
    with suppress(*TROUBLE):
        if call.incoming and not call.view.here:
            await call.decline(everywhere=True)
        else:
            await call.hang_up()


def _name(trouble: BaseException) -> str:
    return trouble.name if isinstance(trouble, Refusal) else type(trouble).__name__


class Fleet:
    """Everybody."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs
        self._is_open = True

    async def play(self, seed: int) -> None:
        """Everybody calls, until `stop`."""
        await asyncio.gather(*(pair.play(seed, lambda: self._is_open) for pair in self.pairs))

    def stop(self) -> None:
        """No more calls are begun."""
        self._is_open = False

    @property
    def placed(self) -> int:
        """The calls that were acknowledged."""
        return sum(
            one.verb == "place" and one.is_done for pair in self.pairs for one in pair.book.history.said
        )

    async def settle(self) -> None:
        """Everybody is there and hangs up."""
        devices = [one for pair in self.pairs for one in pair.devices]
        with suppress(*TROUBLE):
            await asyncio.gather(*(one.until_connected(SETTLE_SECONDS) for one in devices))
        await asyncio.gather(*(pair.clear() for pair in self.pairs))

    def outcomes(self) -> Counter[str]:
        """What came of the acts."""
        return sum((pair.outcomes for pair in self.pairs), Counter())


@asynccontextmanager
async def fleet(gateways: Sequence[str], http: httpx.AsyncClient, pairs: int) -> AsyncIterator[Fleet]:
    """So many pairs with their devices connected, neighbours to different gateways."""
    async with AsyncExitStack() as stack:
        made: list[Pair] = []
        for first in range(0, pairs, AT_ONCE):
            numbers = range(first, min(pairs, first + AT_ONCE))
            made += await asyncio.gather(*(_pair(gateways, http, number) for number in numbers))
            for device in (device for pair in made[first:] for device in pair.devices):
                stack.push_async_callback(device.close)
                await _connect(device)
        yield Fleet(made)


async def _connect(device: Device, within: float = CLEAR_SECONDS) -> None:
    """Opens a device's first line; processes that just began, on a busy machine, may need some tries."""
    deadline = time.monotonic() + within
    while True:
        try:
            await device.connect(PATIENCE)
            return
        except TROUBLE:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _pair(gateways: Sequence[str], http: httpx.AsyncClient, number: int) -> Pair:
    wall_ms = time.time() * 1000 - time.monotonic() * 1000
    book = Book(wall_ms=wall_ms, ring_s=RING_SECONDS)
    names = [_username(number, side) for side in "ab"]
    one, other = [await sign_up(gateways, http, name) for name in names]
    await one.add_contact(names[1])
    await other.add_contact(names[0])
    book.history.people = (one.user_id, other.user_id)
    sides = [[Device(session, turned(gateways, number + side), book)]
             for side, session in enumerate((one, other))]  # fmt: skip
    if number % SECOND_DEVICES == 0:
        api = Api(gateways, http)
        tablet = await api.sign_in(names[1], _password(names[1]), DeviceKey(), "tablet")
        sides[1].append(Device(tablet, turned(gateways, number), book))
    return Pair(number, sides[0], sides[1], book)


async def sign_up(gateways: Sequence[str], http: httpx.AsyncClient, name: str) -> Session:
    """A new account, signed in on a new device."""
    api = Api(gateways, http)
    await api.sign_up(name, _password(name))
    return await api.sign_in(name, _password(name), DeviceKey())


def _username(number: int, side: str) -> str:
    letters = "".join(LETTERS[int(digit)] for digit in f"{number:04}")
    return f"{side}_{letters}{letters[::-1]}"


def _password(name: str) -> str:
    return f"the password of {name}, who is a script"


def turned(gateways: Sequence[str], first: int) -> list[str]:
    """The gateways, beginning with another one."""
    return [gateways[(first + step) % len(gateways)] for step in range(len(gateways))]
