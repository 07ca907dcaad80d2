"""Honest people who call each other while others attack, in a process of their own whose loop does nothing
else: how long they wait is the servers' doing, and the machine's.
"""

import asyncio
from collections.abc import Sequence
from random import Random

import httpx
import uvloop

from bench.aside import answer, orders
from bench.load import Pair, Tally, one_call
from ringline.client import Api, DeviceKey, Phone
from tests.hostile.siege import LETTERS, PASSWORD

PAIRS = 4
PAUSE_SECONDS = (0.2, 0.4)
"""Between two calls of a pair: below the 20 commands a second of a line."""
BEAT_SECONDS = 0.02
"""Between two looks at how late this process itself is."""


async def person(stem: str, doors: Sequence[str], dice: Random, http: httpx.AsyncClient) -> Phone:
    """Somebody with a phone, which is at the first door."""
    name = f"{stem}_" + "".join(dice.choice(LETTERS) for _ in range(14))
    api = Api(doors, http)
    await api.sign_up(name, PASSWORD)
    session = await api.sign_in(name, PASSWORD, DeviceKey())
    return await Phone(session, doors).connect(20.0)


async def pair(doors: Sequence[str], dice: Random, http: httpx.AsyncClient) -> tuple[Phone, Phone]:
    """Two people who know each other, one at each door."""
    ada = await person("ada", doors, dice, http)
    bob = await person("bob", doors[::-1], dice, http)
    await ada.session.add_contact(bob.session.username)
    await bob.session.add_contact(ada.session.username)
    return ada, bob


async def call(phones: tuple[Phone, Phone], seconds: float, dice: Random, tally: Tally) -> None:
    """They call each other by turns for so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    caller, callee = phones
    while True:
        await asyncio.sleep(dice.uniform(*PAUSE_SECONDS))
        if loop.time() >= end:
            return
        await one_call(Pair(caller, [callee]), tally)
        caller, callee = callee, caller


async def beat(late_s: list[float]) -> None:
    """Writes down how late each beat of this loop is, until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        late_s.append(max(0.0, loop.time() - due))


async def main() -> None:
    """The first order says where the doors are; each one after it is a window."""
    heard, dice = orders(), Random("witnesses")
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as http:
        doors = (await anext(heard))["doors"]
        pairs = [await pair(doors, dice, http) for _ in range(PAIRS)]
        answer(names=["@" + phone.session.username for phones in pairs for phone in phones])
        async for order in heard:
            tally, late_s = Tally(), list[float]()
            beating = asyncio.create_task(beat(late_s))
            await asyncio.gather(*(call(phones, order["seconds"], dice, tally) for phones in pairs))
            beating.cancel()
            answer(
                rings_s=tally.rings_s, answers_s=tally.answers_s, failures=tally.failures[:20], late_s=late_s
            )
        await asyncio.gather(*(phone.close() for phones in pairs for phone in phones))


if __name__ == "__main__":
    uvloop.run(main())
