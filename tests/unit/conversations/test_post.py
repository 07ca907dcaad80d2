"""The post in virtual time: what a sender sees of his messages, and when; what is told, in which order."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ringline import ids, telemetry
from ringline.refusal import Refusal
from ringline.v1 import (
    client_pb2,
    conversations_pb2,
    policy_pb2,
    threads_pb2,
    types_pb2,
)
from ringline.v1.reasons_pb2 import Reason
from services.conversations.api import ConversationsApi
from services.conversations.box import Addition, Box
from services.conversations.steps import ROOM_SECONDS, STEP_SECONDS, step_after
from services.conversations.wakes import Wakes
from tests.instant import lapse, run
from tests.unit.conversations.office import (
    ADA,
    ADMITTED,
    BOB,
    UNHEARD,
    Delays,
    Office,
    locate,
    now,
)

MESSAGES = 200


async def slowly(user_ids: list[str]) -> list[types_pb2.Line]:
    """Where the lines are, of a presence that takes longer than several steps."""
    await lapse(0.2)
    return await locate(user_ids)


async def seen_of_messages(heard: bool, step: float, seed: int) -> list[tuple[int, ...]]:
    """What a sender can see of messages that are each the first: the time they bear, the one their ids bear,
    when a look shows them, when he is answered and when his lines are told, in milliseconds after he asked.
    """
    noise, own = random.Random(seed), random.Random(seed + 1)
    delays = Delays(
        verdict=lambda: noise.uniform(0.001, 0.12),
        note=lambda: own.uniform(0.0, ROOM_SECONDS),
        write=lambda: noise.uniform(0.001, 0.01),
    )
    office = Office(delays, step, locate=slowly)
    office.others.verdict = ADMITTED if heard else UNHEARD
    asked, borne, answered = [], [], []
    for number in range(MESSAGES):
        office.store.boxes = {ADA: Box(ADA, BOB), BOB: Box(BOB, ADA)}
        asked.append(now())
        entry = await office.send(f"message-{number:012}")
        borne.append(entry.at_ms / 1000)
        answered.append(now())
        await lapse(1.0)
    await lapse(2.0)
    told = [at for at, user_id, _ in office.bus.heard if user_id == ADA]
    times = zip(borne, office.minted_at, office.store.shown_at, answered, told, strict=True)
    return [
        tuple(round((one - began) * 1000) for one in seen) for began, seen in zip(asked, times, strict=True)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_no_time_that_a_sender_can_see_tells_what_was_delivered(seed: int) -> None:
    heard, unheard = (run(seen_of_messages(one, STEP_SECONDS, seed)) for one in (True, False))
    assert heard == unheard
    assert {tuple(borne) for *borne, _, _, _ in heard} == {(0, 0)}
    assert {(answered % 50, told % 50) for *_, answered, told in heard} == {(0, 0)}
    assert len({answered for *_, answered, _ in heard}) > 1, "they were not all equally fast"


def test_without_steps_the_times_would_tell_it() -> None:
    """The same comparison finds it where nobody waits."""
    heard, unheard = (run(seen_of_messages(one, 0.0, 1)) for one in (True, False))
    for seen in (2, 3, 4):
        later = sum(one[seen] > other[seen] for one, other in zip(heard, unheard, strict=True))
        assert later > MESSAGES * 0.8


def test_a_repeat_and_a_refusal_are_answered_at_a_step_too() -> None:
    async def story() -> list[float]:
        office = Office()
        await office.send()
        took = []
        for text in ("hello", "another text under the same id"):
            began = now()
            try:
                await office.send(text=text)
            except Refusal as refusal:
                assert refusal.reason == Reason.REASON_INVALID
            took.append(now() - began)
        office.others.verdict = policy_pb2.MayMessageResponse(
            outcome=policy_pb2.OUTCOME_REFUSED, refused=Refusal(Reason.REASON_LIMITED).to_proto()
        )
        began = now()
        with pytest.raises(Refusal):
            await office.send("another-message-00")
        return [*took, now() - began]

    assert run(story()) == pytest.approx([STEP_SECONDS] * 3)


def test_what_is_written_is_told_though_who_asked_went_away() -> None:
    async def story() -> list[str]:
        office = Office(Delays(write=lambda: 1.0))
        asking = asyncio.create_task(office.send())
        await lapse(0.5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not office.store.shown_at
        await office.post.aclose()
        await office.wakes.aclose()
        return sorted(user_id for _, user_id, _ in office.bus.heard)

    assert run(story()) == sorted([ADA, BOB])


def test_a_mark_is_told_though_who_asked_went_away() -> None:
    async def story() -> list[str]:
        office = Office(Delays(write=lambda: 1.0))
        api = ConversationsApi(office.store, office.pages, office.peers, office.post)
        request = conversations_pb2.MarkReadRequest(user_id=ADA, other_user_id=BOB, number=1)
        context: Any = None
        asking = asyncio.create_task(api.MarkRead(request, context))
        await lapse(0.5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await office.post.aclose()
        await office.wakes.aclose()
        return [user_id for _, user_id, _ in office.bus.heard]

    assert run(story()) == [ADA]


def test_a_message_that_its_process_did_not_live_to_tell_is_told_at_the_repeat_once() -> None:
    async def story() -> list[int]:
        office = Office()
        first = await office.send()
        await office.wakes.aclose()
        told = [len(office.bus.heard)]
        anew = Office()
        anew.store.kept, anew.store.newest = office.store.kept, office.store.newest
        for one in (office, anew, anew):
            assert await one.send() == first
            await one.wakes.aclose()
        assert anew.bus.feeds(BOB) == [1]
        return [*told, len(office.bus.heard), len(anew.bus.heard)]

    assert run(story()) == [2, 2, 2]


def test_what_a_repeat_could_not_tell_is_told_by_the_next_one() -> None:
    async def story() -> tuple[list[int], set[float]]:
        office, anew = Office(), Office()
        await office.send()
        anew.store.kept, anew.store.newest = office.store.kept, office.store.newest

        def refuse() -> float:
            raise Refusal(Reason.REASON_UNAVAILABLE)

        anew.store.delays.look = refuse
        with pytest.raises(Refusal):
            await anew.send()
        assert not anew.bus.heard
        anew.store.delays.look = lambda: 0.06
        began = now()
        asking = [asyncio.create_task(anew.send()) for _ in range(2)]
        await lapse(0.01)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        await lapse(1.0)
        told = [round(at - began, 6) for at, *_ in anew.bus.heard]
        return anew.bus.feeds(ADA) + anew.bus.feeds(BOB), set(told)

    feeds, told = run(story())
    assert feeds == [1, 1]
    assert told == {2 * STEP_SECONDS}


def test_a_write_that_fails_when_nobody_waits_for_it_is_reported() -> None:
    def bugs() -> float:
        return REGISTRY.get_sample_value("ringline_bugs_total", {"where": "conversations.post"}) or 0.0

    async def story(error: Exception) -> float:
        office = Office()
        before = bugs()

        def fail() -> float:
            raise error

        async def write() -> float:
            await lapse(0.5)
            return fail()

        asking = asyncio.create_task(office.post.finish(write()))
        await lapse(0.1)
        asking.cancel()
        await asyncio.wait([asking])
        await office.post.aclose()
        await lapse(0.0)
        return bugs() - before

    telemetry.configure()
    assert run(story(KeyError("a fault"))) == 1
    assert run(story(Refusal(Reason.REASON_UNAVAILABLE))) == 0


def test_a_write_that_never_ends_is_refused_in_the_end() -> None:
    async def story() -> Reason.ValueType:
        office = Office(Delays(write=lambda: 3600.0))
        with pytest.raises(Refusal) as refused:
            await office.send()
        return refused.value.reason

    assert run(story()) == Reason.REASON_UNAVAILABLE


def test_a_persons_changes_are_told_in_order_though_his_own_message_waits_for_its_step() -> None:
    async def story() -> tuple[list[int], list[float]]:
        office = Office()
        began = now()
        sending = asyncio.create_task(office.send())
        while not office.store.shown_at:
            await lapse(0.001)
        for _ in range(2):
            answer = Addition(ADA, BOB, ids.mint("m_"), threads_pb2.Entry(), counts=True)
            profiles = {BOB: types_pb2.Profile(user_id=BOB)}
            await lapse(0.001)
            office.post.announce([office.store.add(answer)], profiles)
        await sending
        await lapse(0.01)
        return office.bus.feeds(ADA), [at - began for at, user_id, _ in office.bus.heard if user_id == ADA]

    feeds, times = run(story())
    assert feeds == [1, 2, 3]
    assert times == pytest.approx([2 * STEP_SECONDS] * 3)


def test_of_too_many_wakes_the_oldest_go() -> None:
    async def story() -> list[int]:
        answer = asyncio.Event()

        async def slow(user_ids: list[str]) -> list[types_pb2.Line]:
            await answer.wait()
            return await locate(user_ids)

        office = Office(
            locate=slow,
            most_bytes=8 * len(client_pb2.ServerFrame(thread_changed=changed(1)).SerializeToString()),
        )
        for feed in range(1, 4):
            tell(office.wakes, feed)
        await lapse(0.1)
        for feed in range(4, 24):
            tell(office.wakes, feed)
        answer.set()
        await office.wakes.aclose()
        return office.bus.feeds(ADA)

    assert run(story()) == [1, 2, 3, 19, 20, 21, 22, 23]


def test_closing_waits_for_what_is_left_and_not_for_ever() -> None:
    async def story() -> tuple[list[int], float]:
        async def never(user_ids: list[str]) -> list[types_pb2.Line]:
            await asyncio.Event().wait()
            return []

        office = Office()
        tell(office.wakes, 1, due=now() + 3600)
        tell(office.wakes, 2)
        await office.wakes.aclose()
        stuck = Office(locate=never)
        tell(stuck.wakes, 1)
        began = now()
        stuck_at = asyncio.get_running_loop().call_later(3600, lambda: None)
        await stuck.wakes.aclose()
        stuck_at.cancel()
        return office.bus.feeds(ADA), now() - began

    feeds, took = run(story())
    assert feeds == [1, 2]
    assert took < 10


def changed(feed: int) -> client_pb2.ThreadChanged:
    """A change; the frame of each is as long as that of any other."""
    return client_pb2.ThreadChanged(thread=threads_pb2.Thread(feed=feed))


def tell(wakes: Wakes, feed: int, due: float = 0.0) -> None:
    """Tells Ada of a change."""
    wakes.tell(ADA, changed(feed), due)


@pytest.mark.parametrize("took", [0.0001, 0.004, 0.0499, 0.0501, 0.12, 3.337, 0.05, 0.05 - 1e-12])
def test_a_sender_is_answered_at_the_next_whole_step(took: float) -> None:
    step = step_after(took)
    assert 0.0 < step - took <= STEP_SECONDS + 1e-9
    assert step / STEP_SECONDS == pytest.approx(round(step / STEP_SECONDS))
    assert step_after(took, 0.0) == took
