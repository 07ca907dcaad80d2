"""A caller learns nothing from when he is told. At full size this is a part of the campaign."""

import pytest

from tests.suite import timing
from tests.suite.people import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")
LEAST_ROUNDS, MOST_ROUNDS = 12, 150


@pytest.mark.shows("S6")
async def test_the_reply_to_a_call_comes_as_soon_whoever_the_callee_is(stage: Stage) -> None:
    """And a delay of twenty milliseconds in one class would be seen: it is put there, and is."""
    async with timing.trial(stage, seed=1) as trial:
        shifts = await timing.compare(trial, timing.replies, LEAST_ROUNDS, MOST_ROUNDS)
    print("\n".join(timing.table(shifts)))
    assert not timing.complaints(shifts)
