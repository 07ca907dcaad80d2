"""What is asked in one turn of the loop is loaded together."""

import asyncio
from collections.abc import Sequence

import pytest

from ringline.gather import LANES, MOST, Gather
from ringline.refusal import Refusal
from ringline.v1 import reasons_pb2


class Doubler:
    """Loads twice the number, and notes what was loaded together; waits at the gate."""

    def __init__(self) -> None:
        self.loads: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None

    async def load(self, keys: list[int]) -> Sequence[int]:
        self.loads.append(keys)
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return [2 * key for key in keys]


async def test_one_turn_is_one_load() -> None:
    doubler = Doubler()
    gather = Gather(doubler.load)

    answers = await asyncio.gather(*(gather.ask(number) for number in range(20)))

    assert answers == [2 * number for number in range(20)]
    assert doubler.loads == [list(range(20))]


async def test_what_comes_while_all_lanes_are_taken_shares_the_next_load() -> None:
    doubler = Doubler()
    gather = Gather(doubler.load)
    doubler.gate.clear()
    asks = []
    for number in range(LANES + 4):
        asks.append(asyncio.create_task(gather.ask(number)))
        for _ in range(4):  # turns of the loop: asked, due, begun, loading
            await asyncio.sleep(0)

    doubler.gate.set()

    assert await asyncio.gather(*asks) == [2 * number for number in range(LANES + 4)]
    assert [len(load) for load in doubler.loads] == [1] * LANES + [4]


async def test_a_load_has_a_greatest_size() -> None:
    doubler = Doubler()
    gather = Gather(doubler.load)
    await asyncio.gather(*(gather.ask(number) for number in range(MOST + 1)))
    assert sorted(len(load) for load in doubler.loads) == [1, MOST]


async def test_a_refusal_reaches_everybody_who_asked() -> None:
    doubler = Doubler()
    doubler.fault = Refusal(reasons_pb2.REASON_UNAVAILABLE)
    gather = Gather(doubler.load)
    answers = await asyncio.gather(gather.ask(1), gather.ask(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Refusal, Refusal]

    doubler.fault = None
    assert await gather.ask(3) == 6


async def test_who_gave_up_is_not_loaded_for() -> None:
    doubler = Doubler()
    gather = Gather(doubler.load)
    given_up = asyncio.create_task(gather.ask(1))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await gather.ask(2) == 4
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert doubler.loads == [[2]]
