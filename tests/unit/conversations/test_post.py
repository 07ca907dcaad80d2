"""The post in virtual time: what a sender sees of his messages, and when; what is told, in which order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ringline import ids
from ringline.bus import Bus
from ringline.refusal import Refusal
from ringline.v1 import (
    client_pb2,
    conversations_pb2,
    directory_pb2,
    policy_pb2,
    signaling_pb2,
    threads_pb2,
    types_pb2,
)
from ringline.v1.reasons_pb2 import Reason
from services.conversations.api import ConversationsApi
from services.conversations.box import Addition, Box, Person, added, stamped
from services.conversations.pages import Pages
from services.conversations.peers import Peers, Profiles
from services.conversations.post import Post
from services.conversations.steps import ROOM_SECONDS, STEP_SECONDS, step_after
from services.conversations.store import Sent, Store
from services.conversations.view import Change, Shown
from services.conversations.wakes import Wakes
from tests.instant import lapse, run

ADA, BOB = ids.mint("u_"), ids.mint("u_")
CLIENT_ID = "a-message-of-ada-1"
MESSAGES = 200
ADMITTED = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_ADMITTED)
UNHEARD = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_UNHEARD)


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


@dataclass
class Delays:
    """How long each part takes, in seconds."""

    verdict: Callable[[], float] = lambda: 0.002
    note: Callable[[], float] = lambda: 0.001
    write: Callable[[], float] = lambda: 0.003


class ToldStore(Store):
    """Boxes in memory."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.people = {user_id: Person(user_id) for user_id in (ADA, BOB)}
        self.boxes = {ADA: Box(ADA, BOB), BOB: Box(BOB, ADA)}
        self.kept: dict[str, Sent] = {}
        self.shown_at: list[float] = []
        self.newest: list[Change] = []

    async def sent(self, user_id: str, client_id: str) -> Sent | None:
        """What was written."""
        return self.kept.get(client_id)

    async def box(self, owner_id: str, other_id: str) -> tuple[Box, int]:
        """A box, and virtual milliseconds."""
        return self.boxes[owner_id], round(now() * 1000)

    async def send(self, additions: Sequence[Addition]) -> list[Change] | Sent:
        """Writes; from the end on it is seen."""
        await lapse(self.delays.write())
        self.shown_at.append(now())
        self.newest = [self.add(one) for one in additions]
        self.kept[additions[0].client_id or ""] = Sent(additions[0].other_id, additions[0].entry)
        return self.newest

    async def mark(self, owner_id: str, other_id: str, number: int) -> Change | None:
        """Marks."""
        await lapse(self.delays.write())
        person, box = stamped(self.people[owner_id], self.boxes[owner_id], self.boxes[owner_id])
        return Change(person, Shown(box, None), None)

    def add(self, new: Addition) -> Change:
        """One more entry."""
        was = self.boxes[new.owner_id]
        person, box = stamped(self.people[new.owner_id], was, added(was, new))
        self.people[new.owner_id], self.boxes[new.owner_id] = person, box
        return Change(person, Shown(box, new.entry), new.entry)


class ToldPages(Pages):
    """Reads the same boxes."""

    def __init__(self, store: ToldStore) -> None:
        self._store = store

    async def one(self, owner_id: str, other_id: str) -> Shown:
        """A box."""
        return Shown(self._store.boxes[owner_id], None)

    async def newest(self, owners: Sequence[str], item_id: str) -> list[Change]:
        """The last change."""
        return self._store.newest


class ToldPeers(Peers):
    """Knows everybody."""

    def __init__(self) -> None:
        pass

    async def profiles(self, user_ids: Any) -> Profiles:
        """Takes no time."""
        return {user_id: types_pb2.Profile(user_id=user_id) for user_id in user_ids}


@dataclass
class ToldOthers:
    """Policy and directory, as slow as they are told to be."""

    delays: Delays
    verdict: policy_pb2.MayMessageResponse = field(default_factory=lambda: ADMITTED)

    async def MayMessage(self, request: Any, **_: Any) -> policy_pb2.MayMessageResponse:
        """The verdict."""
        await lapse(self.delays.verdict())
        return self.verdict

    async def NoteMessaged(self, request: Any, **_: Any) -> directory_pb2.NoteMessagedResponse:
        """Is asked for messages alone that are heard."""
        await lapse(self.delays.note())
        return directory_pb2.NoteMessagedResponse()


class ToldBus(Bus):
    """Notes what is published, and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, str, client_pb2.ThreadChanged]] = []

    async def publish_wake(self, gateway_id: str, wake: bytes) -> bool:
        """At once."""
        for frame in signaling_pb2.Wake.FromString(wake).frames:
            told = client_pb2.ServerFrame.FromString(frame.frame).thread_changed
            self.heard.append((now(), frame.user_id, told))
        return True

    def feeds(self, user_id: str) -> list[int]:
        """The feed numbers of what a user was told, as it came."""
        return [told.thread.feed for _, user, told in self.heard if user == user_id]


async def locate(user_ids: list[str]) -> list[types_pb2.Line]:
    """Everybody has a line."""
    return [types_pb2.Line(user_id=user_id, gateway_id="g_one") for user_id in user_ids]


class Office:
    """A post and all around it."""

    def __init__(self, delays: Delays | None = None, step: float = STEP_SECONDS, **wakes: Any) -> None:
        self.minted_at: list[float] = []
        delays = delays or Delays()
        self.store, self.bus = ToldStore(delays), ToldBus()
        self.others = ToldOthers(delays)
        self.wakes = Wakes(self.bus, "v_one", **({"locate": locate} | wakes))
        others: Any = self.others
        self.pages, self.peers = ToldPages(self.store), ToldPeers()
        self.post = Post(self.store, self.pages, self.peers, others, others, self.wakes, step, self.mint)

    def mint(self, prefix: str) -> str:
        """An id; it bears the time at which it was minted."""
        self.minted_at.append(now())
        return ids.mint(prefix)

    async def send(self, client_id: str = CLIENT_ID, text: str = "hello") -> threads_pb2.Entry:
        """Ada writes to Bob."""
        return (await self.post.send(ADA, BOB, client_id, text)).entry


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
