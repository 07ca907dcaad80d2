"""Those who attack, in a process of their own: the kinds of the storm (tests/hostile), in small pieces and at
a pace. They stand for other machines, so they get no more of the processor than everybody else leaves them.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

import httpx
import uvloop

from bench.accounting import stand_back
from bench.aside import answer, orders
from tests.hostile import attacks, excess
from tests.hostile.attacks import Attack, Outcome
from tests.hostile.siege import ATTACKERS, Siege
from tests.hostile.storm import assault, planned

LANES = 24
"""Pieces at the same time: those of connections that have to be closed by time wait for seconds."""
MIX: tuple[tuple[Attack, int, int], ...] = (
    (attacks.on_a_line, 25, 60),
    (attacks.as_strangers, 6, 3),
    (attacks.badly_framed, 6, 2),
    (attacks.bad_requests, 6, 3),
    (excess.floods, 33, 1),
)
"""As the storm has it, in pieces a sixteenth as large, so that a pace is one; a flood is as large as it is,
and so comes sixteen times as often.
"""
Piece = tuple[Attack, int, int]


def mix_of(names: Sequence[str]) -> Sequence[Piece]:
    """The kinds with these names, or all."""
    return [one for one in MIX if not names or one[0].__name__ in names]


def paced(pieces: Iterable[Piece], rate: float) -> Iterator[tuple[float, Piece]]:
    """Each piece with the second in which it is due, so that there are `rate` cases a second; all at once
    where the rate is 0.
    """
    before = 0
    for piece in pieces:
        yield before / rate if rate else 0.0, piece
        before += piece[2]


async def attack(siege: Siege, seed: int, rate: float, seconds: float, mix: Sequence[Piece]) -> Outcome:
    """Attacks for so many seconds, and waits for the end of those that were begun. `rate` is in cases a
    second, 0 for as many as go.
    """
    pieces = paced(planned(Random(seed), sys.maxsize, mix), rate)
    clock, done = asyncio.get_running_loop().time, Outcome()
    began = clock()

    async def lane() -> None:
        for due, (kind, number, size) in pieces:
            await asyncio.sleep(began + due - clock())
            if due >= seconds or clock() - began >= seconds:
                return
            done.add(await assault(siege, kind, number, size))

    await asyncio.gather(*(lane() for _ in range(LANES)))
    return done


async def main() -> None:
    """The first order says where the doors are and whom one may know; each one after it is a window."""
    stand_back()
    heard = orders()
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as http:
        place = await anext(heard)
        doors = [(str(host), int(port)) for host, port in (place["shipped"], place["unlimited"])]
        siege = Siege(Path(), [], doors[0], doors[1], http, ())
        siege.known.names = place["names"]
        dice = Random("attackers")
        siege.attackers = [await siege.person("mallory", dice) for _ in range(ATTACKERS)]
        answer(ready=True)
        async for order in heard:
            mix = mix_of(order["kinds"])
            done = await attack(siege, order["seed"], order["rate"], order["seconds"], mix)
            answer(cases=done.cases.total(), found=done.found[:20], not_let_in=done.repeated["not let in"])


if __name__ == "__main__":
    uvloop.run(main())
