"""The answering half of a stream, in virtual time."""

import asyncio
from collections.abc import AsyncIterator

from ringline.answerer import BEAT_SECONDS, Draining, answer_batches
from ringline.v1 import policy_pb2
from tests.instant import lapse, run


async def nothing() -> AsyncIterator[policy_pb2.DecideRequest]:
    """The questions of somebody who asks none and stays."""
    await asyncio.Event().wait()
    yield policy_pb2.DecideRequest()


async def admit(attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
    """Admits everybody."""
    return policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_ADMITTED)


def test_who_asks_nothing_hears_at_once_that_a_service_is_on_its_way_out() -> None:
    async def story() -> None:
        draining = Draining()
        responses = answer_batches(
            nothing(),
            lambda request: request.attempts,
            admit,
            lambda verdicts: policy_pb2.DecideResponse(verdicts=verdicts),
            lambda refused: policy_pb2.Verdict(refused=refused),
            draining,
            "policy.Decide",
        )
        heard = asyncio.ensure_future(anext(responses))
        await lapse(BEAT_SECONDS * 1.5)
        began = asyncio.get_running_loop().time()
        draining.set()
        assert (await heard).draining
        assert asyncio.get_running_loop().time() == began

    run(story())
